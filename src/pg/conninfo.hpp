// Where a server is and how to log in to it, as libpq takes it.
// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace holdfast::pg {

// A member's conn_url: postgres://host:port/database. IPv6 addresses in brackets.
struct ConnectionUrl {
  std::string host;
  std::uint16_t port = 5432;
  std::string database;  // may be empty

  bool operator==(const ConnectionUrl&) const = default;
};

// The error names what is wrong. User, password and parameters in the URL are ignored.
base::Result<ConnectionUrl> parse_connection_url(std::string_view url);
std::string to_string(const ConnectionUrl& url);

// libpq's keywords and values, in order.
using Conninfo = std::vector<std::pair<std::string, std::string>>;

// "host=127.0.0.1 user='a b'". Entries with an empty value are left out.
std::string to_string(const Conninfo& conninfo);

// For logs and messages: the same without its secrets (password, sslpassword).
Conninfo redacted(Conninfo conninfo);

// One line of a password file, with its end of line.
// https://www.postgresql.org/docs/15/libpq-pgpass.html
struct PasswordFileEntry {
  std::string host;      // empty: any
  std::string port;      // empty: any
  std::string database;  // empty: any
  std::string user;
  std::string password;
};
std::string to_string(const PasswordFileEntry& entry);

}  // namespace holdfast::pg
