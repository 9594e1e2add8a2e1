// What comes over the wire: requests, logins, garbage, and much data.
#include <future>

#include "router/plane.hpp"

namespace holdfast::test {
namespace {

using namespace std::string_literals;
namespace wire = pg::wire;

class ProtocolTest : public PlaneTest {};

TEST_F(ProtocolTest, EncryptionIsDeclinedAndTheLoginGoesOn) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  EXPECT_EQ(PqClient(rw(), "sslmode=prefer gssencmode=prefer").ask("select 1"), "1");
  const PqClient insists(rw(), "sslmode=require");
  EXPECT_NE(insists.error().find("server does not support SSL"), std::string::npos) << insists.error();
  RawClient client(rw());
  client.send(wire::encode(wire::GssEncRequest{}));
  EXPECT_EQ(client.read_some(1), "N");
  client.send(wire::encode(wire::SslRequest{}));
  EXPECT_EQ(client.read_some(1), "N");
  client.log_in();
}

TEST_F(ProtocolTest, PasswordsPassThrough) {
  const Database database({.standbys = 0, .scram = true});
  start({}, database.table("a", 1));
  EXPECT_EQ(PqClient(rw(), "user=app password=secret").ask("select current_user"), "app");
  const PqClient wrong(rw(), "user=app password=guess");
  EXPECT_NE(wrong.error().find("password authentication failed"), std::string::npos) << wrong.error();
  const PqClient nobody(rw(), "user=nobody");
  EXPECT_NE(nobody.error().find("role \"nobody\" does not exist"), std::string::npos) << nobody.error();
  EXPECT_TRUE(eventually([&] { return traffic().servers["a"].sessions == 0 && traffic().connections == 0; }));
  EXPECT_EQ(ended(EndKind::server_left), 2);
}

TEST_F(ProtocolTest, GarbageClosesItsOwnConnectionOnly) {
  const Database database({.standbys = 0});
  start({.read_only_fallback = true}, database.table("a", 1));
  PqClient good(rw());
  struct Case {
    const char* what;
    std::string bytes;
    const char* sqlstate;
  };
  const Case cases[] = {
      {"HTTP", "GET / HTTP/1.1\r\nHost: router\r\n\r\n", "08P01"},
      {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, "08P01"},
      {"zeros", std::string(64, '\0'), "08P01"},
      {"too long a packet", "\0\0\x27\x11"s + std::string(10'001, 'x'), "08P01"},
      {"no terminator", "\0\0\0\x0e\0\x03\0\0user\0b"s, "08P01"},
      {"an old protocol", wire::encode(wire::StartupMessage{2, 0, {}}), "0A000"},
      {"encryption asked for twice", wire::encode(wire::SslRequest{}), "08P01"},
      {"a login behind a request for encryption", wire::encode(wire::SslRequest{}) + wire::encode(startup()),
       "08P01"},
  };
  for (const auto port : {rw(), ro()}) {
    for (const auto& [what, bytes, sqlstate] : cases) {
      SCOPED_TRACE(what);
      RawClient client(port);
      client.send(bytes);
      if (std::string_view(what).ends_with("twice")) {
        ASSERT_EQ(client.read_some(1), "N");
        client.send(bytes);
      }
      EXPECT_EQ(only_error(client.read_to_end().value_or("still open")).sqlstate, sqlstate);
    }
  }
  EXPECT_EQ(good.ask("select 1"), "1");
  EXPECT_EQ(ended(EndKind::bad_packet), 14);
  EXPECT_EQ(ended(EndKind::unsupported_protocol), 2);
}

TEST_F(ProtocolTest, GarbageInASessionEndsIt) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  PqClient good(rw());
  RawClient client(rw());
  client.log_in();
  client.send("Q\xff\xff\xff\xff"s);
  EXPECT_EQ(only_error(client.read_to_end().value_or("")).sqlstate, "08P01");
  EXPECT_EQ(good.ask("select 1"), "1");
}

TEST_F(ProtocolTest, ATruncatedPacketAndSilenceAreJustTheEnd) {
  start();
  for (const auto& bytes : {""s, "\0\0"s, wire::encode(startup()).substr(0, 20)}) {
    RawClient client(rw());
    client.send(bytes);
    client.close();
  }
  EXPECT_TRUE(eventually([&] { return ended(EndKind::client_left) == 3 && traffic().connections == 0; }));
}

TEST_F(ProtocolTest, MuchDataPassesBothWaysUnchanged) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  PqClient client(rw());
  ASSERT_EQ(client.ask("create table t (i int, x text)"), "CREATE TABLE");
  client.send("copy t from stdin");
  PQclear(PQgetResult(client.raw()));
  for (int i = 0; i < 20'000; ++i) {
    const auto line = std::to_string(i) + "\t" + std::string(static_cast<std::size_t>(i % 4000), 'x') + "\n";
    ASSERT_EQ(PQputCopyData(client.raw(), line.data(), static_cast<int>(line.size())), 1);
  }
  ASSERT_EQ(PQputCopyEnd(client.raw(), nullptr), 1);
  EXPECT_EQ(client.answer(), "COPY 20000");
  const auto check = "select md5(string_agg(i || x, ',' order by i)) from t";
  const auto direct = PqClient(database.port("a")).ask(check);
  EXPECT_EQ(direct.size(), 32);
  EXPECT_EQ(client.ask(check), direct);
  const std::unique_ptr<PGresult, decltype(&PQclear)> rows(PQexec(client.raw(), "select x from t order by i"),
                                                           &PQclear);
  ASSERT_EQ(PQntuples(rows.get()), 20'000);
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(PQgetlength(rows.get(), i, 0), i % 4000);
  EXPECT_GT(traffic().servers["a"].bytes_to_server, 40'000'000);
  EXPECT_GT(traffic().servers["a"].bytes_from_server, 40'000'000);
}

TEST_F(ProtocolTest, AClientThatReadsSlowlySlowsItsServerOnly) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  RawClient slow(rw());
  slow.log_in();
  slow.send(wire::encode('Q', "select repeat('x', 1000) from generate_series(1, 300000)\0"s));
  ASSERT_FALSE(slow.read_some(1).empty());
  const auto passed = [&] { return traffic().servers["a"].bytes_from_server; };
  std::uint64_t before = 0;
  // What fits into the buffers in between has passed when the count stands still.
  ASSERT_TRUE(eventually([&] {
    return std::exchange(before, passed()) == passed() &&
           (std::this_thread::sleep_for(100ms), before == passed());
  }));
  EXPECT_LT(passed(), 100'000'000) << "the router does not collect the answer";
  EXPECT_EQ(PqClient(rw()).ask("select 1"), "1");
  std::size_t size = 0;
  for (std::string piece; !(piece = slow.read_some(1, 2s)).empty();) size += piece.size();
  EXPECT_GT(size, 300'000'000);
}

TEST_F(ProtocolTest, PipelinedQueriesGetTheirAnswersInOrder) {
  const Database database({.standbys = 0});
  start({}, database.table("a", 1));
  RawClient client(rw());
  client.log_in();
  std::string questions, answers;
  for (int i = 0; i < 500; ++i) questions += wire::encode('Q', "select " + std::to_string(i) + '\0');
  auto sent = std::async(std::launch::async, [&] { client.send(questions); });
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.message_of_type('D').body.substr(6), std::to_string(i));
  }
  sent.get();
}

}  // namespace
}  // namespace holdfast::test
