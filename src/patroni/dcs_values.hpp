// The entries of a cluster in etcd: read all of them into values, write each of them as Patroni does.
// https://patroni.readthedocs.io/en/latest/ has no page on them; the golden files in tests/golden/ have.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ha/cluster_view.hpp"
#include "patroni/key_value.hpp"
#include "patroni/keys.hpp"
#include "patroni/member_value.hpp"

namespace holdfast::patroni {

// A timeline that was left, with what Patroni notes about it.
struct HistoryEntry {
  pg::Timeline timeline = 0;
  pg::Lsn at;
  std::string reason;
  std::string timestamp;   // ISO 8601, when the next timeline was seen first; empty: not noted
  std::string new_leader;  // who led the next timeline; empty: not noted

  bool operator==(const HistoryEntry&) const = default;
};

// What one read of etcd says: `view` for decisions, the rest for people and for the REST API.
struct DcsContents {
  ha::ClusterView view;
  std::map<std::string, MemberValue, std::less<>> members;
  std::optional<boost::json::object>
      config;  // absent: no such key, or not readable (view.has_config tells which)
  std::vector<HistoryEntry> history;
  std::vector<std::string> problems;  // each names the key and what is wrong with its value
};

// Never fails: an entry that cannot be read is reported in `problems` and counts as
//   member      present with its name only          config     has_config, without a value
//   sync        present, nobody in it, not readable  failover   absent; its revision is known
//   history, status, failsafe  absent
// Keys that are none of Patroni's are passed over.
DcsContents read_contents(const Keys& keys, ha::Revision revision, std::span<const KeyValue> entries);

// One value alone, in Patroni's JSON. invalid: what is wrong with the text.
base::Result<ha::SyncState> parse_sync(std::string_view text);
base::Result<ha::ClusterStatus> parse_status(std::string_view text);
base::Result<ha::FailoverRequest> parse_failover(std::string_view text);
base::Result<std::vector<HistoryEntry>> parse_history(std::string_view text);

std::string write_sync(const ha::SyncState& sync);
std::string write_status(const ha::ClusterStatus& status);
std::string write_failover(const ha::FailoverRequest& request);  // {} for one that asks for nothing
std::string write_history(std::span<const HistoryEntry> history);
std::string write_failsafe(const std::map<ha::MemberName, std::string>& members);
std::string write_config(const boost::json::object& config);

}  // namespace holdfast::patroni
