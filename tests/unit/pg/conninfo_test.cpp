#include "pg/conninfo.hpp"

#include <gtest/gtest.h>

#include "pg/names.hpp"
#include "pg/quoting.hpp"

namespace holdfast::pg {
namespace {

TEST(ConnectionUrl, ReadsWhatMembersWrite) {
  EXPECT_EQ(parse_connection_url("postgres://127.0.0.1:5432/postgres").value(),
            (ConnectionUrl{"127.0.0.1", 5432, "postgres"}));
  EXPECT_EQ(parse_connection_url("postgresql://db.example/my%20db?sslmode=require").value(),
            (ConnectionUrl{"db.example", 5432, "my db"}));
  EXPECT_EQ(parse_connection_url("postgres://u:p%40@[fd00::1]:6432").value(),
            (ConnectionUrl{"fd00::1", 6432, ""}));
}

TEST(ConnectionUrl, IsWrittenAsItIsRead) {
  for (const ConnectionUrl& url : {ConnectionUrl{"127.0.0.1", 5432, "postgres"}, ConnectionUrl{"::1", 1, ""},
                                   ConnectionUrl{"/run/pg", 5433, "a/b c"}})
    EXPECT_EQ(parse_connection_url(to_string(url)).value(), url) << to_string(url);
}

TEST(ConnectionUrl, SaysWhatIsWrong) {
  const auto message = [](std::string_view url) { return parse_connection_url(url).error().message; };
  EXPECT_EQ(message("http://a/"),
            "'http://a/' is no connection URL: it does not begin with postgres:// (expected "
            "postgres://host:port/database)");
  EXPECT_TRUE(message("postgres://a:70000/").contains("'70000' is no port"));
  EXPECT_TRUE(message("postgres://:5432/").contains("names no host"));
  EXPECT_TRUE(message("postgres://[::1/").contains("closing bracket"));
  EXPECT_TRUE(message("postgres://a%2/").contains("%-sequence"));
}

TEST(Conninfo, QuotesWhereItMust) {
  EXPECT_EQ(to_string(Conninfo{{"host", "a"}, {"user", "o'neil \\x"}, {"port", ""}, {"options", "-c a=b"}}),
            R"(host=a user='o\'neil \\x' options='-c a=b')");
}

TEST(Conninfo, ShowsNoSecrets) {
  EXPECT_EQ(
      to_string(redacted({{"user", "a"}, {"password", "secret"}, {"sslpassword", "secret"}, {"port", "1"}})),
      "user=a port=1");
}

TEST(PasswordFile, EscapesItsFields) {
  EXPECT_EQ(to_string(PasswordFileEntry{.host = "::1", .port = "5432", .user = "a:b", .password = "p\\:q"}),
            "\\:\\:1:5432:*:a\\:b:p\\\\\\:q\n");
}

TEST(Quoting, OfSettingsAndSql) {
  EXPECT_EQ(quote_setting("it's \\ here\n"), R"('it''s \\ here\n')");
  EXPECT_EQ(quote_identifier("a\"b"), R"("a""b")");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\'"), R"(E'a\\''')");
}

TEST(Names, OfSlotsAreThoseOfPatroni) {
  EXPECT_EQ(slot_name("postgres-0"), "postgres_0");
  EXPECT_EQ(slot_name("Node.1_x"), "node_1_x");
  EXPECT_EQ(slot_name("a b"), "au0032b");
  EXPECT_EQ(slot_name("k\xc3\xb6ln"), "ku0246ln");
  EXPECT_EQ(slot_name("K\xc3\x96LN"), "ku0246ln");
  EXPECT_EQ(slot_name("\xd0\x96"), "u1078");  // a Cyrillic capital
  EXPECT_EQ(slot_name("\xc4\x86"), "u0263");  // C with acute
  EXPECT_EQ(slot_name(std::string(80, 'a')), std::string(63, 'a'));
}

TEST(Names, OfWalFiles) {
  EXPECT_EQ(wal_file_name(1, Lsn{0x3000060}, 16 << 20), "000000010000000000000003");
  EXPECT_EQ(wal_file_name(0xA, Lsn{0x1FF000000}, 16 << 20), "0000000A00000001000000FF");
  EXPECT_EQ(wal_file_name(1, Lsn{0x140000000}, 1 << 30), "000000010000000100000001");
  EXPECT_EQ(history_file_name(26), "0000001A.history");
}

}  // namespace
}  // namespace holdfast::pg
