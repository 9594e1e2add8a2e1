// dsn and query: where a member's PostgreSQL is, and what it answers.
#include <boost/json.hpp>
#include <fmt/format.h>

#include "ctl/cluster_access.hpp"
#include "ctl/member_choice.hpp"
#include "ctl/watch.hpp"
#include "pg/conninfo.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

// The member that --member names, or else the first of --role, by default the leader. Nothing: there is none.
Outcome<std::optional<ha::Member>> chosen_member(Session& session, const patroni::DcsContents& contents) {
  const auto& arguments = session.arguments;
  if (arguments.member && !arguments.role.empty())
    return stop("--role and --member are mutually exclusive options");
  const auto role = arguments.member ? "any" : arguments.role.empty() ? "leader" : arguments.role;
  for (auto& member : members_of(contents, role))
    if (!arguments.member || member.name == *arguments.member) return std::optional(std::move(member));
  return std::optional<ha::Member>();
}

std::string no_connection(const Arguments& arguments) {
  if (arguments.member) return fmt::format("No connection to member {} is available", *arguments.member);
  if (!arguments.role.empty()) return fmt::format("No connection to role '{}' is available", arguments.role);
  return "No connection is available";
}

Outcome<std::string> sql_of(Session& session) {
  const auto& arguments = session.arguments;
  if (arguments.file && arguments.command) return stop("--file and --command are mutually exclusive options");
  if (arguments.command) return *arguments.command;
  if (!arguments.file) return stop("You need to specify either --command or --file");
  auto text = *arguments.file == "-" ? base::Result<std::string>(session.terminal.read_all())
                                     : session.outside.read_file(*arguments.file);
  if (!text)
    return std::unexpected(Failure{
        Exit::usage,
        fmt::format("Invalid value for '--file' / '-f': '{}': {}", *arguments.file, text.error().message),
        false});
  return *std::move(text);
}

// Rows to show, or why there are none.
class Query {
 public:
  Query(Session& session, const patroni::DcsContents& contents, std::optional<std::string> password)
      : session_(session), contents_(contents), password_(std::move(password)) {}

  Outcome<base::Result<SqlAnswer>> run(const std::string& sql) {
    if (!connection_) {
      auto connected = connect();
      if (!connected) return std::unexpected(connected.error());
      if (!*connected) return base::Result<SqlAnswer>(std::unexpected(connected->error()));
    }
    auto answer = connection_->run(sql);
    if (!answer) connection_.reset();  // connect anew for the next look
    return answer;
  }

 private:
  Outcome<base::Result<void>> connect() {
    const auto member = chosen_member(session_, contents_);
    if (!member) return std::unexpected(member.error());
    const auto nobody = [&] {
      return base::Result<void>(
          base::fail(base::ErrorKind::unreachable, "{}", no_connection(session_.arguments)));
    };
    const auto url =
        *member ? pg::parse_connection_url((*member)->conn_url) : base::Result<pg::ConnectionUrl>();
    if (!*member || !url || url->host.empty()) return nobody();
    const auto& arguments = session_.arguments;
    auto connection =
        session_.outside.connect({url->host, url->port, arguments.username, password_, arguments.dbname});
    if (!connection) return base::Result<void>(std::unexpected(connection.error()));
    if (!has_role(**connection)) return nobody();
    connection_ = std::move(*connection);
    return base::Result<void>();
  }

  // What etcd says of roles may be out of date; the server itself knows.
  bool has_role(SqlConnection& connection) const {
    const auto& role = session_.arguments.role;
    if (role.empty() || role == "any" || role == "leader") return true;
    const auto answer = connection.run("SELECT pg_catalog.pg_is_in_recovery()");
    const bool in_recovery = !answer || answer->rows.empty() || answer->rows[0][0] != json::value(false);
    return in_recovery == (role != "primary");
  }

  Session& session_;
  const patroni::DcsContents& contents_;
  std::optional<std::string> password_;
  std::unique_ptr<SqlConnection> connection_;
};

std::optional<Format> format_named(std::string_view name) {
  if (name == "tsv") return Format::tsv;
  if (name == "pretty" || name == "topology") return Format::pretty;
  if (name == "json") return Format::json;
  if (name == "yaml" || name == "yml") return Format::yaml;
  return std::nullopt;
}

// Errors are rows too, so that a watched query goes on: the time and what was said.
Exit show(Session& session, const base::Result<SqlAnswer>& answer, Format format) {
  Table table;
  if (answer) {
    table.columns = answer->columns;
    table.rows = answer->rows;
    if (table.columns.empty() && format != Format::json && format != Format::yaml) return Exit::ok;
  } else {
    table.columns = {"Field 1", "Field 2"};
    table.header = format == Format::pretty;
    table.rows = {json::array{local_seconds(session.runtime.clock().wall_time()), answer.error().message}};
  }
  session.terminal.out(render(table, format, session.arguments.delimiter));
  return answer ? Exit::ok : Exit::member_refused;
}

}  // namespace

base::Task<Exit> dsn(Session& session) {
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  const auto member = chosen_member(session, *contents);
  if (!member) co_return report(session, member.error());
  const auto url =
      *member ? pg::parse_connection_url((*member)->conn_url) : base::Result<pg::ConnectionUrl>();
  if (!*member || !url || url->host.empty())
    co_return report(session, {Exit::failed, "Can not find a suitable member", false});
  session.terminal.out(fmt::format("host={} port={}\n", url->host, url->port));
  co_return Exit::ok;
}

base::Task<Exit> query(Session& session) {
  const auto& arguments = session.arguments;
  const auto sql = sql_of(session);
  if (!sql) co_return report(session, sql.error());
  const auto format = format_named(arguments.query_format);
  if (!format)
    co_return report(session,
                     {Exit::usage,
                      fmt::format("Invalid value for '--format': '{}' is not one of 'pretty', 'tsv', "
                                  "'json', 'yaml', 'yml'.",
                                  arguments.query_format),
                      false});
  std::optional<std::string> password;
  if (arguments.password) {
    password = session.terminal.ask_secret("Password: ");
    if (!password) co_return report(session, {Exit::failed, "Aborted!", true});
  }
  const auto scope = named_cluster(session);
  if (!scope) co_return report(session, scope.error());
  const auto contents = co_await read_cluster(session, *scope);
  if (!contents) co_return report(session, contents.error());
  Query asked(session, *contents, std::move(password));
  Watch watch(session, Watch::Screen::keep);
  while (true) {
    const auto answer = asked.run(*sql);
    if (!answer) co_return report(session, answer.error());
    const auto exit = show(session, *answer, *format);
    if (!watch.on()) co_return exit;
    co_await watch.next();
  }
}

}  // namespace holdfast::ctl
