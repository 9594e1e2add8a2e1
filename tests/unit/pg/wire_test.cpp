#include "pg/wire.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace holdfast::pg::wire {
namespace {

using namespace std::string_literals;

FirstPacket parsed(std::string_view packet) {
  auto result = parse_first_packet(packet);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : FirstPacket(SslRequest{});
}

TEST(WireFirstPacket, KnowsTheRequestsByTheBytesOnTheWire) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(parsed("\0\0\0\x08\x04\xd2\x16\x2f"s)));
  EXPECT_TRUE(std::holds_alternative<GssEncRequest>(parsed("\0\0\0\x08\x04\xd2\x16\x30"s)));
  const auto cancel =
      std::get<CancelRequest>(parsed("\0\0\0\x10\x04\xd2\x16\x2e\0\0\x30\x39\xde\xad\xbe\xef"s));
  EXPECT_EQ(cancel.key, (CancelKey{12345, "\xde\xad\xbe\xef"s}));
  const auto startup = std::get<StartupMessage>(parsed("\0\0\0\x1b\0\x03\0\0user\0bob\0user\0eve\0\0"s));
  EXPECT_EQ(startup.major, 3);
  EXPECT_EQ(startup.minor, 0);
  EXPECT_EQ(startup.parameter("user"), "eve") << "the last one wins, as in PostgreSQL";
  EXPECT_EQ(startup.parameter("database"), "");
}

TEST(WireFirstPacket, ReadsWhatItWrites) {
  const StartupMessage startup{3, 2, {{"user", "bob"}, {"application_name", ""}, {"options", "-c a=b"}}};
  const auto again = std::get<StartupMessage>(parsed(encode(startup)));
  EXPECT_EQ(again.minor, 2);
  EXPECT_EQ(again.parameters, startup.parameters);
  const CancelRequest long_key{{7, std::string(256, 'k')}};
  EXPECT_EQ(std::get<CancelRequest>(parsed(encode(long_key))).key, long_key.key)
      << "protocol 3.2 has long secrets";
  EXPECT_TRUE(std::holds_alternative<SslRequest>(parsed(encode(SslRequest{}))));
  EXPECT_TRUE(std::holds_alternative<GssEncRequest>(parsed(encode(GssEncRequest{}))));
}

TEST(WireFirstPacket, LeavesOtherProtocolVersionsToTheCaller) {
  const auto old = std::get<StartupMessage>(parsed("\0\0\0\x0a\0\x02\0\0xx"s));
  EXPECT_EQ(old.major, 2);
  EXPECT_TRUE(old.parameters.empty());
}

TEST(WireFirstPacket, TellsTheSizeAsSoonAsItCan) {
  EXPECT_EQ(first_packet_size("\0\0\0"s).value(), std::nullopt);
  EXPECT_EQ(first_packet_size("\0\0\0\x08"s).value(), 8);
  EXPECT_EQ(first_packet_size("\0\0\x27\x10more"s).value(), 10000);
}

struct Refused {
  const char* what;
  std::string packet;
  const char* says;
};

class WireFirstPacketRefused : public testing::TestWithParam<Refused> {};

TEST_P(WireFirstPacketRefused, SaysWhy) {
  const auto size = first_packet_size(GetParam().packet);
  const auto result = parse_first_packet(GetParam().packet);
  ASSERT_FALSE(result) << GetParam().what;
  EXPECT_EQ(result.error().kind, base::ErrorKind::invalid);
  EXPECT_NE(result.error().message.find(GetParam().says), std::string::npos) << result.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    , WireFirstPacketRefused,
    testing::Values(
        Refused{"zero length", "\0\0\0\0\0\0\0\0"s, "length of startup packet: 0"},
        Refused{"length alone", "\0\0\0\x04"s, "length of startup packet: 4"},
        Refused{"one byte too long", "\0\0\x27\x11...."s, "length of startup packet: 10001"},
        Refused{"HTTP", "GET / HTTP/1.1\r\n"s, "length of startup packet: 1195725856"},
        Refused{"TLS without asking", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s,
                "length of startup packet"},
        Refused{"nothing", ""s, "incomplete"}, Refused{"half", "\0\0\0\x09\0\x03\0\0"s, "incomplete"},
        Refused{"more than it says", "\0\0\0\x08\x04\xd2\x16\x2f!"s, "incomplete"},
        Refused{"SSLRequest with a tail", "\0\0\0\x09\x04\xd2\x16\x2f!"s, "1 bytes too many"},
        Refused{"no parameters at all", "\0\0\0\x08\0\x03\0\0"s, "expected terminator"},
        Refused{"no terminator", "\0\0\0\x0d\0\x03\0\0user\0"s, "\"user\" has no value"},
        Refused{"unterminated value", "\0\0\0\x10\0\x03\0\0user\0bob"s, "\"user\" has no value"},
        Refused{"bytes after the end", "\0\0\0\x0b\0\x03\0\0\0xx"s, "2 bytes after"},
        Refused{"cancel without secret", "\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x01"s, "4 bytes of key"},
        Refused{"cancel with too long a secret", "\0\0\x01\x0d\x04\xd2\x16\x2e"s + std::string(4 + 257, 'k'),
                "261 bytes of key"}));

// Cutting the stream in every possible way must not change what is seen.
TEST(WireFramer, SeesTheSameMessagesWhereverReadsCut) {
  const auto stream =
      encode('S', "a\0b\0"s) + encode('1', "") + encode('D', std::string(300, 'x')) + encode('Z', "T");
  const std::string expected = "S4a 10\0 D300x Z1T "s;
  const auto seen_with = [&](std::size_t cut_at, std::size_t then_every) {
    Framer framer;
    std::string seen;
    for (std::size_t at = 0, next = cut_at; at < stream.size(); at = next, next += then_every) {
      next = std::min(next, stream.size());
      auto piece = std::string_view(stream).substr(at, next - at);
      while (const auto message = framer.next(piece)) {
        seen += message->type + std::to_string(message->body_size) + message->first + ' ';
        EXPECT_EQ(message->first == '\0', message->body_size == 0 || message->type == '1');
      }
      EXPECT_TRUE(piece.empty());
    }
    EXPECT_TRUE(framer.at_boundary());
    return seen;
  };
  for (std::size_t cut = 1; cut <= stream.size(); ++cut)
    for (const std::size_t step : {1UZ, 2UZ, 7UZ, stream.size()})
      ASSERT_EQ(seen_with(cut, step), expected) << cut;
}

TEST(WireFramer, IsAtABoundaryOnlyBetweenMessages) {
  const auto stream = encode('Z', "I") + encode('D', "1234");
  Framer framer;
  std::string boundaries;
  for (const char byte : stream) {
    boundaries += framer.at_boundary() ? '|' : '.';
    std::string_view piece(&byte, 1);
    while (framer.next(piece)) {
    }
  }
  EXPECT_EQ(boundaries, "|.....|........");
  EXPECT_TRUE(framer.at_boundary());
}

TEST(WireFramer, BreaksOnALengthThatNoMessageHas) {
  for (const auto& bad : {"Q\0\0\0\x03"s, "Q\xff\xff\xff\xff"s, "Q\x40\0\0\0"s}) {
    Framer framer;
    const auto stream = encode('S', "") + bad + encode('S', "");
    std::string_view piece(stream);
    EXPECT_TRUE(framer.next(piece));
    EXPECT_FALSE(framer.next(piece));
    EXPECT_TRUE(framer.broken());
    EXPECT_FALSE(framer.at_boundary());
    EXPECT_FALSE(framer.next(piece)) << "a broken stream stays broken";
  }
  Framer framer;
  std::string_view largest("D\x3f\xff\xff\xff!", 6);
  EXPECT_EQ(framer.next(largest)->body_size, 0x3fff'ffff - 4);
}

TEST(WireMessage, IsReadWhole) {
  const auto stream = encode('R', "\0\0\0\0"s) + "rest";
  const auto message = whole_message(stream, 100).value();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, 'R');
  EXPECT_EQ(message->size(), 9);
  EXPECT_EQ(authentication_code(message->body).value(), 0);
  for (std::size_t size = 0; size < 9; ++size)
    EXPECT_EQ(whole_message(std::string_view(stream).substr(0, size), 100).value(), std::nullopt) << size;
  EXPECT_FALSE(whole_message(stream, 8)) << "longer than the limit";
  EXPECT_TRUE(whole_message(stream, 9).value());
  EXPECT_FALSE(whole_message("R\0\0\0\x03"s, 100));
  EXPECT_FALSE(authentication_code("\0\0\0"s));
}

TEST(WireMessage, ParameterStatusAndKey) {
  const auto encoded = encode(ParameterStatus{"in_hot_standby", "on"});
  const auto status = parameter_status(whole_message(encoded, 100).value()->body).value();
  EXPECT_EQ(status.name, "in_hot_standby");
  EXPECT_EQ(status.value, "on");
  for (const auto& bad : {""s, "a"s, "a\0"s, "a\0b"s, "a\0b\0c"s}) EXPECT_FALSE(parameter_status(bad));
  EXPECT_EQ(backend_key_data("\0\0\0\x05wxyz"s).value(), (CancelKey{5, "wxyz"}));
  EXPECT_FALSE(backend_key_data("\0\0\0\x05"s));
}

TEST(WireMessage, ErrorFieldsSurviveTheWire) {
  const ErrorFields error{"FATAL", "57P01", "the leader changed", "from a to b", "connect again"};
  const auto encoded = encode(error);
  const auto again = error_fields(whole_message(encoded, 1000).value()->body).value();
  EXPECT_EQ(again.severity, "FATAL");
  EXPECT_EQ(again.sqlstate, "57P01");
  EXPECT_EQ(again.message, "the leader changed");
  EXPECT_EQ(again.detail, "from a to b");
  EXPECT_EQ(again.hint, "connect again");
  const auto german =
      error_fields("SFATAL\0VFATAL\0C57P03\0Mdas Datenbanksystem startet\0Fpostmaster.c\0\0"s).value();
  EXPECT_EQ(german.sqlstate, "57P03");
  EXPECT_EQ(error_fields("SSCHWERWIEGEND\0VFATAL\0\0"s).value().severity, "FATAL") << "V is never translated";
  for (const auto& bad : {""s, "SFATAL"s, "SFATAL\0"s, "\0\0"s}) EXPECT_FALSE(error_fields(bad));
  EXPECT_EQ(
      error_fields(whole_message(encode(ErrorFields{.message = "a\0b"s}), 100).value()->body).value().message,
      "a")
      << "a zero byte cannot break the message";
}

}  // namespace
}  // namespace holdfast::pg::wire
