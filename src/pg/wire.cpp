#include "pg/wire.hpp"

#include <algorithm>

namespace holdfast::pg::wire {
namespace {

using base::ErrorKind;
using base::fail;

// https://www.postgresql.org/docs/15/protocol-message-formats.html, under the requests' names
constexpr std::uint32_t kCancelRequestCode = 80877102;
constexpr std::uint32_t kSslRequestCode = 80877103;
constexpr std::uint32_t kGssEncRequestCode = 80877104;
constexpr std::size_t kMaxCancelSecret = 256;

std::uint32_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

void append_number(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>((value >> shift) & 0xff));
}

void append_text(std::string& to, std::string_view text) {
  to.append(text.substr(0, text.find('\0')));
  to.push_back('\0');
}

// Takes a zero-terminated text off the front of `bytes`; absent when there is none.
std::optional<std::string_view> take_text(std::string_view& bytes) {
  const auto end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const auto text = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return text;
}

std::string first_packet(std::uint32_t code, std::string_view rest) {
  std::string packet;
  append_number(packet, static_cast<std::uint32_t>(kMinFirstPacket + rest.size()));
  append_number(packet, code);
  packet.append(rest);
  return packet;
}

base::Result<CancelKey> parse_key(std::string_view bytes, std::string_view what) {
  if (bytes.size() < 8 || bytes.size() > 4 + kMaxCancelSecret)
    return fail(ErrorKind::invalid, "invalid {}: {} bytes of key", what, bytes.size());
  return CancelKey{number_at(bytes, 0), std::string(bytes.substr(4))};
}

base::Result<FirstPacket> parse_startup(std::uint32_t version, std::string_view rest) {
  StartupMessage startup{
      static_cast<std::uint16_t>(version >> 16), static_cast<std::uint16_t>(version & 0xffff), {}};
  if (startup.major != 3) return startup;  // laid out in a way that is not ours to read
  for (;;) {
    const auto name = take_text(rest);
    if (!name)
      return fail(ErrorKind::invalid, "invalid startup packet layout: expected terminator as last byte");
    if (name->empty()) break;
    const auto value = take_text(rest);
    if (!value)
      return fail(ErrorKind::invalid, "invalid startup packet layout: parameter \"{}\" has no value", *name);
    startup.parameters.emplace_back(*name, *value);
  }
  if (!rest.empty())
    return fail(ErrorKind::invalid, "invalid startup packet layout: {} bytes after the terminator",
                rest.size());
  return startup;
}

}  // namespace

std::string_view StartupMessage::parameter(std::string_view name) const {
  const auto found =
      std::ranges::find(parameters.rbegin(), parameters.rend(), name,
                        [](const auto& parameter) -> std::string_view { return parameter.first; });
  return found == parameters.rend() ? std::string_view() : found->second;
}

base::Result<std::optional<std::size_t>> first_packet_size(std::string_view bytes) {
  if (bytes.size() < 4) return std::nullopt;
  const std::size_t size = number_at(bytes, 0);
  if (size < kMinFirstPacket || size > kMaxFirstPacket)
    return fail(ErrorKind::invalid, "invalid length of startup packet: {} (expected {} to {})", size,
                kMinFirstPacket, kMaxFirstPacket);
  return size;
}

base::Result<FirstPacket> parse_first_packet(std::string_view packet) {
  const auto size = first_packet_size(packet);
  if (!size) return std::unexpected(size.error());
  if (!*size || **size != packet.size() || packet.size() < kMinFirstPacket)
    return fail(ErrorKind::invalid, "incomplete startup packet: {} bytes", packet.size());
  const auto code = number_at(packet, 4);
  const auto rest = packet.substr(kMinFirstPacket);
  if (code == kSslRequestCode || code == kGssEncRequestCode) {
    if (!rest.empty())
      return fail(ErrorKind::invalid, "invalid encryption request: {} bytes too many", rest.size());
    if (code == kSslRequestCode) return SslRequest{};
    return GssEncRequest{};
  }
  if (code != kCancelRequestCode) return parse_startup(code, rest);
  auto key = parse_key(rest, "cancel request");
  if (!key) return std::unexpected(key.error());
  return CancelRequest{std::move(*key)};
}

bool Framer::take_head(std::string_view& bytes) {
  while (head_size_ < sizeof(head_) && !bytes.empty()) {
    head_[head_size_++] = bytes.front();
    bytes.remove_prefix(1);
  }
  return head_size_ == sizeof(head_);
}

std::optional<Header> Framer::next(std::string_view& bytes) {
  if (broken_) return std::nullopt;
  const auto skipped = std::min<std::size_t>(body_left_, bytes.size());
  bytes.remove_prefix(skipped);
  body_left_ -= static_cast<std::uint32_t>(skipped);
  if (!take_head(bytes)) return std::nullopt;
  const std::string_view head(head_, sizeof(head_));
  const auto length = number_at(head, 1);
  if (length < 4 || length > kMaxMessage) {
    broken_ = true;
    return std::nullopt;
  }
  const auto body_size = length - 4;
  if (body_size > 0 && bytes.empty()) return std::nullopt;  // the header is kept, and told with that byte
  head_size_ = 0;
  body_left_ = body_size;
  return Header{head_[0], body_size, body_size > 0 ? bytes.front() : '\0'};
}

base::Result<std::optional<Message>> whole_message(std::string_view bytes, std::size_t limit) {
  if (bytes.size() < 5) return std::nullopt;
  const std::size_t length = number_at(bytes, 1);
  if (length < 4 || length + 1 > limit)
    return fail(ErrorKind::invalid, "invalid message length: {} (type {:#04x}, at most {} expected)", length,
                static_cast<unsigned char>(bytes[0]), limit - 1);
  if (bytes.size() < length + 1) return std::nullopt;
  return Message{bytes[0], bytes.substr(5, length - 4)};
}

base::Result<std::uint32_t> authentication_code(std::string_view body) {
  if (body.size() < 4)
    return fail(ErrorKind::invalid, "invalid authentication request of {} bytes", body.size());
  return number_at(body, 0);
}

base::Result<CancelKey> backend_key_data(std::string_view body) { return parse_key(body, "BackendKeyData"); }

base::Result<ParameterStatus> parameter_status(std::string_view body) {
  const auto name = take_text(body);
  const auto value = name ? take_text(body) : std::nullopt;
  if (!value || !body.empty()) return fail(ErrorKind::invalid, "invalid ParameterStatus message");
  return ParameterStatus{*name, *value};
}

base::Result<ErrorFields> error_fields(std::string_view body) {
  ErrorFields error{.severity = ""};
  while (!body.empty() && body.front() != '\0') {
    const char field = body.front();
    body.remove_prefix(1);
    const auto text = take_text(body);
    if (!text)
      return fail(ErrorKind::invalid, "invalid ErrorResponse: field {:#04x} has no end",
                  static_cast<unsigned char>(field));
    switch (field) {
      case 'V':
        error.severity = *text;
        break;  // never translated, unlike S
      case 'S':
        if (error.severity.empty()) error.severity = *text;
        break;
      case 'C':
        error.sqlstate = *text;
        break;
      case 'M':
        error.message = *text;
        break;
      case 'D':
        error.detail = *text;
        break;
      case 'H':
        error.hint = *text;
        break;
      default:
        break;
    }
  }
  if (body.size() != 1) return fail(ErrorKind::invalid, "invalid ErrorResponse: no terminator");
  return error;
}

std::string encode(char type, std::string_view body) {
  std::string message(1, type);
  append_number(message, static_cast<std::uint32_t>(body.size() + 4));
  message.append(body);
  return message;
}

std::string encode(const ErrorFields& error) {
  std::string body;
  const auto field = [&body](char type, std::string_view text) {
    body.push_back(type);
    append_text(body, text);
  };
  field('S', error.severity);
  field('V', error.severity);
  field('C', error.sqlstate);
  field('M', error.message);
  if (!error.detail.empty()) field('D', error.detail);
  if (!error.hint.empty()) field('H', error.hint);
  body.push_back('\0');
  return encode('E', body);
}

std::string encode(const ParameterStatus& status) {
  std::string body;
  append_text(body, status.name);
  append_text(body, status.value);
  return encode('S', body);
}

std::string encode(const CancelRequest& request) {
  std::string rest;
  append_number(rest, request.key.process_id);
  rest.append(request.key.secret);
  return first_packet(kCancelRequestCode, rest);
}

std::string encode(const StartupMessage& startup) {
  std::string rest;
  for (const auto& [name, value] : startup.parameters) {
    append_text(rest, name);
    append_text(rest, value);
  }
  rest.push_back('\0');
  return first_packet((std::uint32_t{startup.major} << 16) | startup.minor, rest);
}

std::string encode(SslRequest) { return first_packet(kSslRequestCode, ""); }
std::string encode(GssEncRequest) { return first_packet(kGssEncRequestCode, ""); }

}  // namespace holdfast::pg::wire
