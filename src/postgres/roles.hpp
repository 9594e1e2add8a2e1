// The users that Holdfast itself logs in with: made, or brought to the configured passwords.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "postgres/connection.hpp"
#include "postgres/site.hpp"

namespace holdfast::postgres {

// Keeps the session's statements out of the server's log: they hold password verifiers.
base::Task<base::Result<void>> keep_out_of_logs(Connection& connection, base::Instant deadline);

// Makes the role or, if it is there, gives it these attributes and the configured password.
base::Task<base::Result<void>> ensure_role(Connection& connection, const patroni::PostgresUser& user,
                                           std::string_view attributes, base::Instant deadline);

// The replication user and the rewind user, the latter with what pg_rewind needs. By the superuser, of a
// server that accepts connections as configured.
base::Task<base::Result<void>> ensure_replication_users(Site& site);

}  // namespace holdfast::postgres
