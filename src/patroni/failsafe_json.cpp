#include "patroni/failsafe_json.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

// A promise for longer than a day is a mistake, or somebody's who should not ask.
constexpr std::int64_t kLongestTtl = 86'400;

base::Result<std::string> required_text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string() || value->get_string().empty())
    return base::fail(base::ErrorKind::invalid, "\"{}\" is missing, or is not a text", key);
  return std::string(value->get_string());
}

std::map<std::string, pg::Lsn> slots_of(const json::object& object) {
  std::map<std::string, pg::Lsn> slots;
  const auto* value = object.if_contains("slots");
  if (value == nullptr || !value->is_object()) return slots;
  for (const auto& [name, position] : value->get_object())
    if (const auto number = integer_of(position); number && *number >= 0)
      slots[name] = pg::Lsn{static_cast<std::uint64_t>(*number)};
  return slots;
}

}  // namespace

std::string write_failsafe_request(const ha::FailsafeRequest& request) {
  json::object slots;
  for (const auto& [name, position] : request.slots) slots[name] = position.value;
  const auto& leader = request.leader;
  return to_json_text(
      json::object{{"name", leader.name},
                   {"conn_url", leader.conn_url},
                   {"api_url", leader.api_url},
                   {"slots", std::move(slots)},
                   {"ttl", std::chrono::duration_cast<std::chrono::seconds>(request.ttl).count()}},
      JsonLayout::spaced);
}

base::Result<ha::FailsafeRequest> parse_failsafe_request(std::string_view body) {
  const auto object = parse_json_object(body);
  if (!object) return std::unexpected(object.error());
  ha::FailsafeRequest request;
  for (const auto& [key, into] :
       {std::pair("name", &request.leader.name), std::pair("conn_url", &request.leader.conn_url),
        std::pair("api_url", &request.leader.api_url)}) {
    auto text = required_text(*object, key);
    if (!text) return std::unexpected(std::move(text.error()));
    *into = std::move(*text);
  }
  request.slots = slots_of(*object);
  if (const auto* ttl = object->if_contains("ttl"))
    if (const auto seconds = integer_of(*ttl))
      request.ttl = std::chrono::seconds(std::clamp<std::int64_t>(*seconds, 0, kLongestTtl));
  return request;
}

std::optional<pg::Lsn> parse_failsafe_lsn(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return pg::Lsn{value};
}

}  // namespace holdfast::patroni
