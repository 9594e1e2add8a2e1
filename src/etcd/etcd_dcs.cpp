#include "etcd/etcd_dcs.hpp"

#include <algorithm>

#include "etcd/gateway.hpp"
#include "etcd/messages.hpp"
#include "etcd/watch.hpp"

namespace holdfast::etcd {
namespace {

using base::ErrorKind;
using base::fail;
using base::Instant;
using base::Result;
using base::Task;

// True if the transaction, having happened, no longer meets this condition.
bool breaks(const ports::Write& write, const ports::Compare& condition) {
  using Field = ports::Compare::Field;
  if (const auto* put = std::get_if<ports::Put>(&write))
    return put->key == condition.key && (condition.field == Field::mod_revision || condition.equals == 0);
  return std::get<ports::Delete>(write).key == condition.key && condition.equals != 0;
}

// Such a transaction can be sent again when its effect is unknown: if it had happened, the repetition does
// nothing.
bool guards_itself(const ports::Transaction& transaction) {
  return std::ranges::any_of(transaction.conditions, [&](const auto& condition) {
    return std::ranges::any_of(transaction.writes,
                               [&](const auto& write) { return breaks(write, condition); });
  });
}

Result<net::TlsContext> tls_for(const patroni::EtcdConfig& config) {
  if (!config.tls && config.srv.empty()) return net::TlsContext();  // records may ask for TLS
  return net::make_tls_context(net::TlsClientOptions{.ca = {config.files.cacert, "etcd3.cacert"},
                                                     .certificate = {config.files.cert, "etcd3.cert"},
                                                     .key = {config.files.key, "etcd3.key"}});
}

class GatewayDcs final : public EtcdDcs {
 public:
  GatewayDcs(std::shared_ptr<Gateway> gateway, bool tls) : gateway_(std::move(gateway)), tls_(tls) {}

  Result<void> reload(const patroni::EtcdConfig& changed) override {
    auto config = changed;
    config.tls = tls_;  // the protocol belongs to the endpoints
    auto tls = tls_for(config);
    if (!tls) return std::unexpected(std::move(tls.error()));
    gateway_->identify_with({config.username, config.password}, std::move(*tls));
    return {};
  }

  Task<Result<ports::DcsSnapshot>> read(std::string prefix, Instant deadline) override {
    auto answer = co_await gateway_->call({"/v3/kv/range", range_request(prefix), Effect::none}, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    co_return parse_snapshot(answer->reply);
  }

  Task<Result<std::int64_t>> commit(ports::Transaction transaction, Instant deadline) override {
    const auto effect = guards_itself(transaction) ? Effect::repeatable : Effect::once;
    auto answer = co_await gateway_->call({"/v3/kv/txn", transaction_request(transaction), effect}, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    if (succeeded(answer->reply)) co_return answer->reply.header.revision;
    if (answer->repeated)  // our own first attempt may be what the repetition ran into
      co_return fail(ErrorKind::timed_out,
                     "etcd did not answer, and may or may not have written: a condition does "
                     "not hold any more at revision {}",
                     answer->reply.header.revision);
    co_return fail(ErrorKind::conflict, "a condition does not hold at revision {}",
                   answer->reply.header.revision);
  }

  Task<Result<ports::DcsLease>> grant(base::Duration ttl, Instant deadline) override {
    auto answer =
        co_await gateway_->call({"/v3/lease/grant", grant_request(ttl), Effect::repeatable}, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    co_return parse_lease(answer->reply);
  }

  Task<Result<void>> keep_alive(std::int64_t lease, Instant deadline) override {
    // Only the leader knows leases; the member that passes its answer on may be some revisions behind.
    const Call renewal{"/v3/lease/keepalive", lease_request(lease), Effect::repeatable, false};
    auto answer = co_await gateway_->call(renewal, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    if (!lease_renewed(answer->reply))
      co_return fail(ErrorKind::lease_lost, "etcd does not know lease {:x} any more", lease);
    co_return Result<void>();
  }

  Task<Result<void>> revoke(std::int64_t lease, Instant deadline) override {
    auto answer =
        co_await gateway_->call({"/v3/lease/revoke", lease_request(lease), Effect::repeatable}, deadline);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    co_return Result<void>();
  }

  std::unique_ptr<ports::DcsWatch> watch(std::string prefix, std::int64_t from_revision) override {
    return std::make_unique<Watch>(gateway_, std::move(prefix), from_revision);
  }

 private:
  std::shared_ptr<Gateway> gateway_;
  bool tls_;
};

}  // namespace

Result<std::unique_ptr<EtcdDcs>> make_dcs(net::Runtime& runtime, const patroni::EtcdConfig& config) {
  if (config.hosts.empty() && config.srv.empty())
    return fail(ErrorKind::invalid, "etcd3.hosts names no endpoint; give it host:port of every etcd member");
  auto tls = tls_for(config);
  if (!tls) return std::unexpected(std::move(tls.error()));
  std::list<net::HttpEndpoint> endpoints;
  std::unique_ptr<Discovery> discovery;
  if (config.srv.empty())
    for (const auto& [host, port] : config.hosts) endpoints.push_back({config.tls, host, port});
  else
    discovery = std::make_unique<Discovery>(runtime, config.srv, config.srv_suffix);
  auto gateway = std::make_shared<Gateway>(
      runtime, net::HttpClient(runtime, {.tls = std::move(*tls)}), std::move(endpoints),
      Credentials{config.username, config.password}, std::move(discovery));
  return std::make_unique<GatewayDcs>(std::move(gateway), config.tls);
}

}  // namespace holdfast::etcd
