#include "net/ip_network.hpp"

#include <gtest/gtest.h>

namespace holdfast::net {
namespace {

bool covers(std::string_view network, std::string_view address) {
  const auto parsed = parse_ip_network(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && contains(*parsed, address);
}

TEST(IpNetwork, CoversItsAddresses) {
  EXPECT_TRUE(covers("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(covers("10.1.2.3", "10.1.2.4"));
  EXPECT_TRUE(covers("10.1.2.3/8", "10.200.0.1")) << "bits behind the prefix do not matter";
  EXPECT_TRUE(covers("10.1.2.128/25", "10.1.2.200"));
  EXPECT_FALSE(covers("10.1.2.128/25", "10.1.2.127"));
  EXPECT_TRUE(covers("0.0.0.0/0", "192.0.2.1"));
  EXPECT_TRUE(covers("fd00::/8", "fd12::1"));
  EXPECT_FALSE(covers("fd00::/8", "fe80::1"));
}

TEST(IpNetwork, TellsTheFamiliesApart) {
  EXPECT_FALSE(covers("0.0.0.0/0", "::1"));
  EXPECT_FALSE(covers("::/0", "127.0.0.1"));
  EXPECT_TRUE(covers("127.0.0.0/8", "::ffff:127.0.0.1")) << "what a socket for both families calls 127.0.0.1";
}

TEST(IpNetwork, IsNoName) {
  for (const auto* other :
       {"", "node1", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/-1", "10.1.2.3/8x", "/8"})
    EXPECT_FALSE(parse_ip_network(other)) << other;
}

}  // namespace
}  // namespace holdfast::net
