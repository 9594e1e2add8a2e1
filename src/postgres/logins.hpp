// How to log in, to the local server and to other members; and the password files for programs that do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "ha/instance.hpp"
#include "patroni/node_config.hpp"
#include "pg/conninfo.hpp"
#include "system/files.hpp"

namespace holdfast::postgres {

// As the superuser to the server of this node, with its password: for our own connections only, never for a
// command line. search_path is pinned, so that nobody's objects can stand in for PostgreSQL's own.
pg::Conninfo local_login(const patroni::NodeConfig& config, const patroni::PostgresSettings& settings,
                         const std::string& os_user);

// As `user` to another member, without the password. invalid: the member's conn_url makes no sense.
base::Result<pg::Conninfo> member_login(const ha::Upstream& member, const patroni::PostgresUser& user);

// The same with the password.
pg::Conninfo with_password(pg::Conninfo login, const patroni::PostgresUser& user);

// The superuser's name: configured, or else that of the operating system's user, as initdb has it.
std::string superuser_name(const patroni::PostgresConfig& config, const std::string& os_user);

// The configured rewind user, or else the superuser; and the key its password is under.
const patroni::PostgresUser& rewind_user(const patroni::PostgresConfig& config);
std::string_view rewind_user_key(const patroni::PostgresConfig& config);

// The line of a password file for a login.
std::string password_line(const pg::Conninfo& login, const patroni::PostgresUser& user);

// `error` of a connection, with the configuration key to look at if the login was refused.
base::Error explain(base::Error error, std::string_view key, std::string_view user);

// A file that is gone with its owner, mode 0600: passwords for one run of one program.
class TemporaryFile {
 public:
  static base::Result<TemporaryFile> write(std::string path, std::string_view content, system::Owner owner);
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace holdfast::postgres
