#include "etcd/watch.hpp"

#include <algorithm>

#include "telemetry/log.hpp"

namespace holdfast::etcd {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using telemetry::Level;

constexpr base::Duration kOpenTimeout = std::chrono::seconds(3);
// etcd's own sign of life comes every 10 minutes only, so a silent watch asks its member, this often at most.
// A frozen member is left after both: soon enough to hear of a lost leader before a lease of Patroni's
// default 30 s ends.
constexpr base::Duration kSilence = std::chrono::seconds(2);
constexpr base::Duration kCheckTimeout = std::chrono::seconds(2);
constexpr base::Duration kFirstPause = std::chrono::milliseconds(50);
constexpr base::Duration kLongestPause = std::chrono::seconds(1);
constexpr std::size_t kMostWaiting =
    10'000;  // events that nobody fetched; then reading stops until somebody does

}  // namespace

Watch::Watch(std::shared_ptr<Gateway> gateway, std::string prefix, std::int64_t from_revision)
    : gateway_(std::move(gateway)),
      prefix_(std::move(prefix)),
      next_revision_(std::max<std::int64_t>(from_revision, 0)),
      arrived_(gateway_->runtime().executor()),
      taken_(gateway_->runtime().executor()),
      work_(gateway_->runtime().executor()) {
  work_.spawn(keep_watching());
}

Task<Result<std::vector<ports::WatchEvent>>> Watch::next() {
  co_await arrived_.wait();
  if (events_.empty() && ended_) co_return std::unexpected(*ended_);
  if (!ended_) arrived_.clear();
  taken_.set();
  co_return std::exchange(events_, {});
}

Task<void> Watch::keep_watching() {
  auto pause = kFirstPause;
  while (!ended_) {
    const auto endpoint = gateway_->first();
    served_ = false;
    if (endpoint) co_await watch_at(*endpoint);
    if (ended_) break;
    if (served_) pause = kFirstPause;
    co_await clock().sleep_until(clock().now() + pause);
    pause = std::min(2 * pause, kLongestPause);
  }
  arrived_.set();
}

// Returns when this connection is of no more use.
Task<void> Watch::watch_at(net::HttpEndpoint endpoint) {
  auto stream = co_await gateway_->open_watch(endpoint, watch_request(prefix_, next_revision_),
                                              clock().now() + kOpenTimeout);
  if (!stream) {
    complain(stream.error().message);
    gateway_->failed(endpoint);
    co_return;
  }
  heard_at_ = clock().now();
  co_await base::first_ends_first(gateway_->runtime().executor(), read(endpoint, std::move(*stream)),
                                  check(endpoint));
}

Task<void> Watch::read(net::HttpEndpoint endpoint, net::HttpStream stream) {
  while (true) {
    auto line = co_await stream.next_line();
    if (!line || !*line) {
      complain(fmt::format("{}: {}", to_string(endpoint), line ? "the answer ended" : line.error().message));
      if (!served_) gateway_->failed(endpoint);
      co_return;
    }
    heard_at_ = clock().now();
    if (!take(stream.status() == 200 ? parse_watch_line(**line) : parse_failure(stream.status(), **line),
              endpoint))
      co_return;
    while (events_.size() > kMostWaiting) {
      taken_.clear();
      co_await taken_.wait();
    }
  }
}

// False if the watch is over at this endpoint.
bool Watch::take(WatchMessage message, const net::HttpEndpoint& endpoint) {
  if (const auto* failure = std::get_if<Failure>(&message)) {
    if (failure->meaning == Meaning::compacted) ended_ = base::Error{ErrorKind::conflict, failure->message};
    if (failure->meaning == Meaning::token_invalid) gateway_->forget_token();
    // Of etcd's refusals the next member says the same; anything else may be this one's own trouble.
    const bool own_trouble = failure->meaning == Meaning::nothing_happened ||
                             failure->meaning == Meaning::unknown || failure->meaning == Meaning::unusable;
    if (own_trouble) gateway_->failed(endpoint);
    complain(fmt::format("{}: {}", to_string(endpoint), failure->message));
    return false;
  }
  if (!served_ && !last_complaint_.empty()) {
    telemetry::log(Level::info, "etcd: watching {} at {}", prefix_, to_string(endpoint));
    last_complaint_.clear();
  }
  served_ = true;
  if (const auto* created = std::get_if<WatchCreated>(&message)) {
    if (next_revision_ == 0) next_revision_ = created->revision + 1;
    return true;
  }
  for (auto& event : std::get<WatchEvents>(message)) {
    // All events of a revision come in one message, so going on from the next one loses and repeats nothing.
    next_revision_ = std::max(next_revision_, event.entry.mod_revision + 1);
    events_.push_back(std::move(event));
  }
  if (!events_.empty()) arrived_.set();
  return true;
}

// Returns when the member that serves the watch is found frozen, cut off from its leader, or not to tell us
// what it knows. TCP alone tells none of these.
Task<void> Watch::check(net::HttpEndpoint endpoint) {
  std::int64_t missed = 0;  // events from this revision on were there at the last check
  while (true) {
    if (const auto quiet_at = heard_at_ + kSilence; clock().now() < quiet_at) {
      co_await clock().sleep_until(quiet_at);
      continue;
    }
    const auto wanted = std::max<std::int64_t>(next_revision_, 1);
    auto newer = co_await gateway_->ask(endpoint, {"/v3/kv/range", newer_request(prefix_, wanted)},
                                        clock().now() + kCheckTimeout);
    if (!newer) {
      complain(newer.error().message);
      gateway_->failed(endpoint);
      co_return;
    }
    // Twice in a row: an event may be on its way while we ask.
    const bool behind = served_ && events_.empty() && next_revision_ == wanted && has_keys(*newer);
    if (behind && missed == wanted) {
      complain(fmt::format("{}: the watch misses events from revision {} on", to_string(endpoint), wanted));
      gateway_->failed(endpoint);
      co_return;
    }
    missed = behind ? wanted : 0;
    co_await clock().sleep_until(clock().now() + kSilence);
  }
}

// Once for each new kind of trouble, not once for each attempt.
void Watch::complain(std::string problem) {
  if (problem == last_complaint_) return;
  telemetry::log(Level::info, "etcd: the watch of {} is interrupted: {}", prefix_, problem);
  last_complaint_ = std::move(problem);
}

}  // namespace holdfast::etcd
