#include "patroni/restart_request.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <ranges>
#include <vector>

#include "patroni/json_text.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

using Refusal = std::unexpected<RestAnswer>;
using Seen = std::expected<void, RestAnswer>;

Refusal refuse(int status, std::string text) { return Refusal(RestAnswer{status, std::move(text)}); }

// 30, "30", "30s", "1min"; in whole seconds, as Patroni rounds them.
std::optional<std::int64_t> seconds_of(const json::value& value) {
  const auto text = scalar_text(value);
  if (!text || value.is_bool()) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  auto unit = std::string_view(*text).substr(static_cast<std::size_t>(end - text->data()));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"min", 60}, {"h", 3600}, {"d", 86400}};
  const auto* known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
  if (known == std::end(kUnits)) return std::nullopt;
  const auto seconds = std::round(number * known->second);
  constexpr double kLongest = 10.0 * 365 * 86400;
  return static_cast<std::int64_t>(std::min(seconds, kLongest));
}

Seen read_role(const json::value& value, RestartRequest& into) {
  const auto role = value.is_string() ? parse_member_role(std::string_view(value.get_string()))
                                      : ha::MemberRole::uninitialized;
  if (role != ha::MemberRole::primary && role != ha::MemberRole::standby_leader &&
      role != ha::MemberRole::replica)
    return refuse(400, "PostgreSQL role should be either primary, standby_leader, or replica");
  into.conditions.role = role;
  return {};
}

Seen read_version(const json::value& value, RestartRequest& into) {
  const auto version = parse_postgres_version(scalar_text(value).value_or(""));
  if (!version) return refuse(400, version.error().message);
  into.conditions.older_than = *version;
  return {};
}

Seen read_timeout(const json::value& value, RestartRequest& into) {
  const auto seconds = seconds_of(value);
  if (!seconds || *seconds <= 0) return refuse(400, "Timeout should be a positive number of seconds");
  into.conditions.timeout = std::chrono::seconds(*seconds);
  into.as_asked["timeout"] = *seconds;
  return {};
}

Seen read_time(const json::value& value, base::WallTime now, RestartRequest& into) {
  const auto text = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
  const auto at = read_schedule(text, "restart", now);
  if (!at) return Refusal(at.error());
  into.at = *at;
  into.as_asked["schedule"] = base::to_iso8601(*at);
  return {};
}

}  // namespace

std::expected<RestartRequest, RestAnswer> read_restart_request(const json::object& body, bool paused,
                                                               base::WallTime now) {
  if (paused && body.contains("schedule")) return refuse(500, "Can't schedule restart in the paused state");
  RestartRequest request{.conditions = {}, .at = {}, .as_asked = body};
  for (const auto& [key, value] : body) {
    Seen seen;
    if (key == "schedule")
      seen = read_time(value, now, request);
    else if (key == "role")
      seen = read_role(value, request);
    else if (key == "postgres_version")
      seen = read_version(value, request);
    else if (key == "timeout")
      seen = read_timeout(value, request);
    else if (key == "restart_pending")
      request.conditions.only_if_pending = true;  // whatever its value is, as in Patroni
    else
      seen = refuse(400, fmt::format("Unknown filter for the scheduled restart: {}", std::string_view(key)));
    if (!seen) return Refusal(seen.error());
  }
  return request;
}

base::Result<int> parse_postgres_version(std::string_view text) {
  std::vector<int> parts;
  for (const auto piece : std::views::split(text, '.')) {
    int number = 0;
    const auto* end = piece.data() + piece.size();
    const auto [stopped, error] = std::from_chars(piece.data(), end, number);
    if (piece.empty() || error != std::errc() || stopped != end || number < 0 || number > 9999)
      return base::fail(base::ErrorKind::invalid, "Invalid PostgreSQL version: {}", text);
    parts.push_back(number);
  }
  if (parts.size() < 2 || parts.size() > 3 || (parts.size() == 2 && parts[0] < 10))
    return base::fail(base::ErrorKind::invalid,
                      "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text);
  if (parts.size() == 2) parts.insert(parts.begin() + 1, 0);
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

}  // namespace holdfast::patroni
