// Who may hold the leader key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ha/situation.hpp"

namespace holdfast::ha {

// In synchronous mode only members of /sync have every acknowledged commit. Until a leader has written the
// key, nothing was promised yet, and the rules of asynchronous replication hold.
bool sync_set_binds(const Situation& situation);

// With a quorum, not every member of /sync has every acknowledged commit, but among so many of them one does.
// Whatever the mode is now: the last leader let commits be confirmed by a few.
bool quorum_decides(const Situation& situation);

// Has every acknowledged commit, or with a quorum may have.
bool has_every_commit(const Situation& situation, std::string_view member);

// This node sees no leader, and confirms no commit of a former one any more: the revision of /sync for which
// this is promised (PeerStatus). Nothing: it may still confirm. `instance` as looked at last.
std::optional<Revision> confirms_nothing_since(const Situation& situation, const Instance& instance);

// The other members of /sync that are not ahead of this node and can not confirm any commit that it does not
// have. A Patroni makes no promise; it counts as in Patroni, whose leaders end in time by themselves.
struct Votes {
  int given = 0;
  int needed = 0;
};
Votes votes_for_us(const Situation& situation);

// The tag nofailover keeps a standby from the leader key, not a primary from taking its own back.
bool electable(const Situation& situation, std::string_view member);

// A synchronous standby that was healthy when it last said something; never this node.
std::optional<MemberName> lossless_candidate(const Situation& situation);

// The same of what the peers answered in this tick: some member that could be elected now. For a request
// that names one: that one. Only who has WAL from beyond `needed`.
std::optional<MemberName> answering_candidate(const Situation& situation, const FailoverRequest& request = {},
                                              std::optional<pg::Lsn> needed = {});

// Whom to ask how far they are: the other members, and who led last or is in /failsafe, even if its entry is
// gone.
std::vector<Member> peers_to_ask(const Situation& situation);

// Whether a switchover asked of the present leader (this node) can be carried out, and who would take over.
struct SwitchoverCheck {
  bool possible = false;
  std::string reason;
};
SwitchoverCheck check_switchover(const Situation& situation, const FailoverRequest& request);

// The request is for this node to step down now.
bool asks_us_to_step_down(const Situation& situation);

}  // namespace holdfast::ha
