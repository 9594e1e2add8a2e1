// The one PostgreSQL instance that this agent owns.
//
// Calls fall in two classes. Quick ones take a deadline. Jobs may take minutes: the agent runs them beside
// its loop; destroying a job's task cancels it, ends the processes it started and leaves the data directory
// either as it was or marked incomplete. At most one job runs at a time. Observing and quick calls may run
// during a job. Errors everywhere: refused (PostgreSQL said no, message has its text), timed_out (may have
// happened: observe), failed (a command or file operation; message names it), unreachable (the upstream).
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "ha/callbacks.hpp"
#include "ha/instance.hpp"
#include "patroni/node_config.hpp"

namespace holdfast::ports {

enum class StopMode {
  fast,       // disconnect clients, write a shutdown checkpoint, send all WAL to connected standbys
  immediate,  // end at once, no commit that still waits is answered; crash recovery at the next start.
              // Afterwards no process of the instance is left, whatever it takes.
};

// How far a job is. A share below 0 is unknown.
struct Progress {
  std::string doing;  // "copying the data of node1"
  double share = -1;
};
using ReportProgress = std::function<void(Progress)>;

class Postgres {
 public:
  virtual ~Postgres() = default;

  // Looks at directory, process and server. Never fails: what cannot be seen by `deadline` is absent or
  // unknown.
  virtual base::Task<ha::Instance> observe(base::Instant deadline) = 0;

  // Set when the postmaster has ended (or was found ended); cleared by the agent when it has noticed.
  virtual base::Event& ended() = 0;

  // Jobs
  // ------------------------------------------------------------------------------------------------------

  // initdb with the configured options, first start as a primary, users, settings. The directory must be
  // absent or incomplete. On success the server runs as primary, the result is its system identifier, and the
  // directory is `unconfirmed`: should this node lose the initialize key meanwhile, its new cluster is
  // nobody's and is thrown away.
  virtual base::Task<base::Result<ha::SystemId>> bootstrap(ReportProgress report) = 0;

  // Makes a replica's data, by the first of the configured methods that succeeds; mostly pg_basebackup from
  // `source`. Without a source (its name is empty) only methods that need none are tried. If the directory
  // holds data, the copy is made beside it and swapped in only when complete; what was there is kept as
  // DIR.before_clone.<time>, unless it is incomplete or a method works on it in place. Not started.
  struct CloneOptions {
    bool discard = false;          // what is there is thrown away first
    bool basebackup_only = false;  // whatever else is configured
  };
  virtual base::Task<base::Result<void>> clone(ha::Upstream source, ReportProgress report,
                                               CloneOptions options) = 0;
  base::Task<base::Result<void>> clone(ha::Upstream source, ReportProgress report) {
    return clone(std::move(source), std::move(report), CloneOptions{});
  }

  // Starts the server. With an upstream (or `standby`): as standby following it (or nobody). Without: as what
  // the directory was last. Returns when the server accepts connections or, for a standby, at least has begun
  // recovery. Unlike other jobs, a cancelled start leaves its server starting: observe it, and stop() it if
  // it is not wanted.
  struct StartOptions {
    bool standby = false;
    std::optional<ha::Upstream> upstream;
  };
  virtual base::Task<base::Result<void>> start(StartOptions options) = 0;

  // Returns when no process of the instance is left. It is observed as `stopping` from when it has been told
  // to stop, after the user's before_stop, which `deadline` does not count. `fast` that does not finish by
  // `deadline` is timed_out and still stopping; stop(immediate) may follow.
  virtual base::Task<base::Result<void>> stop(StopMode mode, base::Instant deadline) = 0;

  // Ends recovery; returns when the server accepts writes.
  virtual base::Task<base::Result<void>> promote() = 0;

  // pg_rewind against `source`, after crash recovery where it is needed. The server must be stopped. refused:
  // this instance cannot be rewound (no checksums nor wal_log_hints, WAL missing); re-clone.
  virtual base::Task<base::Result<void>> rewind(ha::Upstream source, ReportProgress report) = 0;

  // Quick calls
  // -----------------------------------------------------------------------------------------------

  // The bootstrapped cluster has been announced in etcd: the directory becomes `valid`.
  virtual base::Task<base::Result<void>> confirm_bootstrap() = 0;
  // Points a running standby at another upstream, or at none. With none, returns when the WAL receiver is
  // gone: from then on this standby acknowledges nothing to anybody.
  virtual base::Task<base::Result<void>> follow(std::optional<ha::Upstream> upstream,
                                                base::Instant deadline) = 0;
  // Sets synchronous_standby_names and reloads; returns when a new session would see the value. Kept for the
  // next start when the server does not run.
  virtual base::Task<base::Result<void>> set_synchronous_standby_names(std::string value,
                                                                       base::Instant deadline) = 0;
  // The effective settings (dynamic merged with local): written to the configuration files, reloaded if
  // running. Without a data directory they are kept for the next bootstrap(), clone() or start(). refused:
  // the running server does not take a value; the message names it.
  virtual base::Task<base::Result<void>> configure(patroni::PostgresSettings settings,
                                                   base::Instant deadline) = 0;
  // Starts the user's callback for this, if there is one, and returns at once. One that is still running is
  // ended first.
  virtual void call_back(ha::Callback callback) = 0;
  // The node's file was read again; settings follow with configure().
  virtual void reload_config(patroni::NodeConfig config) = 0;
  // Writes patroni.dynamic.json into the data directory, for the next start of the agent.
  virtual base::Task<base::Result<void>> remember_dynamic_config(std::string json) = 0;
  // A slot that is there already, or gone already, is as good as one that was made or dropped.
  // refused: the slot is in use, or there is no room for another. A logical one waits for the end of all
  // running transactions.
  virtual base::Task<base::Result<void>> create_slot(std::string name, ha::NewSlot slot,
                                                     base::Instant deadline) = 0;
  virtual base::Task<base::Result<void>> drop_slot(std::string name, base::Instant deadline) = 0;
  // Lets a slot's WAL go up to a position. A logical one may take long, and comes as far as it gets by the
  // deadline. invalid: WAL that it needs is gone; it can never be moved again.
  virtual base::Task<base::Result<void>> move_slot(std::string name, ha::SlotMove move,
                                                   base::Instant deadline) = 0;
  // The files of the leader's logical slots, of those that exist there. refused: this server could not start
  // with them (wal_level, max_replication_slots), or the leader does not let us read them.
  virtual base::Task<base::Result<std::vector<ha::SlotFile>>> fetch_slots(ha::Upstream leader,
                                                                          std::set<std::string> names,
                                                                          base::Instant deadline) = 0;
  // Puts them, whole or not at all, where the next start finds them. conflict: the server runs.
  virtual base::Task<base::Result<void>> place_slots(std::vector<ha::SlotFile> files) = 0;
  // Returns when a checkpoint that began after the call has ended; one that is under way is waited for first.
  virtual base::Task<base::Result<void>> checkpoint(base::Instant deadline) = 0;
  // Hands the WAL file in which a primary ended cleanly to archive_command, if it archives. conflict: it
  // runs, or did not end so. https://www.postgresql.org/docs/15/continuous-archiving.html
  virtual base::Task<base::Result<void>> archive_end_of_wal() = 0;
  // IDENTIFY_SYSTEM and TIMELINE_HISTORY over a replication connection.
  // https://www.postgresql.org/docs/15/protocol-replication.html
  virtual base::Task<base::Result<ha::UpstreamTimeline>> inspect(ha::Upstream upstream,
                                                                 base::Instant deadline) = 0;
  // Where the local WAL really ends (the last valid record): of a stopped instance, through pg_waldump.
  virtual base::Task<base::Result<pg::Lsn>> end_of_wal(base::Instant deadline) = 0;
  // The local server's own timeline history, oldest first.
  virtual base::Task<base::Result<pg::TimelineHistory>> own_history(base::Instant deadline) = 0;
};

}  // namespace holdfast::ports
