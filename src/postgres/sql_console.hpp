// SQL for a person at a terminal: one connection, values with their types. Blocks, and is ended by Ctrl-C;
// agents and routers use postgres/connection.hpp.
#pragma once

#include <boost/json/array.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "pg/conninfo.hpp"

struct pg_conn;

namespace holdfast::postgres {

struct TypedRows {
  std::vector<std::string> columns;  // none: the last statement returns no rows
  // Booleans, numbers, nulls; all else is text, as PostgreSQL writes it (times as Python does).
  std::vector<boost::json::array> rows;
};

class SqlConsole {
 public:
  // `conninfo` is completed by libpq from the environment, service and password files, as psql does.
  static base::Result<SqlConsole> connect(const pg::Conninfo& conninfo);

  // What the last of the statements returned. Errors: "ERROR, SQLSTATE: 42601", or libpq's words without one.
  base::Result<TypedRows> run(const std::string& sql);

 private:
  explicit SqlConsole(std::shared_ptr<pg_conn> connection) : connection_(std::move(connection)) {}
  std::shared_ptr<pg_conn> connection_;
};

}  // namespace holdfast::postgres
