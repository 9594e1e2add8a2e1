#include "patroni/failover_request.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "patroni/json_text.hpp"
#include "patroni/rest_json.hpp"
#include "patroni/timestamp.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;

using Refusal = std::unexpected<RestAnswer>;

Refusal refuse(int status, std::string text) { return Refusal(RestAnswer{status, std::move(text)}); }

std::string_view name_of(FailoverAction action) {
  return action == FailoverAction::switchover ? "switchover" : "failover";
}
std::string_view title_of(FailoverAction action) {
  return action == FailoverAction::switchover ? "Switchover" : "Failover";
}

// What the body says; an empty text counts as absent.
struct Asked {
  std::string leader, candidate, scheduled_at;
};

std::expected<Asked, RestAnswer> read_body(std::string_view body) {
  const auto object = parse_json_object(body);
  if (!object || object->empty()) return refuse(400, "Bad Request: a JSON object is expected");
  Asked asked;
  const std::pair<std::string_view, std::string*> fields[] = {{"leader", &asked.leader},
                                                              {"member", &asked.candidate},
                                                              {"candidate", &asked.candidate},
                                                              {"scheduled_at", &asked.scheduled_at}};
  for (const auto& [key, into] : fields) {
    const auto* value = object->if_contains(key);
    if (!value || value->is_null()) continue;
    if (!value->is_string()) return refuse(400, fmt::format("Bad Request: \"{}\" must be a text", key));
    if (!value->get_string().empty()) *into = std::string_view(value->get_string());
  }
  return asked;
}

// Whom to ask whether they could be promoted.
std::expected<std::vector<ha::MemberName>, RestAnswer> candidates_for(FailoverAction action,
                                                                      const Asked& asked,
                                                                      const DcsContents& contents) {
  const auto& view = contents.view;
  const auto config = contents.config.value_or(json::object());
  const bool only_synchronous = is_synchronous_mode(config) && !is_quorum_mode(config);
  if (!asked.leader.empty() && !view.led_by(asked.leader)) return refuse(412, "leader name does not match");
  if (!asked.candidate.empty()) {
    if (action == FailoverAction::switchover && only_synchronous && !is_sync_standby(view, asked.candidate))
      return refuse(412, "candidate name does not match with sync_standby");
    if (!view.member(asked.candidate)) return refuse(412, "candidate does not exists");
    return std::vector{asked.candidate};
  }
  std::vector<ha::MemberName> names;
  for (const auto& member : view.members) {
    const bool eligible = only_synchronous ? is_sync_standby(view, member.name)
                                           : !view.led_by(member.name) && !member.api_url.empty();
    if (eligible) names.push_back(member.name);
  }
  if (!names.empty()) return names;
  return refuse(412, fmt::format("{} is not possible: {}", name_of(action),
                                 only_synchronous ? "can not find sync_standby"
                                                  : "cluster does not have members except leader"));
}

}  // namespace

std::expected<AcceptedRequest, RestAnswer> read_failover_request(FailoverAction action, std::string_view body,
                                                                 const DcsContents& contents,
                                                                 base::WallTime now) {
  const auto asked = read_body(body);
  if (!asked) return Refusal(asked.error());
  const bool paused = contents.config && is_paused(*contents.config);
  const bool scheduled = !asked->scheduled_at.empty();
  if (action == FailoverAction::failover && asked->candidate.empty())
    return refuse(400, "Failover could be performed only to a specific candidate");
  if (action == FailoverAction::switchover && asked->leader.empty())
    return refuse(400, "Switchover could be performed only from a specific leader");
  if (scheduled && action == FailoverAction::failover) return refuse(400, "Failover can't be scheduled");
  if (scheduled && paused) return refuse(400, "Can't schedule switchover in the paused state");

  AcceptedRequest accepted{.action = action, .request = {}, .candidates = {}};
  if (scheduled) {
    const auto when = read_schedule(asked->scheduled_at, name_of(action), now);
    if (!when) return Refusal(when.error());
    accepted.request.scheduled_at = *when;
  }
  if (paused && asked->candidate.empty())
    return refuse(400, "Switchover is possible only to a specific candidate in a paused state");
  if (!asked->leader.empty()) accepted.action = FailoverAction::switchover;
  if (asked->leader == asked->candidate) return refuse(400, "Switchover target and source are the same");
  if (!scheduled) {
    auto candidates = candidates_for(accepted.action, *asked, contents);
    if (!candidates) return Refusal(candidates.error());
    accepted.candidates = std::move(*candidates);
  }
  if (!asked->leader.empty()) accepted.request.leader = asked->leader;
  if (!asked->candidate.empty()) accepted.request.candidate = asked->candidate;
  return accepted;
}

std::expected<base::WallTime, RestAnswer> read_schedule(std::string_view text, std::string_view action,
                                                        base::WallTime now) {
  const auto when = parse_timestamp(text);
  if (!when)
    return refuse(
        422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
  if (!when->has_zone)
    return refuse(400, fmt::format("Timezone information is mandatory for the scheduled {}", action));
  if (when->time < now) return refuse(422, fmt::format("Cannot schedule {} in the past", action));
  return when->time;
}

RestAnswer no_good_candidates(FailoverAction action) {
  return {412, fmt::format("{} is not possible: no good candidates have been found", name_of(action))};
}
RestAnswer request_not_written() { return {503, "failed to write failover key into DCS"}; }
RestAnswer request_scheduled(FailoverAction action) {
  return {202, fmt::format("{} scheduled", title_of(action))};
}

RestAnswer request_done(FailoverAction action, const ha::FailoverRequest& request,
                        std::string_view new_leader) {
  const bool switchover = action == FailoverAction::switchover;
  if (!request.candidate || *request.candidate == new_leader)
    return {200,
            fmt::format("Successfully {} over to \"{}\"", switchover ? "switched" : "failed", new_leader)};
  return {200, fmt::format("{} over to \"{}\" instead of \"{}\"", switchover ? "Switched" : "Failed",
                           new_leader, *request.candidate)};
}

RestAnswer request_failed(FailoverAction action) { return {503, fmt::format("{} failed", title_of(action))}; }

RestAnswer request_unfinished(FailoverAction action, base::Duration waited) {
  return {503,
          fmt::format("{} status unknown after {} seconds; operation may still be in progress",
                      title_of(action), std::chrono::duration_cast<std::chrono::seconds>(waited).count())};
}

}  // namespace holdfast::patroni
