#include "postgres/logins.hpp"

#include <algorithm>

namespace holdfast::postgres {
namespace {

constexpr auto kSessionOptions =
    "-c search_path=pg_catalog -c lc_messages=C -c synchronous_commit=local -c idle_session_timeout=0 -c "
    "statement_timeout=0";

void add_tls(pg::Conninfo& login, const patroni::PostgresUser& user) {
  login.insert(login.end(), {{"sslmode", user.sslmode},
                             {"sslrootcert", user.sslrootcert},
                             {"sslcert", user.sslcert},
                             {"sslkey", user.sslkey},
                             {"sslpassword", user.sslpassword},
                             {"sslcrl", user.sslcrl},
                             {"sslcrldir", user.sslcrldir},
                             {"gssencmode", user.gssencmode},
                             {"channel_binding", user.channel_binding},
                             {"krbsrvname", user.krbsrvname}});
}

std::string value_of(const pg::Conninfo& login, std::string_view keyword) {
  for (const auto& [name, value] : login)
    if (name == keyword) return value;
  return {};
}

// The first absolute path of the list; a relative or abstract one cannot be connected to.
std::string socket_directory(const patroni::PostgresSettings& settings) {
  const auto found = settings.parameters.find("unix_socket_directories");
  if (found == settings.parameters.end()) return "/var/run/postgresql";  // Debian's default
  std::string_view left = found->second;
  while (!left.empty()) {
    auto directory = left.substr(0, left.find(','));
    left.remove_prefix(std::min(directory.size() + 1, left.size()));
    directory.remove_prefix(std::min(directory.find_first_not_of(" \"'"), directory.size()));
    if (directory.starts_with('/')) return std::string(directory.substr(0, directory.find_first_of("\"' ")));
  }
  return {};
}

std::string listening_host(const patroni::PostgresConfig& config) {
  for (const auto& address : config.listen_addresses)
    if (address == "*" || address == "localhost" || address == "0.0.0.0" || address == "127.0.0.1")
      // A certificate has names, seldom addresses.
      return config.superuser.sslmode == "verify-full" ? "localhost" : "127.0.0.1";
  if (std::ranges::find(config.listen_addresses, "::") != config.listen_addresses.end()) return "::1";
  return config.listen_addresses.empty() ? "127.0.0.1" : config.listen_addresses.front();
}

}  // namespace

pg::Conninfo local_login(const patroni::NodeConfig& config, const patroni::PostgresSettings& settings,
                         const std::string& os_user) {
  const auto& postgres = config.postgresql;
  auto host = postgres.use_unix_socket ? socket_directory(settings) : std::string();
  if (host.empty()) host = listening_host(postgres);
  pg::Conninfo login = {{"host", host},
                        {"port", std::to_string(postgres.port)},
                        {"dbname", postgres.database},
                        {"user", superuser_name(postgres, os_user)},
                        {"password", postgres.superuser.password},
                        {"application_name", "Holdfast"},
                        {"client_encoding", "UTF8"},
                        {"options", kSessionOptions}};
  add_tls(login, postgres.superuser);
  return login;
}

base::Result<pg::Conninfo> member_login(const ha::Upstream& member, const patroni::PostgresUser& user) {
  const auto url = pg::parse_connection_url(member.conn_url);
  if (!url) return base::in(fmt::format("conn_url of member {}", member.name), url.error());
  // A dead peer must be noticed: the kernel alone would wait for two hours.
  pg::Conninfo login = {{"host", url->host},          {"port", std::to_string(url->port)},
                        {"user", user.username},      {"keepalives_idle", "10"},
                        {"keepalives_interval", "5"}, {"keepalives_count", "3"}};
  add_tls(login, user);
  return login;
}

pg::Conninfo with_password(pg::Conninfo login, const patroni::PostgresUser& user) {
  login.emplace_back("password", user.password);
  return login;
}

std::string superuser_name(const patroni::PostgresConfig& config, const std::string& os_user) {
  return config.superuser.username.empty() ? os_user : config.superuser.username;
}

const patroni::PostgresUser& rewind_user(const patroni::PostgresConfig& config) {
  return config.rewind.username.empty() ? config.superuser : config.rewind;
}

std::string_view rewind_user_key(const patroni::PostgresConfig& config) {
  return config.rewind.username.empty() ? "postgresql.authentication.superuser"
                                        : "postgresql.authentication.rewind";
}

std::string password_line(const pg::Conninfo& login, const patroni::PostgresUser& user) {
  if (user.password.empty()) return {};
  // libpq looks a Unix-domain socket up as "localhost" if it is the default one, else by its directory.
  return pg::to_string(pg::PasswordFileEntry{.host = value_of(login, "host"),
                                             .port = value_of(login, "port"),
                                             .user = value_of(login, "user"),
                                             .password = user.password});
}

base::Error explain(base::Error error, std::string_view key, std::string_view user) {
  if (error.kind == base::ErrorKind::refused)
    error.message = fmt::format("user {} may not log in, see {} and pg_hba: {}", user, key, error.message);
  return error;
}

base::Result<TemporaryFile> TemporaryFile::write(std::string path, std::string_view content,
                                                 system::Owner owner) {
  if (auto written = system::write_file(path, content, owner); !written)
    return std::unexpected(written.error());
  return TemporaryFile(std::move(path));
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) (void)system::remove_file(path_);
}

}  // namespace holdfast::postgres
