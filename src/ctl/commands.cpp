// All commands of the CLI: one row each.
#include "ctl/command.hpp"

namespace holdfast::ctl {
namespace {

const std::vector<Command> kCommands = {
    {.name = "list",
     .help = "Show a cluster and its members",
     .teaches =
         "  One row for each member, with its role, its state and how far it is behind. Columns that nobody\n"
         "  has anything for (pending restart, tags, ...) are left out, unless -e asks for them.\n",
     .examples = "  holdfast list main\n"
                 "  holdfast list main -f json\n"
                 "  holdfast list main -W\n",
     .takes = Takes::clusters,
     .options = {"extended", "timestamp", "format", "watch-briskly", "watch"},
     .run = list},
    {.name = "topology",
     .help = "Show who replicates from whom",
     .teaches = "  The table of list as a tree: each member below the one that it replicates from.\n",
     .examples = "  holdfast topology main\n",
     .takes = Takes::clusters,
     .options = {"watch-briskly", "watch"},
     .run = topology},
    {.name = "switchover",
     .help = "Hand the leadership over while the leader is well",
     .teaches = "  No commit is lost: the leader stops first, and hands over when a candidate has "
                "everything. Without\n"
                "  --candidate the best member takes over. What is not given is asked for.\n",
     .examples = "  holdfast switchover main\n"
                 "  holdfast switchover main --candidate node2 --force\n"
                 "  holdfast switchover main --scheduled 2026-12-31T04:00+01:00 --force\n",
     .takes = Takes::cluster_or_scope,
     .options = {"leader", "candidate", "scheduled", "force"},
     .run = switchover},
    {.name = "failover",
     .help = "Give the leadership to a member, whatever became of the leader",
     .teaches = "  For a cluster without a healthy leader. An asynchronous candidate may lack commits; that "
                "is asked\n"
                "  about once more.\n",
     .examples = "  holdfast failover main --candidate node2\n",
     .takes = Takes::cluster_or_scope,
     .options = {"candidate", "force"},
     .run = failover},
    {.name = "restart",
     .help = "Restart PostgreSQL of members",
     .teaches = "  Of all members, or of those that are named or match all conditions, one after the other. "
                "A member\n"
                "  takes one scheduled restart at a time; --force replaces it.\n",
     .examples = "  holdfast restart main node2\n"
                 "  holdfast restart main --role replica --force\n"
                 "  holdfast restart main --pending --scheduled 2026-12-31T04:00+01:00 --force\n",
     .takes = Takes::cluster_and_members,
     .options = {"role", "any", "scheduled", "pg-version", "pending", "timeout", "force"},
     .run = restart},
    {.name = "reload",
     .help = "Let members read their configuration files again",
     .teaches =
         "  PostgreSQL is reloaded, not restarted; what needs a restart is shown by list as pending.\n",
     .examples = "  holdfast reload main --force\n"
                 "  holdfast reload main node2\n",
     .takes = Takes::cluster_and_members,
     .options = {"role", "force"},
     .run = reload},
    {.name = "reinit",
     .help = "Make replicas' data anew, from the leader or another replica",
     .teaches = "  For a replica that is broken beyond repair. A leader is never reinitialized.\n",
     .examples = "  holdfast reinit main node3\n"
                 "  holdfast reinit main node3 --from-leader --wait --force\n",
     .takes = Takes::cluster_and_members,
     .options = {"force", "from-leader", "wait"},
     .run = reinit},
    {.name = "pause",
     .help = "Maintenance mode: no automatic failover, hands off PostgreSQL",
     .teaches = "  While the cluster is paused, nothing is promoted, started or stopped but by a person.\n",
     .examples = "  holdfast pause main --wait\n",
     .takes = Takes::cluster_or_scope,
     .options = {"wait"},
     .run = pause},
    {.name = "resume",
     .help = "End the maintenance mode",
     .teaches = "  From here on the cluster looks after itself again.\n",
     .examples = "  holdfast resume main --wait\n",
     .takes = Takes::cluster_or_scope,
     .options = {"wait"},
     .run = resume},
    {.name = "show-config",
     .help = "Show the cluster's dynamic configuration as YAML",
     .teaches = "  The settings that all members share; they are in etcd.\n",
     .examples = "  holdfast show-config main\n",
     .takes = Takes::cluster_or_scope,
     .options = {},
     .run = show_config},
    {.name = "edit-config",
     .help = "Change the cluster's dynamic configuration",
     .teaches = "  By -s and -p, by a file, or else in $EDITOR. What changes is shown as a diff, and asked "
                "about. A\n"
                "  change that somebody else makes meanwhile is not overwritten.\n",
     .examples = "  holdfast edit-config main\n"
                 "  holdfast edit-config main -s ttl=20 -s synchronous_mode=quorum\n"
                 "  holdfast edit-config main -p max_connections=200 -p work_mem=64MB --force\n"
                 "  holdfast edit-config main --apply - --force < patch.yml\n",
     .takes = Takes::cluster_or_scope,
     .options = {"quiet", "set", "pg", "apply", "replace", "force"},
     .run = edit_config},
    {.name = "history",
     .help = "Show when the leadership changed",
     .teaches = "  One row for each timeline that was left: where, why, when, and who led afterwards.\n",
     .examples = "  holdfast history main\n"
                 "  holdfast history main -f yaml\n",
     .takes = Takes::cluster_or_scope,
     .options = {"format"},
     .run = history},
    {.name = "flush",
     .help = "Take back a scheduled restart or switchover",
     .teaches = "  The last word says which of the two.\n",
     .examples = "  holdfast flush main switchover\n"
                 "  holdfast flush main node2 restart --force\n",
     .takes = Takes::cluster_members_and_target,
     .options = {"role", "force"},
     .run = flush},
    {.name = "remove",
     .help = "Remove a cluster from etcd, for ever",
     .teaches =
         "  All that etcd knows of it; the members' data stays. Asks three questions, which nothing answers\n"
         "  but a person.\n",
     .examples = "  holdfast remove old\n",
     .takes = Takes::cluster,
     .options = {"format"},
     .run = remove},
    {.name = "dsn",
     .help = "Show how to connect to a member's PostgreSQL",
     .teaches = "  Host and port as libpq takes them; of the leader, if nothing else is asked for.\n",
     .examples = "  holdfast dsn main\n"
                 "  psql \"$(holdfast dsn main --role replica) user=app dbname=app\"\n",
     .takes = Takes::cluster_or_scope,
     .options = {"role", "member"},
     .run = dsn},
    {.name = "query",
     .help = "Run SQL on a member's PostgreSQL",
     .teaches = "  On the leader, if nothing else is asked for. Logs in as psql does: PGUSER, PGPASSWORD, "
                "~/.pgpass and\n"
                "  so on count.\n",
     .examples = "  holdfast query main -c 'SELECT pg_is_in_recovery()' --role replica\n"
                 "  holdfast query main -m node2 -U postgres -f report.sql --format pretty\n"
                 "  holdfast query main -c 'SELECT now()' -W\n",
     .takes = Takes::cluster_or_scope,
     .options = {"query-format", "file", "password", "username", "watch-briskly", "watch", "role", "member",
                 "delimiter", "command", "dbname"},
     .run = query},
    {.name = "version",
     .help = "Show our version, and those of a cluster's members",
     .teaches = "  Without a cluster, ours alone; neither etcd nor a configuration is needed for that.\n",
     .examples = "  holdfast version\n"
                 "  holdfast version main node1\n",
     .takes = Takes::cluster_maybe_members,
     .options = {},
     .run = version},
    {.name = "demote-cluster",
     .help = "Make the cluster a standby cluster, that follows another primary",
     .teaches = "  Where that primary, or the archive of its WAL, is: at least one of --host, --port and\n"
                "  --restore-command.\n",
     .examples = "  holdfast demote-cluster main --host 10.1.0.5 --port 5432\n",
     .takes = Takes::cluster_or_scope,
     .options = {"force", "host", "port", "restore-command", "primary-slot-name"},
     .run = demote_cluster},
    {.name = "promote-cluster",
     .help = "Make a standby cluster stand alone, with a primary of its own",
     .teaches =
         "  Make sure first that the old primary does not run any more: nothing else keeps the two apart.\n",
     .examples = "  holdfast promote-cluster main\n",
     .takes = Takes::cluster_or_scope,
     .options = {"force"},
     .run = promote_cluster},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace holdfast::ctl
