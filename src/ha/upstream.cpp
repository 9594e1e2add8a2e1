#include <fmt/format.h>

#include "ha/rules.hpp"

namespace holdfast::ha {
namespace {

constexpr std::string_view kRemoteName = "remote_member";  // Patroni's word for it

// Whoever streams from this node, directly or through others, is no upstream for it.
bool streams_from_us(const Situation& s, const Member& member) {
  const auto* at = &member;
  for (std::size_t steps = 0; steps <= s.cluster->members.size(); ++steps) {
    if (at->tags.replicatefrom.empty() || at->tags.nostream) return false;
    if (at->tags.replicatefrom == s.local.name) return true;
    at = s.cluster->member(at->tags.replicatefrom);
    if (at == nullptr) return false;
  }
  return true;  // a circle
}

std::optional<Upstream> tagged_upstream(const Situation& s) {
  const auto& from = s.local.tags.replicatefrom;
  if (from.empty() || from == s.local.name || !s.cluster || s.cluster->led_by(from)) return std::nullopt;
  const auto* member = s.cluster->member(from);
  if (!member || member->conn_url.empty() || streams_from_us(s, *member)) return std::nullopt;
  if (member->state != MemberState::running && member->state != MemberState::starting &&
      member->state != MemberState::restarting)
    return std::nullopt;
  return Upstream{.name = member->name, .conn_url = member->conn_url};
}

}  // namespace

std::optional<Upstream> remote_upstream(const Settings& settings) {
  const auto& remote = settings.standby_cluster;
  if (!remote || remote->host.empty()) return std::nullopt;
  const bool is_ipv6 = remote->host.contains(':');
  return Upstream{
      .name = std::string(kRemoteName),
      .conn_url = fmt::format("postgres://{}:{}/postgres",
                              is_ipv6 ? fmt::format("[{}]", remote->host) : remote->host, remote->port),
      .slot = remote->primary_slot_name};
}

std::optional<Upstream> wanted_upstream(const Situation& s) {
  if (s.local.tags.nostream) return std::nullopt;
  // Without a leader a standby cluster goes on receiving, each node for itself.
  if (s.settings.standby_cluster && s.cluster && (is_leader(s) || !s.cluster->leader))
    return remote_upstream(s.settings);
  const auto leader = leader_upstream(s);
  if (!leader) return std::nullopt;
  const auto tagged = tagged_upstream(s);
  return tagged ? tagged : leader;
}

}  // namespace holdfast::ha
