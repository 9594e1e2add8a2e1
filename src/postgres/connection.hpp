// One libpq connection, awaited instead of blocking.
// https://www.postgresql.org/docs/15/libpq-async.html
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "net/runtime.hpp"
#include "pg/conninfo.hpp"

struct pg_conn;
struct pg_result;

namespace holdfast::postgres {

// What one statement returned, as text.
class Rows {
 public:
  explicit Rows(pg_result* result);

  int count() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;  // empty for null
  bool is_true(int row, int column) const { return text(row, column) == "t"; }
  std::int64_t number(int row, int column) const;  // 0 for null or no number

 private:
  std::shared_ptr<pg_result> result_;
};

class Connection {
 public:
  // unreachable: nobody there, or the server is starting or stopping; timed_out: no answer by `deadline`;
  // refused: it does not let us in. The message has the server's own words.
  static base::Task<base::Result<Connection>> open(net::Runtime& runtime, pg::Conninfo conninfo,
                                                   base::Instant deadline);

  // Runs one or more statements in one round trip; the results in order. refused: SQL error; unreachable: the
  // connection broke; timed_out: no answer in time. A connection whose answer was not awaited to its end is
  // not usable.
  base::Task<base::Result<std::vector<Rows>>> query(std::string sql, base::Instant deadline);
  // One statement with $1, $2, ...
  base::Task<base::Result<Rows>> query(std::string sql, std::vector<std::string> parameters,
                                       base::Instant deadline);

  bool usable() const;
  // Of the last statement that was refused. https://www.postgresql.org/docs/15/errcodes-appendix.html
  const std::string& sqlstate() const { return sqlstate_; }
  // The verifier that stands for `password` in CREATE ROLE, made here, so that no log can show the password
  // itself.
  base::Result<std::string> scram_verifier(const std::string& user, const std::string& password) const;

 private:
  explicit Connection(net::Runtime& runtime, pg_conn* connection);
  base::Task<base::Result<void>> establish();
  base::Task<void> readable();
  base::Task<void> writable();
  base::Task<base::Result<std::vector<Rows>>> results();

  net::Runtime* runtime_;
  std::shared_ptr<pg_conn> connection_;
  bool awaiting_results_ = false;
  std::string sqlstate_;
};

// A connection that is made when it is needed, and again when it broke while nobody used it: then a query is
// sent a second time, so queries must bear that. Calls wait for their turn.
class Session {
 public:
  Session(net::Runtime& runtime, pg::Conninfo conninfo);

  base::Task<base::Result<std::vector<Rows>>> query(std::string sql, base::Instant deadline);
  base::Task<base::Result<Rows>> query(std::string sql, std::vector<std::string> parameters,
                                       base::Instant deadline);
  // The next query connects anew, from now on with `conninfo`.
  void reconnect() { reconnect_ = true; }
  void set_conninfo(pg::Conninfo conninfo);

 private:
  class Turn;
  base::Task<base::Result<Turn>> take_turn(base::Instant deadline);
  template <class T, class... Arguments>
  base::Task<base::Result<T>> ask(base::Instant deadline, Arguments... arguments);

  net::Runtime& runtime_;
  pg::Conninfo conninfo_;
  std::optional<Connection> connection_;
  bool reconnect_ = false;
  base::Event free_;
  bool taken_ = false;
};

}  // namespace holdfast::postgres
