#include "ctl/cluster_access.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <set>

#include "base/base64.hpp"
#include "patroni/host_port.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::ctl {
namespace {

// Long enough for etcd to elect a new leader meanwhile, short enough for a person who waits.
constexpr base::Duration kDcsPatience = std::chrono::seconds(5);

std::string endpoints(const patroni::EtcdConfig& etcd) {
  std::vector<std::string> shown;
  for (const auto& host : etcd.hosts)
    shown.push_back((etcd.tls ? "https://" : "http://") + patroni::to_string(host));
  return fmt::format("{}", fmt::join(shown, ", "));
}

Failure dcs_failure(const Session& session, const base::Error& error) {
  return {Exit::dcs_unreachable,
          fmt::format("etcd ({}) does not answer: {}", endpoints(session.settings.etcd), error.message),
          false};
}

// The scopes below the namespace: /service/NAME/...
base::Task<std::set<std::string>> existing_scopes(Session& session) {
  std::set<std::string> scopes;
  const auto& prefix = session.settings.dcs_namespace;
  const auto deadline = session.runtime.clock().now() + kDcsPatience;
  const auto all = co_await session.dcs.read(prefix, deadline);
  if (!all) co_return scopes;
  for (const auto& entry : all->entries) {
    const auto rest = std::string_view(entry.key).substr(prefix.size());
    if (const auto slash = rest.find('/'); slash != std::string_view::npos)
      scopes.emplace(rest.substr(0, slash));
  }
  co_return scopes;
}

}  // namespace

patroni::Keys keys_of(const Session& session, std::string_view scope) {
  return {session.settings.dcs_namespace, scope};
}

Outcome<std::string> named_cluster(const Session& session) {
  if (!session.arguments.clusters.empty()) return session.arguments.clusters.front();
  if (!session.settings.scope.empty()) return session.settings.scope;
  return std::unexpected(
      Failure{Exit::usage, "which cluster? Name it, or use a configuration file with a scope", false});
}

base::Task<Outcome<patroni::DcsContents>> read_cluster(Session& session, std::string scope) {
  const auto keys = keys_of(session, scope);
  const auto snapshot =
      co_await session.dcs.read(keys.prefix(), session.runtime.clock().now() + kDcsPatience);
  if (!snapshot) co_return std::unexpected(dcs_failure(session, snapshot.error()));
  auto contents = patroni::read_contents(keys, snapshot->revision, snapshot->entries);
  if (!snapshot->entries.empty() || session.face == Face::patronictl) {
    for (const auto& problem : contents.problems) warn(session, problem);
    co_return contents;
  }
  const auto scopes = co_await existing_scopes(session);
  const auto there =
      scopes.empty() ? std::string("there is none") : fmt::format("there are: {}", fmt::join(scopes, ", "));
  co_return stop(
      fmt::format("no cluster {} below {} in etcd; {}", scope, session.settings.dcs_namespace, there));
}

base::Task<base::Result<net::HttpResponse>> ask_member(Session& session, std::string api_url,
                                                       std::string method, std::string target,
                                                       std::string body, base::Duration patience) {
  auto url = net::parse_http_url(api_url);
  if (!url) co_return std::unexpected(url.error());
  net::HttpRequest request{
      .method = std::move(method), .target = std::move(target), .headers = {}, .body = std::move(body)};
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  const auto& rest = session.settings.rest;
  if (!rest.username.empty())
    request.headers.emplace_back("Authorization",
                                 "Basic " + base::to_base64(rest.username + ":" + rest.password));
  co_return co_await session.http.send(url->endpoint, std::move(request),
                                       session.runtime.clock().now() + patience);
}

std::string local_timestamp(base::WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t unix_time = seconds.time_since_epoch().count();
  std::tm local{};
  localtime_r(&unix_time, &local);
  const auto fraction = (time - seconds).count() / 10;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:05}", local, fraction);
}

std::string local_seconds(base::WallTime time) {
  const auto text = local_timestamp(time);
  return text.substr(0, text.find('.'));
}

boost::json::object config_of(const patroni::DcsContents& contents) {
  return contents.config.value_or(boost::json::object());
}

std::int64_t loop_wait_of(const patroni::DcsContents& contents) {
  constexpr std::int64_t kDefault = 10;  // Patroni's
  const auto config = config_of(contents);
  const auto* value = config.if_contains("loop_wait");
  const auto seconds = value ? patroni::integer_of(*value) : std::nullopt;
  return seconds && *seconds > 0 ? *seconds : kDefault;
}

Exit report(Session& session, const Failure& failure) {
  if (!failure.aborted)
    session.terminal.err(fmt::format("Error: {}\n", failure.message));
  else if (session.face == Face::patronictl)
    session.terminal.err("Aborted!\n");
  else
    session.terminal.err("Error: Aborted! (no answer; --force asks nothing)\n");
  return failure.exit;
}

void warn(Session& session, std::string_view text) {
  if (session.face == Face::holdfast) return session.terminal.err(fmt::format("Warning: {}\n", text));
  // As Python's logging does.
  const auto now = local_timestamp(session.runtime.clock().wall_time());
  auto time = now.substr(0, now.find('.') + 4);
  std::ranges::replace(time, '.', ',');
  session.terminal.err(fmt::format("{} - WARNING - {}\n", time, text));
}

}  // namespace holdfast::ctl
