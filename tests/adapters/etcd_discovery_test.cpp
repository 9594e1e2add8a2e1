// Endpoints by DNS.
#include <gmock/gmock.h>

#include "adapters/etcd_fixture.hpp"
#include "adapters/name_server.hpp"
#include "etcd/discovery.hpp"
#include "system/dns_srv.hpp"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class EtcdDiscovery : public EtcdTest {
 protected:
  std::string find(const NameServer& server, std::string suffix = "") {
    etcd::Discovery discovery(runtime_, "example.org", std::move(suffix), server.port());
    const auto found = run(discovery.find());
    if (!found) return found.error().message;
    std::string text;
    for (const auto& endpoint : *found) text += (text.empty() ? "" : " ") + to_string(endpoint);
    return text;
  }
};

TEST_F(EtcdDiscovery, RecordsComeInOrderOfPriorityAndWeight) {
  const NameServer server(
      {{"_x._tcp.example.org",
        {{"c.example.org", 3, 20, 1}, {"b.example.org", 2, 10, 1}, {"a.example.org", 1, 10, 9}}}});
  const auto found = system::find_srv_records("_x._tcp.example.org", server.port());
  ASSERT_TRUE(found) << found.error().message;
  std::vector<std::string> hosts;
  for (const auto& record : *found) hosts.push_back(record.host);
  EXPECT_THAT(hosts, ElementsAre("a.example.org", "b.example.org", "c.example.org"));
}

TEST_F(EtcdDiscovery, TheFirstServiceThatHasRecordsDecides) {
  const NameServer both({{"_etcd-client-ssl._tcp.example.org", {{"a.example.org", 2379}}},
                         {"_etcd-client._tcp.example.org", {{"b.example.org", 2379}}}});
  EXPECT_EQ(find(both), "https://a.example.org:2379");
  const NameServer plain({{"_etcd._tcp.example.org", {{"b.example.org", 2379}, {"c.example.org", 4001}}}});
  EXPECT_EQ(find(plain), "http://b.example.org:2379 http://c.example.org:4001");
}

TEST_F(EtcdDiscovery, ASuffixChoosesOneOfSeveralClusters) {
  const NameServer server({{"_etcd-client._tcp.example.org", {{"a.example.org", 2379}}},
                           {"_etcd-client-two._tcp.example.org", {{"b.example.org", 2379}}}});
  EXPECT_EQ(find(server, "two"), "http://b.example.org:2379");
  EXPECT_THAT(find(server, "three"), HasSubstr("example.org has no SRV records"));
}

TEST_F(EtcdDiscovery, ANameServerThatIsNotThereIsSaid) {
  std::uint16_t port = 0;
  {
    port = NameServer({}).port();
  }
  EXPECT_THAT(system::find_srv_records("_etcd._tcp.example.org", port).error().message,
              HasSubstr("_etcd._tcp.example.org"));
}

}  // namespace
}  // namespace holdfast::test
