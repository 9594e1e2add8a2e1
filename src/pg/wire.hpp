// PostgreSQL's wire protocol, as far as a router reads it: the packets before authentication, the headers of
// all messages after it, and the few messages whose contents matter.
// https://www.postgresql.org/docs/15/protocol-message-formats.html
//
// Bytes in, values out: nothing here reads a socket. A Result's error is always `invalid`, and its message is
// fit for the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace holdfast::pg::wire {

// Before authentication -------------------------------------------------------------------------------------

// PostgreSQL's MAX_STARTUP_PACKET_LENGTH, the length field included.
inline constexpr std::size_t kMaxFirstPacket = 10'000;
// A packet's length and request code: what every first packet has.
inline constexpr std::size_t kMinFirstPacket = 8;

// What allows to cancel the queries of a session. The secret has 4 bytes up to protocol 3.1, and up to 256
// since.
struct CancelKey {
  std::uint32_t process_id = 0;
  std::string secret;

  auto operator<=>(const CancelKey&) const = default;
};

struct SslRequest {};
struct GssEncRequest {};
struct CancelRequest {
  CancelKey key;
};
struct StartupMessage {
  std::uint16_t major = 3;
  std::uint16_t minor = 0;
  std::vector<std::pair<std::string, std::string>> parameters;  // in the order sent; a later one wins

  std::string_view parameter(std::string_view name) const;  // empty when absent
};
using FirstPacket = std::variant<SslRequest, GssEncRequest, CancelRequest, StartupMessage>;

// The size of the packet that `bytes` begin with, its length field included; absent until 4 bytes are there.
// The error tells a length no client sends: garbage, or another protocol.
base::Result<std::optional<std::size_t>> first_packet_size(std::string_view bytes);

// `packet` is one whole packet, length field included. Versions other than 3.x are returned, not refused.
base::Result<FirstPacket> parse_first_packet(std::string_view packet);

// After the first packet ------------------------------------------------------------------------------------

// The largest message PostgreSQL can make or take (its 1 GB allocation limit), type byte not counted.
inline constexpr std::uint32_t kMaxMessage = 0x3fff'ffff;

struct Header {
  char type = 0;
  std::uint32_t body_size = 0;  // without type and length
  char first = 0;               // the body's first byte; 0 when it is empty
};

// Follows a stream of messages wherever reads happen to cut it, keeping nothing but a position.
class Framer {
 public:
  // The next message that begins in `bytes`, as soon as its header and the first byte of its body have been
  // seen; `bytes` shrinks to what is left. Absent when `bytes` are used up, or broken().
  std::optional<Header> next(std::string_view& bytes);

  // A length that no message can have was met: where messages begin is not known any more.
  bool broken() const { return broken_; }
  // Everything seen so far is whole messages.
  bool at_boundary() const { return head_size_ == 0 && body_left_ == 0 && !broken_; }

 private:
  bool take_head(std::string_view& bytes);

  char head_[5] = {};
  std::uint8_t head_size_ = 0;
  std::uint32_t body_left_ = 0;
  bool broken_ = false;
};

struct Message {
  char type = 0;
  std::string_view body;
  std::size_t size() const { return body.size() + 5; }
};

// The whole message that `bytes` begin with, a view into them; absent when it is not complete. A message
// longer than `limit` (all of it) is an error.
base::Result<std::optional<Message>> whole_message(std::string_view bytes, std::size_t limit);

// Messages of the server ------------------------------------------------------------------------------------

// AuthenticationOk is 0. https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.3
base::Result<std::uint32_t> authentication_code(std::string_view body);
base::Result<CancelKey> backend_key_data(std::string_view body);

struct ParameterStatus {
  std::string_view name;
  std::string_view value;
};
base::Result<ParameterStatus> parameter_status(std::string_view body);

// ErrorResponse and NoticeResponse. https://www.postgresql.org/docs/15/protocol-error-fields.html
struct ErrorFields {
  std::string severity = "FATAL";
  std::string sqlstate;
  std::string message;
  std::string detail;  // empty: not sent
  std::string hint;    // empty: not sent
};
base::Result<ErrorFields> error_fields(std::string_view body);

// Encoding --------------------------------------------------------------------------------------------------

// Whole messages, ready to send. A zero byte in a text ends it there.
std::string encode(const ErrorFields& error);  // ErrorResponse
std::string encode(const ParameterStatus& status);
std::string encode(const CancelRequest& request);
std::string encode(const StartupMessage& startup);
std::string encode(char type, std::string_view body);
std::string encode(SslRequest);
std::string encode(GssEncRequest);

}  // namespace holdfast::pg::wire
