#include "postgres/roles.hpp"

#include "pg/quoting.hpp"
#include "postgres/logins.hpp"

namespace holdfast::postgres {
namespace {

using base::Result;
using base::Task;
using namespace std::chrono_literals;

constexpr auto kSqlTime = 30s;  // creating a role on a machine under load

// https://www.postgresql.org/docs/15/app-pgrewind.html#id-1.9.5.11.8; and a source must have run a checkpoint
// since it was promoted, which the rewind user may ask for as a pg_checkpoint.
Task<Result<void>> grant_rewind(Connection& connection, std::string user, base::Instant deadline) {
  const auto role = pg::quote_identifier(user);
  std::string sql = fmt::format("GRANT pg_checkpoint TO {};", role);
  for (const auto* function :
       {"pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)"})
    sql += fmt::format("GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {};", function, role);
  if (auto granted = co_await connection.query(sql, deadline); !granted)
    co_return base::in(fmt::format("giving user {} what pg_rewind needs", user), granted.error());
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> keep_out_of_logs(Connection& connection, base::Instant deadline) {
  // The last two belong to extensions that may be loaded; setting them without is harmless.
  auto quiet = co_await connection.query(
      "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = "
      "'panic';"
      "SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0;"
      "SET pg_stat_statements.track_utility = 'off'; SET pgaudit.log = 'none'",
      deadline);
  if (!quiet) co_return std::unexpected(quiet.error());
  co_return Result<void>();
}

// The password leaves this process only as a SCRAM verifier, so nothing that records statements can give it
// away. https://www.postgresql.org/docs/15/sql-createrole.html
Task<Result<void>> ensure_role(Connection& connection, const patroni::PostgresUser& user,
                               std::string_view attributes, base::Instant deadline) {
  const auto present = co_await connection.query("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1",
                                                 {user.username}, deadline);
  if (!present) co_return std::unexpected(present.error());
  std::string password;
  if (!user.password.empty()) {
    const auto verifier = connection.scram_verifier(user.username, user.password);
    if (!verifier) co_return std::unexpected(verifier.error());
    password = " PASSWORD " + pg::quote_literal(*verifier);
  }
  const auto sql = fmt::format("{} ROLE {} LOGIN {}{}", present->count() > 0 ? "ALTER" : "CREATE",
                               pg::quote_identifier(user.username), attributes, password);
  if (auto done = co_await connection.query(sql, deadline); !done)
    co_return base::in(fmt::format("making user {}", user.username), done.error());
  co_return Result<void>();
}

Task<Result<void>> ensure_replication_users(Site& site) {
  const auto& config = site.config.postgresql;
  const auto superuser = superuser_name(config, site.installation.user().name);
  const auto deadline = site.in(kSqlTime);
  auto connection = co_await Connection::open(
      site.runtime, local_login(site.config, site.settings, site.installation.user().name), deadline);
  if (!connection)
    co_return std::unexpected(explain(connection.error(), "postgresql.authentication.superuser", superuser));
  if (auto quiet = co_await keep_out_of_logs(*connection, deadline); !quiet) co_return quiet;
  if (config.replication.username != superuser)
    if (auto made = co_await ensure_role(*connection, config.replication, "REPLICATION", deadline); !made)
      co_return made;
  if (config.rewind.username.empty() || config.rewind.username == superuser) co_return Result<void>();
  if (config.rewind.username != config.replication.username)
    if (auto made = co_await ensure_role(*connection, config.rewind, "", deadline); !made) co_return made;
  co_return co_await grant_rewind(*connection, config.rewind.username, deadline);
}

}  // namespace holdfast::postgres
