#include <initializer_list>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sstream>
#include <utility>
#include <vector>

#include "router/reports.hpp"

namespace holdfast::router {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

class Families {
 public:
  // Values added from here on belong to this metric.
  void gauge(std::string name, std::string help) {
    begin(std::move(name), std::move(help), MetricType::Gauge);
  }
  void counter(std::string name, std::string help) {
    begin(std::move(name), std::move(help), MetricType::Counter);
  }

  void add(Labels labels, double value) {
    auto& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    (family.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
    family.metric.push_back(std::move(metric));
  }
  void add(Labels labels, std::uint64_t value) { add(std::move(labels), static_cast<double>(value)); }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  void begin(std::string name, std::string help, MetricType type) {
    families_.push_back({"holdfast_router_" + std::move(name), std::move(help), type, {}});
  }
  std::vector<MetricFamily> families_;
};

void add_cluster(Families& families, const Overview& overview) {
  const auto& [contents, table, etcd_problem, heard_at] = overview.cluster;
  families.gauge("info", "Version and cluster; always 1.");
  families.add({{"version", HOLDFAST_VERSION}, {"scope", std::string(overview.scope)}}, 1.0);
  families.gauge("epoch", "The highest epoch (create revision of the leader key) seen.");
  families.add({}, static_cast<double>(table.epoch));
  families.gauge("has_leader", "1 while etcd names a leader.");
  families.add({}, table.has_leader ? 1.0 : 0.0);
  families.gauge("etcd_answers", "1 if the last attempt to read etcd succeeded.");
  families.add({}, etcd_problem.empty() ? 1.0 : 0.0);
  families.gauge("etcd_silence_seconds", "Time since etcd was heard of last.");
  if (table.revision != 0) families.add({}, std::chrono::duration<double>(overview.now - heard_at).count());
  families.gauge("server_takes_clients", "1 if new sessions may be given to the server.");
  if (table.has_leader)
    families.add({{"server", table.leader.server.name}, {"role", "leader"}},
                 table.leader.has_address() ? 1.0 : 0.0);
  for (const auto& replica : table.replicas)
    families.add({{"server", replica.server.name}, {"role", "replica"}}, replica.takes_clients ? 1.0 : 0.0);
}

void add_ports(Families& families, const Traffic& traffic) {
  const auto each = [&](std::uint64_t PortNumbers<std::uint64_t>::* number) {
    for (const auto port : {routing::Port::read_write, routing::Port::read_only})
      families.add({{"port", std::string(to_string(port))}},
                   traffic.ports[static_cast<std::size_t>(port)].*number);
  };
  families.gauge("connections", "Client connections, whatever they do.");
  families.add({}, traffic.connections);
  families.gauge("sessions", "Sessions that have a server.");
  each(&PortNumbers<std::uint64_t>::sessions);
  families.gauge("held", "Clients that wait for a server, or for a place.");
  each(&PortNumbers<std::uint64_t>::held);
  families.counter("accepted_total", "Client connections accepted.");
  each(&PortNumbers<std::uint64_t>::accepted);
  families.counter("held_total", "Clients that had to wait.");
  each(&PortNumbers<std::uint64_t>::ever_held);
}

void add_ends(Families& families, const Traffic& traffic) {
  families.counter("ends_total", "Client connections that have ended, by reason.");
  for (std::size_t i = 0; i < kEndKinds; ++i) {
    const auto kind = static_cast<routing::EndKind>(i);
    if (!is_error(kind)) families.add({{"reason", std::string(to_string(kind))}}, traffic.ends[i]);
  }
  families.counter("errors_total", "Client connections that ended with an error, by kind.");
  for (std::size_t i = 0; i < kEndKinds; ++i) {
    const auto kind = static_cast<routing::EndKind>(i);
    if (is_error(kind)) families.add({{"kind", std::string(to_string(kind))}}, traffic.ends[i]);
  }
  families.counter("cancel_requests_total", "Requests to cancel a query.");
  families.add({{"server", "known"}}, traffic.cancels_relayed);
  families.add({{"server", "unknown"}}, traffic.cancels_unknown);
}

void add_servers(Families& families, const Traffic& traffic) {
  const auto each = [&](std::uint64_t ServerNumbers<std::uint64_t>::* number) {
    for (const auto& [name, numbers] : traffic.servers) families.add({{"server", name}}, numbers.*number);
  };
  families.gauge("server_sessions", "Sessions on the server, those that log in included.");
  each(&ServerNumbers<std::uint64_t>::sessions);
  families.counter("server_connects_total", "Connections that the server answered.");
  each(&ServerNumbers<std::uint64_t>::connects);
  families.counter("server_connect_failures_total", "Connections that it refused or did not answer.");
  each(&ServerNumbers<std::uint64_t>::connect_failures);
  families.counter("server_sent_bytes_total", "Bytes of clients passed to the server.");
  each(&ServerNumbers<std::uint64_t>::bytes_to_server);
  families.counter("server_received_bytes_total", "Bytes of the server passed to clients.");
  each(&ServerNumbers<std::uint64_t>::bytes_from_server);
}

}  // namespace

std::string metrics_text(const Overview& overview) {
  Families families;
  add_cluster(families, overview);
  add_ports(families, overview.traffic);
  add_ends(families, overview.traffic);
  add_servers(families, overview.traffic);
  return families.text();
}

}  // namespace holdfast::router
