// The commands that only look.
#include <algorithm>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "ctl/cluster_table.hpp"
#include "ctl/watch.hpp"
#include "ctl/yaml_text.hpp"
#include "patroni/json_text.hpp"
#include "patroni/member_value.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

constexpr base::Duration kRestPatience = std::chrono::seconds(3);

base::Task<Exit> show_once(Session& session, const std::vector<std::string>& scopes, Format format) {
  if (session.arguments.timestamp)
    session.terminal.out(local_seconds(session.runtime.clock().wall_time()) + "\n");
  auto exit = Exit::ok;
  for (const auto& scope : scopes) {
    const auto contents = co_await read_cluster(session, scope);
    if (contents)
      session.terminal.out(show_cluster(*contents, scope, format, session.arguments.extended));
    else
      exit = report(session, contents.error());
  }
  co_return exit;
}

// Once, or again and again. An etcd that is away is worth watching, too.
base::Task<Exit> show(Session& session, Format format) {
  auto scopes = session.arguments.clusters;
  if (scopes.empty()) {
    const auto scope = named_cluster(session);
    if (!scope && session.face == Face::patronictl) {
      warn(session, "Listing members: No cluster names were provided");
      co_return Exit::ok;
    }
    if (!scope) co_return report(session, scope.error());
    scopes.push_back(*scope);
  }
  Watch watch(session, Watch::Screen::clear);
  while (true) {
    const auto exit = co_await show_once(session, scopes, format);
    if (!watch.on()) co_return exit;
    co_await watch.next();
  }
}

// 150004 is 15.4, 90624 is 9.6.24.
std::string postgres_version(std::int64_t number) {
  if (number < 100000) return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
  return fmt::format("{}.{}", number / 10000, number % 100);
}

std::string member_version(const std::string& body, Face face) {
  const auto status = patroni::parse_json_object(body);
  if (!status) return "an answer that is not understood: " + status.error().message;
  const auto text = [&](const char* section) -> std::string {
    const auto* object = status->if_contains(section);
    const auto* value = object && object->is_object() ? object->get_object().if_contains("version") : nullptr;
    return value ? patroni::scalar_text(*value).value_or("") : "";
  };
  std::string out = "Patroni " + text("patroni");
  if (const auto ours = text("holdfast"); !ours.empty() && face == Face::holdfast)
    out = fmt::format("Holdfast {} (as {})", ours, out);
  const auto* server = status->if_contains("server_version");
  const auto number = server ? patroni::integer_of(*server) : std::nullopt;
  return number ? out + " PostgreSQL " + postgres_version(*number) : out;
}

}  // namespace

base::Task<Exit> list(Session& session) { return show(session, session.arguments.format); }
base::Task<Exit> topology(Session& session) { return show(session, Format::topology); }

base::Task<Exit> history(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  session.terminal.out(show_history(*contents, session.arguments.format));
  co_return Exit::ok;
}

base::Task<Exit> show_config(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  if (!contents->config && session.face == Face::patronictl) co_return Exit::ok;
  if (!contents->config)
    co_return report(session,
                     {Exit::failed, fmt::format("cluster {} has no readable configuration", *scope), false});
  session.terminal.out(to_yaml(*contents->config) + "\n");
  co_return Exit::ok;
}

base::Task<Exit> version(Session& session) {
  if (session.face == Face::patronictl)
    session.terminal.out(fmt::format("patronictl version {}\n", patroni::kPatroniVersion));
  else
    session.terminal.out(fmt::format("holdfast version {} (compatible with Patroni {})\n", HOLDFAST_VERSION,
                                     patroni::kPatroniVersion));
  const auto& arguments = session.arguments;
  if (arguments.clusters.empty()) co_return Exit::ok;
  const auto contents = co_await read_cluster(session, arguments.clusters.front());
  if (!contents) co_return report(session, contents.error());
  session.terminal.out("\n");
  for (const auto& member : contents->view.members) {
    const auto& named = arguments.members;
    const bool wanted = named.empty() || std::ranges::find(named, member.name) != named.end();
    if (!wanted || member.api_url.empty()) continue;
    const auto answer = co_await ask_member(session, member.api_url, "GET", "/patroni", "", kRestPatience);
    session.terminal.out(fmt::format("{}: {}\n", member.name,
                                     answer ? member_version(answer->body, session.face)
                                            : "failed to get version: " + answer.error().message));
  }
  co_return Exit::ok;
}

}  // namespace holdfast::ctl
