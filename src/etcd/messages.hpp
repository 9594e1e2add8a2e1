// The JSON of etcd's gateway: its requests, answers and errors. 64 bit numbers travel as strings, bytes as
// base64, and what has its default value is left out. https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "ports/dcs.hpp"

namespace holdfast::etcd {

// Requests
// ----------------------------------------------------------------------------------------------------

std::string range_request(std::string_view prefix);
// Asks for at most one key below `prefix` that was written at `revision` or later.
std::string newer_request(std::string_view prefix, std::int64_t revision);
std::string transaction_request(const ports::Transaction& transaction);
std::string grant_request(base::Duration ttl);                                   // whole seconds, rounded up
std::string lease_request(std::int64_t lease);                                   // keep-alive and revoke
std::string watch_request(std::string_view prefix, std::int64_t from_revision);  // 0: from now
std::string authenticate_request(std::string_view username, std::string_view password);

// Answers
// -----------------------------------------------------------------------------------------------------

// Who answered, and how far that member was.
struct Header {
  std::uint64_t cluster_id = 0;
  std::int64_t revision = 0;
  std::uint64_t raft_term = 0;
};

struct Reply {
  Header header;
  boost::json::object body;
};

// invalid: not JSON, or without a header. Of a streaming call's answer, the first message.
base::Result<Reply> parse_reply(std::string_view text);

base::Result<ports::DcsSnapshot> parse_snapshot(const Reply& reply);
bool has_keys(const Reply& range);
bool succeeded(const Reply& transaction);
base::Result<ports::DcsLease> parse_lease(const Reply& grant);
bool lease_renewed(const Reply& keep_alive);  // no: the lease does not exist any more
base::Result<std::string> parse_token(const Reply& authentication);

// The prefix's range_end: the first key that does not begin with it.
std::string end_of_prefix(std::string_view prefix);

// Errors
// ------------------------------------------------------------------------------------------------------

// What an error answer means for the call.
enum class Meaning {
  nothing_happened,  // this member cannot serve now (no leader, overloaded, a learner): another may
  unknown,           // it may have happened: timeouts, a change of leader, a member that is stopping
  lease_lost,
  refused,        // authentication, permission, no space left
  token_invalid,  // authenticate anew; nothing happened
  compacted,
  unusable,  // not an answer of etcd's gateway
};

struct Failure {
  Meaning meaning = Meaning::unusable;
  std::string message;
};

// `status` is HTTP's; 0 for an error inside a stream.
Failure parse_failure(int status, std::string_view text);
Failure failure_of(const boost::json::object& error);

// Watching
// ----------------------------------------------------------------------------------------------------

struct WatchCreated {
  std::int64_t revision = 0;  // the member's when the watch was made
};
using WatchEvents = std::vector<ports::WatchEvent>;  // empty: a sign of life
using WatchMessage = std::variant<WatchCreated, WatchEvents, Failure>;

WatchMessage parse_watch_line(std::string_view line);

}  // namespace holdfast::etcd
