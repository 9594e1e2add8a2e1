#include "sim/dcs.hpp"

#include <utility>

#include "sim/reply.hpp"

namespace holdfast::sim {

using base::ErrorKind;
using base::fail;
using base::Instant;
using base::Result;
using base::Task;
using ports::WatchEvent;

namespace {

constexpr Duration kReconnect = 500ms;  // of a broken watch

// Hands the events of a WatchConnection to a coroutine.
class Watch final : public ports::DcsWatch {
 public:
  Watch(Physics& physics, Etcd& etcd, Loop& loop, Place here, std::string prefix, std::int64_t from)
      : arrived_(loop), connection_(physics, etcd, here, std::move(prefix), from, [this](auto events) {
          if (!result_ || !result_->has_value() || !events) {
            result_ = std::move(events);
          } else {
            (*result_)->insert((*result_)->end(), events->begin(), events->end());
          }
          arrived_.set();
        }) {}

  Task<Result<std::vector<WatchEvent>>> next() override {
    co_await arrived_.wait();
    arrived_.clear();
    co_return *std::exchange(result_, std::nullopt);
  }

 private:
  base::Event arrived_;
  std::optional<Result<std::vector<WatchEvent>>> result_;
  WatchConnection connection_;
};

}  // namespace

Dcs::Dcs(Physics& physics, Etcd& etcd, Loop& loop, Place here)
    : physics_(physics), etcd_(etcd), loop_(loop), here_(here) {}

template <class T>
Task<Result<T>> Dcs::call(std::string what, Instant deadline, std::function<Result<T>(Etcd&)> execute) {
  auto reply = std::make_shared<Reply<Result<T>>>(loop_);
  const bool sent = physics_.network.reaches(here_, etcd_.place());
  // What runs after this coroutine may be gone, so it holds nothing of it.
  physics_.network.send(here_, etcd_.place(),
                        [&physics = physics_, &etcd = etcd_, here = here_, execute = std::move(execute),
                         waiting = std::weak_ptr(reply)]() mutable {
                          etcd.request([&physics, &etcd, here, execute = std::move(execute), waiting] {
                            auto result = execute(etcd);
                            if (etcd.loses_answer()) return;
                            physics.network.send(etcd.place(), here, [waiting, result = std::move(result)] {
                              if (const auto caller = waiting.lock()) caller->set(result);
                            });
                          });
                        });
  auto result = co_await Reply<Result<T>>::wait(std::move(reply), deadline);
  if (result) co_return std::move(*result);
  co_return fail(sent ? ErrorKind::timed_out : ErrorKind::unreachable, "{}: no answer from etcd", what);
}

Task<Result<ports::DcsSnapshot>> Dcs::read(std::string prefix, Instant deadline) {
  if (etcd_.answers_stale()) {
    co_await loop_.sleep(1ms);
    co_return fail(ErrorKind::unreachable, "reading {}: the etcd member that answered lags behind", prefix);
  }
  const std::string what = "reading " + prefix;
  auto snapshot = co_await call<ports::DcsSnapshot>(what, deadline, [prefix = std::move(prefix)](Etcd& etcd) {
    return Result<ports::DcsSnapshot>(etcd.read(prefix));
  });
  // Answers may overtake one another.
  if (snapshot && snapshot->revision < newest_revision_)
    co_return fail(ErrorKind::unreachable, "{}: revision {} is older than {}", what, snapshot->revision,
                   newest_revision_);
  if (snapshot) newest_revision_ = snapshot->revision;
  co_return snapshot;
}

Task<Result<std::int64_t>> Dcs::commit(ports::Transaction transaction, Instant deadline) {
  co_return co_await call<std::int64_t>(
      "writing", deadline,
      [transaction = std::move(transaction)](Etcd& etcd) { return etcd.commit(transaction); });
}

Task<Result<ports::DcsLease>> Dcs::grant(Duration ttl, Instant deadline) {
  co_return co_await call<ports::DcsLease>(
      "granting a lease", deadline, [ttl](Etcd& etcd) { return Result<ports::DcsLease>(etcd.grant(ttl)); });
}

Task<Result<void>> Dcs::keep_alive(std::int64_t lease, Instant deadline) {
  co_return co_await call<void>("renewing the lease", deadline,
                                [lease](Etcd& etcd) { return etcd.keep_alive(lease); });
}

Task<Result<void>> Dcs::revoke(std::int64_t lease, Instant deadline) {
  co_return co_await call<void>("revoking the lease", deadline,
                                [lease](Etcd& etcd) { return etcd.revoke(lease); });
}

std::unique_ptr<ports::DcsWatch> Dcs::watch(std::string prefix, std::int64_t from_revision) {
  return std::make_unique<Watch>(physics_, etcd_, loop_, here_, std::move(prefix), from_revision);
}

WatchConnection::WatchConnection(Physics& physics, Etcd& etcd, Place here, std::string prefix,
                                 std::int64_t from, Deliver deliver)
    : physics_(physics),
      etcd_(etcd),
      here_(here),
      prefix_(std::move(prefix)),
      next_(from),
      deliver_(std::move(deliver)),
      subscription_(etcd.subscribe([this] { poke(); })) {
  poke();
}

void WatchConnection::lose_connection(Duration for_how_long) {
  on_its_way_.cancel();
  connected_again_ = physics_.time.now() + for_how_long;
  poke();
}

void WatchConnection::poke() {
  if (on_its_way_.pending()) return;  // what is newer by then goes with it
  const auto wait = std::max(connected_again_ - physics_.time.now(), Duration{});
  on_its_way_ = physics_.time.after(wait + physics_.network.delay(etcd_.place(), here_), [this] { carry(); });
}

void WatchConnection::carry() {
  const bool connected =
      physics_.network.reaches(etcd_.place(), here_) && physics_.network.reaches(here_, etcd_.place());
  if (!connected) {
    on_its_way_ = physics_.time.after(kReconnect, [this] { carry(); });
    return;
  }
  auto events = etcd_.events_since(prefix_, next_);
  if (events && events->empty()) return;
  next_ = etcd_.revision() + 1;
  deliver_(std::move(events));
}

}  // namespace holdfast::sim
