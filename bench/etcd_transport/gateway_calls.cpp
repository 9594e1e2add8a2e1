// The product's own way: ports::Dcs on the JSON gateway.
#include <stdexcept>

#include "calls.hpp"
#include "etcd/etcd_dcs.hpp"

namespace holdfast::bench {
namespace {

class GatewayCalls final : public Calls {
 public:
  explicit GatewayCalls(std::uint16_t port)
      : dcs_(must(etcd::make_dcs(runtime_, patroni::EtcdConfig{.hosts = {{"127.0.0.1", port}}}))) {}

  void read(const std::string& prefix) override { must(runtime_.run_task(dcs_->read(prefix, deadline()))); }
  std::int64_t put_if_unchanged(const std::string& key, const std::string& value,
                                std::int64_t revision) override {
    return must(runtime_.run_task(dcs_->commit(
        {{ports::Compare::unchanged_since(key, revision)}, {ports::Put{key, value}}}, deadline())));
  }
  std::int64_t grant(std::int64_t seconds) override {
    return must(runtime_.run_task(dcs_->grant(std::chrono::seconds(seconds), deadline()))).id;
  }
  void keep_alive(std::int64_t lease) override {
    if (const auto ok = runtime_.run_task(dcs_->keep_alive(lease, deadline())); !ok)
      throw std::runtime_error(ok.error().message);
  }

 private:
  template <class T>
  static T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
  }
  base::Instant deadline() { return runtime_.clock().now() + std::chrono::seconds(10); }

  net::Runtime runtime_;
  std::unique_ptr<ports::Dcs> dcs_;
};

}  // namespace

std::unique_ptr<Calls> gateway_calls(std::uint16_t port) { return std::make_unique<GatewayCalls>(port); }

}  // namespace holdfast::bench
