// Whether whoever may be elected has every acknowledged commit: the arithmetic of two sets that must meet.
//
// synchronous_standby_names says who confirms a commit before it is acknowledged: some `count` of `names`.
// /sync says who may be elected after the leader: a node that has as much WAL as `quorum` others of /sync. So
// a commit can be lost only if more than `quorum` of the standbys in /sync lack it. That number is what is
// counted here, for the commits to come (whoever confirms them) and for those of the past (whoever is known
// to have them). Priority mode is the same with all names counted and a quorum of 0.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "ha/cluster_view.hpp"

namespace holdfast::ha {

using Names = std::set<MemberName>;

// Any `count` of `names` confirm each commit. None: nobody does, or it cannot be said who.
struct Confirmation {
  int count = 0;
  Names names;
};
Confirmation confirmation_of(std::string_view synchronous_standby_names);

// The standbys in /sync, and how many others must not be ahead of the one that is elected.
struct Electorate {
  Names standbys;
  int quorum = 0;

  bool operator==(const Electorate&) const = default;
};

// How many of `standbys` may lack a commit that was acknowledged under this confirmation.
int may_lack(const Names& standbys, const Confirmation& confirmation);

// Everything acknowledged under this confirmation survives an election.
bool safe(const Electorate& electorate, const Confirmation& confirmation);

// The smallest quorum with which `standbys` may stand in /sync in place of `now`, while commits are confirmed
// by each of `confirmations` and the standbys `caught_up` have every commit acknowledged before.
int quorum_for(const Names& standbys, const Electorate& now, std::span<const Confirmation> confirmations,
               const Names& caught_up);

// A quorum that could be reached although the leader and none of the standbys is lost.
bool reachable(const Electorate& electorate);

}  // namespace holdfast::ha
