// Failsafe mode, both sides of it: asking the members, and being asked. ha/failsafe.hpp says why it is safe.
#include "ha/failsafe.hpp"

#include <algorithm>

#include "agent/agent.hpp"
#include "ha/memory.hpp"
#include "ha/rules.hpp"
#include "ha/slots.hpp"
#include "telemetry/log.hpp"

namespace holdfast::agent {
namespace {

using namespace std::chrono_literals;

// As long as Patroni waits for one answer.
constexpr base::Duration kConfirmTime = 2s;

base::Task<ha::FailsafeAnswer> ask(ports::Peers& peers, ha::MemberName name, std::string api_url,
                                   ha::FailsafeRequest request, base::Instant deadline) {
  const auto reply = co_await peers.confirm_leader(std::move(api_url), std::move(request), deadline);
  ha::FailsafeAnswer answer{.name = std::move(name)};
  if (reply) {
    answer.refusal = reply->refusal;
    answer.position = reply->position;
  } else {
    answer.refusal = reply.error().message;
  }
  co_return answer;
}

}  // namespace

ha::FailsafeRequest Agent::failsafe_request() const {
  const auto& local = situation_.local;
  ha::FailsafeRequest request{
      .leader = {.name = local.name, .conn_url = local.conn_url, .api_url = local.api_url},
      .ttl = situation_.settings.ttl};
  if (local.instance.status) request.slots = ha::cluster_status(situation_).slots;
  return request;
}

base::Task<void> Agent::carry_out(ha::AskFailsafeMembers action) {
  const auto asked_at = world_.clock.now();
  const bool was_confirmed = ha::leads_in_failsafe(situation_);
  const auto deadline = deadline_within(kConfirmTime);
  std::vector<base::Task<ha::FailsafeAnswer>> questions;
  for (const auto& [name, api_url] : action.members)
    questions.push_back(ask(world_.peers, name, api_url, failsafe_request(), deadline));
  const auto answers = co_await base::all_of(world_.clock.executor(), std::move(questions));
  situation_.now = world_.clock.now();
  ha::fold_failsafe_answers(situation_, answers, asked_at, situation_.now);
  if (situation_.local.memory.failsafe.confirmed_at == asked_at) {
    feed_watchdog(asked_at);
    situation_.local.right_until = ha::renewed_right(situation_.local);
  }
  const auto& refusal = situation_.local.memory.failsafe.refusal;
  if (!refusal.empty())
    telemetry::warning("failsafe mode: not all members confirm that we lead: {}", refusal);
  else if (!was_confirmed)
    telemetry::warning("failsafe mode is active: etcd is silent, and all members confirm that we lead");
}

base::Task<void> Agent::carry_out(ha::WriteFailsafe action) {
  // Whatever becomes of it: from now on etcd may hold it.
  auto& attempt = situation_.local.memory.failsafe.attempt;
  if (!attempt || attempt->seen != action.mod_revision)
    attempt = {.seen = action.mod_revision, .members = {}};
  attempt->members.insert(action.members.begin(), action.members.end());
  co_await commit_as_leader("writing /failsafe",
                            {ports::Compare::unchanged_since(keys_.failsafe(), action.mod_revision)},
                            {ports::Put{keys_.failsafe(), patroni::write_failsafe(action.members)}});
}

base::Task<std::optional<ports::FailsafeReply>> Agent::answer_failsafe(ha::FailsafeRequest request) {
  if (!situation_.settings.failsafe_mode) co_return std::nullopt;
  const auto instance = co_await look_at_postgres();
  // From here to the promise nothing else of this agent runs.
  const auto now = world_.clock.now();
  ports::FailsafeReply reply;
  if (auto why_not = ha::refuse_failsafe(situation_, instance, request.leader.name, now)) {
    reply.refusal = std::move(*why_not);
    co_return reply;
  }
  const auto& given = situation_.local.memory.promise;
  if (!given || now >= given->until || given->leader.name != request.leader.name)
    telemetry::warning("failsafe mode: {} leads without etcd; promised not to succeed it",
                       request.leader.name);
  ha::fold_failsafe_request(situation_, std::move(request), now);
  if (instance.status) reply.position = instance.status->position;
  co_return reply;
}

bool Agent::failsafe_active() const {
  if (ha::may_accept_writes(situation_.local)) return ha::leads_in_failsafe(situation_);
  return ha::promise(situation_) != nullptr;
}

}  // namespace holdfast::agent
