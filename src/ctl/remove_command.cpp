// remove: takes a cluster out of etcd, after three questions that nobody answers by accident.
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "ctl/cluster_table.hpp"
#include "ctl/dialogue.hpp"

namespace holdfast::ctl {
namespace {

constexpr base::Duration kPatience = std::chrono::seconds(10);

// Not by --force: the names are what makes sure that it is the right one.
Outcome<void> be_sure(Session& session, const std::string& scope, const ha::ClusterView& view) {
  const auto name = ask(session, "Please confirm the cluster name to remove", std::nullopt);
  if (!name) return std::unexpected(name.error());
  if (*name != scope) return stop("Cluster names specified do not match");
  const std::string aware = "Yes I am aware";
  const auto said = ask(
      session,
      fmt::format("You are about to remove all information in DCS for {}, please type: \"{}\"", scope, aware),
      std::nullopt);
  if (!said) return std::unexpected(said.error());
  if (*said != aware) return stop(fmt::format("You did not exactly type \"{}\"", aware));
  if (!view.leader) return {};
  const auto leader = ask(
      session, "This cluster currently is healthy. Please specify the leader name to continue", std::nullopt);
  if (!leader) return std::unexpected(leader.error());
  if (*leader != view.leader->name) return stop("You did not specify the current leader of the cluster");
  return {};
}

}  // namespace

base::Task<Exit> remove(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  session.terminal.out(show_cluster(*contents, *scope, session.arguments.format));
  if (const auto sure = be_sure(session, *scope, contents->view); !sure)
    co_return report(session, sure.error());

  const auto deadline = session.runtime.clock().now() + kPatience;
  const auto all = co_await session.dcs.read(keys_of(session, *scope).prefix(), deadline);
  if (!all) co_return report(session, {Exit::dcs_unreachable, all.error().message, false});
  ports::Transaction transaction;
  for (const auto& entry : all->entries) transaction.writes.push_back(ports::Delete{entry.key});
  if (transaction.writes.empty()) co_return Exit::ok;
  const auto done = co_await session.dcs.commit(std::move(transaction), deadline);
  if (done) co_return Exit::ok;
  co_return report(
      session, {Exit::dcs_unreachable, fmt::format("removing {}: {}", *scope, done.error().message), false});
}

}  // namespace holdfast::ctl
