#include "ctl/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.hpp"

namespace holdfast::ctl {
namespace {

constexpr std::array<std::string_view, 6> kRoles = {"leader",  "primary", "standby-leader",
                                                    "replica", "standby", "any"};

Format format_named(std::string_view word) {
  if (word == "tsv") return Format::tsv;
  if (word == "json") return Format::json;
  return word == "pretty" ? Format::pretty : Format::yaml;
}

// Rows that set one field.
Option flag(std::string_view key, std::vector<std::string_view> names, bool Arguments::* field,
            std::string_view help) {
  return {
      .key = key, .names = std::move(names), .help = help, .set = [field](Arguments& into, std::string_view) {
        into.*field = true;
      }};
}
Option text(std::string_view key, std::vector<std::string_view> names, std::string_view metavar,
            std::optional<std::string> Arguments::* field, std::string_view help) {
  return {.key = key,
          .names = std::move(names),
          .value = Value::text,
          .metavar = metavar,
          .help = help,
          .set = [field](Arguments& into, std::string_view word) { into.*field = std::string(word); }};
}
Option word(std::string_view key, std::vector<std::string_view> names, std::string_view metavar,
            std::string Arguments::* field, std::string_view help) {
  return {.key = key,
          .names = std::move(names),
          .value = Value::text,
          .metavar = metavar,
          .help = help,
          .set = [field](Arguments& into, std::string_view given) { into.*field = given; }};
}
Option texts(std::string_view key, std::vector<std::string_view> names, std::string_view metavar,
             std::vector<std::string> Arguments::* field, std::string_view help) {
  return {.key = key,
          .names = std::move(names),
          .value = Value::text,
          .metavar = metavar,
          .help = help,
          .set = [field](Arguments& into, std::string_view given) { (into.*field).emplace_back(given); }};
}

const std::vector<Option> kOptions = {
    {.key = "format",
     .names = {"--format", "-f"},
     .value = Value::choice,
     .metavar = "FORMAT",
     .choices = {"pretty", "tsv", "json", "yaml", "yml"},
     .help = "pretty (a table), tsv, json or yaml",
     .set = [](Arguments& into, std::string_view name) { into.format = format_named(name); }},
    flag("extended", {"--extended", "-e"}, &Arguments::extended,
         "Show the columns that nobody has anything for, too"),
    flag("timestamp", {"--timestamp", "-t"}, &Arguments::timestamp, "Print the time first"),
    flag("watch-briskly", {"-W"}, &Arguments::watch_briskly, "Look again every 2 seconds"),
    {.key = "watch",
     .names = {"-w", "--watch"},
     .value = Value::number,
     .metavar = "SECONDS",
     .help = "Look again every SECONDS",
     .set =
         [](Arguments& into, std::string_view given) {
           double seconds = 0;
           std::from_chars(given.data(), given.data() + given.size(), seconds);
           into.watch = seconds;
         }},
    text("leader", {"--leader", "--primary"}, "MEMBER", &Arguments::leader, "Who leads now; checked"),
    text("candidate", {"--candidate"}, "MEMBER", &Arguments::candidate, "Who shall lead"),
    text("scheduled", {"--scheduled"}, "TIME", &Arguments::scheduled,
         "When, in ISO 8601 (2026-12-31T04:00+01:00; without a zone: this machine's), or now"),
    flag("force", {"--force"}, &Arguments::force, "Ask nothing"),
    flag("wait", {"--wait"}, &Arguments::wait, "Return when it has come to its end"),
    {.key = "role",
     .names = {"--role", "-r"},
     .value = Value::choice,
     .metavar = "ROLE",
     .choices = {kRoles.begin(), kRoles.end()},
     .help = "Only members of this role: leader, primary, standby-leader, replica, standby or any",
     .set = [](Arguments& into, std::string_view role) { into.role = role; }},
    flag("any", {"--any"}, &Arguments::any, "One of them only, chosen at random"),
    text("pg-version", {"--pg-version"}, "VERSION", &Arguments::pg_version,
         "Only where PostgreSQL is older than VERSION, e.g. 15.4"),
    flag("pending", {"--pending"}, &Arguments::pending, "Only where a restart is pending"),
    text("timeout", {"--timeout"}, "SECONDS", &Arguments::timeout,
         "Fail, and fail over if need be, when it takes longer"),
    flag("from-leader", {"--from-leader"}, &Arguments::from_leader,
         "Copy from the leader, not from a replica"),
    flag("quiet", {"--quiet", "-q"}, &Arguments::quiet, "Do not show what changes"),
    texts("set", {"--set", "-s"}, "KEY=VALUE", &Arguments::set,
          "Set a.b.c to a YAML value; null removes. May be given several times"),
    texts("pg", {"--pg", "-p"}, "NAME=VALUE", &Arguments::pg,
          "Set a parameter of PostgreSQL: short for -s postgresql.parameters.NAME=VALUE"),
    text("apply", {"--apply"}, "FILE", &Arguments::apply, "Merge the YAML of FILE in; - is standard input"),
    text("replace", {"--replace"}, "FILE", &Arguments::replace,
         "Take the YAML of FILE in place of all there is; - is standard input"),
    text("member", {"--member", "-m"}, "MEMBER", &Arguments::member, "This member"),
    text("command", {"--command", "-c"}, "SQL", &Arguments::command, "The SQL to run"),
    text("file", {"--file", "-f"}, "FILE", &Arguments::file, "Run the SQL of FILE; - is standard input"),
    text("username", {"-U", "--username"}, "USER", &Arguments::username, "Log in to PostgreSQL as USER"),
    text("dbname", {"-d", "--dbname"}, "DATABASE", &Arguments::dbname, "Connect to DATABASE"),
    flag("password", {"--password"}, &Arguments::password, "Ask for the password"),
    word("query-format", {"--format"}, "FORMAT", &Arguments::query_format,
         "tsv (default), pretty, json or yaml"),
    word("delimiter", {"--delimiter"}, "TEXT", &Arguments::delimiter, "Between two columns of tsv"),
    text("host", {"--host"}, "ADDRESS", &Arguments::host, "Where the primary to follow is"),
    {.key = "port",
     .names = {"--port"},
     .value = Value::integer,
     .metavar = "PORT",
     .help = "Its port",
     .set =
         [](Arguments& into, std::string_view given) {
           std::int64_t port = 0;
           std::from_chars(given.data(), given.data() + given.size(), port);
           into.port = port;
         }},
    text("restore-command", {"--restore-command"}, "COMMAND", &Arguments::restore_command,
         "How to fetch WAL from its archive"),
    text("primary-slot-name", {"--primary-slot-name"}, "SLOT", &Arguments::primary_slot_name,
         "The replication slot to use there"),
};

}  // namespace

std::span<const Option> options() { return kOptions; }

const Option& option_of(std::string_view key) {
  const auto found = std::ranges::find(kOptions, key, &Option::key);
  HOLDFAST_ASSERT(found != kOptions.end(), "a command lists an option that the table does not have");
  return *found;
}

std::span<const std::string_view> role_names() { return kRoles; }

}  // namespace holdfast::ctl
