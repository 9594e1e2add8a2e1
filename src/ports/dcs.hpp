// The consensus store: etcd v3's model of keys, revisions, leases, transactions and watches, and no more.
// https://etcd.io/docs/v3.4/learning/api/
//
// Every call is bounded by its deadline and can be cancelled by destroying its task. Errors:
//   unreachable  no endpoint could be reached, or none had a leader: nothing happened
//   timed_out    no answer in time; a write may have happened: read before you decide
//   lease_lost   the lease does not exist (any more)
//   refused      authentication or permission
//   invalid      an answer that does not parse
// No error says that leadership is lost: all but lease_lost mean "unknown".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "patroni/key_value.hpp"

namespace holdfast::ports {

using KeyValue = patroni::KeyValue;

// One linearizable read: all keys below a prefix as of one revision.
struct DcsSnapshot {
  std::int64_t revision = 0;
  std::uint64_t raft_term = 0;
  std::vector<KeyValue> entries;  // in order of key
};

// A condition on one key.
struct Compare {
  enum class Field { create_revision, mod_revision };
  std::string key;
  Field field = Field::mod_revision;
  std::int64_t equals = 0;  // 0: the key must not exist

  static Compare absent(std::string key) { return {std::move(key), Field::create_revision, 0}; }
  static Compare created_at(std::string key, std::int64_t revision) {
    return {std::move(key), Field::create_revision, revision};
  }
  static Compare unchanged_since(std::string key, std::int64_t revision) {
    return {std::move(key), Field::mod_revision, revision};
  }
};

struct Put {
  std::string key;
  std::string value;
  std::int64_t lease = 0;
};
struct Delete {
  std::string key;
};
using Write = std::variant<Put, Delete>;

// All writes happen at one revision if all conditions hold; otherwise none.
struct Transaction {
  std::vector<Compare> conditions;
  std::vector<Write> writes;
};

struct DcsLease {
  std::int64_t id = 0;
  base::Duration ttl{};
};

struct WatchEvent {
  enum class Kind { put, remove };
  Kind kind = Kind::put;
  KeyValue entry;  // for remove: the key and the revision (mod_revision) of its removal
};

class DcsWatch {
 public:
  virtual ~DcsWatch() = default;
  // The next events, in order, none lost: after a broken connection the watch goes on from the revision after
  // the last one delivered. Waits as long as it takes; destroy the task or the watch to stop. An error means
  // that the history since then was compacted away (conflict): read again and watch from there.
  virtual base::Task<base::Result<std::vector<WatchEvent>>> next() = 0;
};

class Dcs {
 public:
  virtual ~Dcs() = default;

  // A snapshot older than one already seen (smaller raft term or revision: a stale member) is an error,
  // unreachable.
  virtual base::Task<base::Result<DcsSnapshot>> read(std::string prefix, base::Instant deadline) = 0;

  // The revision at which the writes happened. conflict: a condition did not hold, nothing was written.
  virtual base::Task<base::Result<std::int64_t>> commit(Transaction transaction, base::Instant deadline) = 0;

  // timed_out: a lease may have been made that nobody knows; it ends by itself.
  virtual base::Task<base::Result<DcsLease>> grant(base::Duration ttl, base::Instant deadline) = 0;
  // Renews for the full TTL, counted by etcd from some moment after the call began.
  virtual base::Task<base::Result<void>> keep_alive(std::int64_t lease, base::Instant deadline) = 0;
  // Deletes the lease and every key on it.
  virtual base::Task<base::Result<void>> revoke(std::int64_t lease, base::Instant deadline) = 0;

  // Events of all keys below `prefix` with a revision of at least `from_revision`.
  virtual std::unique_ptr<DcsWatch> watch(std::string prefix, std::int64_t from_revision) = 0;
};

}  // namespace holdfast::ports
