#include "ctl/cluster_access.hpp"

#include <ctime>
#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <set>

#include "base/base64.hpp"
#include "patroni/host_port.hpp"

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
          fmt::format("etcd ({}) does not answer: {}", endpoints(session.settings.etcd), error.message)};
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
      Failure{Exit::usage, "which cluster? Name it, or use a configuration file with a scope"});
}

base::Task<Outcome<patroni::DcsContents>> read_cluster(Session& session, std::string scope) {
  const auto keys = keys_of(session, scope);
  const auto snapshot =
      co_await session.dcs.read(keys.prefix(), session.runtime.clock().now() + kDcsPatience);
  if (!snapshot) co_return std::unexpected(dcs_failure(session, snapshot.error()));
  auto contents = patroni::read_contents(keys, snapshot->revision, snapshot->entries);
  if (!snapshot->entries.empty()) {
    for (const auto& problem : contents.problems) session.terminal.err(fmt::format("Warning: {}\n", problem));
    co_return contents;
  }
  const auto scopes = co_await existing_scopes(session);
  const auto there =
      scopes.empty() ? std::string("there is none") : fmt::format("there are: {}", fmt::join(scopes, ", "));
  co_return std::unexpected(Failure{Exit::failed, fmt::format("no cluster {} below {} in etcd; {}", scope,
                                                              session.settings.dcs_namespace, there)});
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

Exit report(Session& session, const Failure& failure) {
  session.terminal.err(fmt::format("Error: {}\n", failure.message));
  return failure.exit;
}

}  // namespace holdfast::ctl
