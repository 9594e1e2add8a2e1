#include "postgres/connection.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <libpq-fe.h>
#include <set>

#include "net/asio_task.hpp"
#include "net/descriptor.hpp"

namespace holdfast::postgres {
namespace {

namespace asio = boost::asio;
using base::ErrorKind;

// libpq resolves names with a call that blocks; we do it before, on the resolver's own thread.
asio::awaitable<std::vector<std::string>> addresses_of(std::string host) {
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  boost::system::error_code failed;
  const auto found =
      co_await resolver.async_resolve(host, "", asio::redirect_error(asio::use_awaitable, failed));
  std::vector<std::string> addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  co_return addresses;
}

std::string* value_of(pg::Conninfo& conninfo, std::string_view keyword) {
  for (auto& [name, value] : conninfo)
    if (name == keyword) return &value;
  return nullptr;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string list = text;
  for (std::size_t i = 1; i < times; ++i) list += ',' + text;
  return list;
}

// Adds the addresses of the host, if it is a name; libpq tries them in turn.
base::Task<base::Result<void>> resolve(net::Runtime& runtime, pg::Conninfo& conninfo) {
  auto* host = value_of(conninfo, "host");
  boost::system::error_code not_numeric;
  if (host == nullptr || host->empty() || host->starts_with('/')) co_return base::Result<void>();
  asio::ip::make_address(*host, not_numeric);
  if (!not_numeric) co_return base::Result<void>();
  const auto addresses = co_await net::as_task(runtime, addresses_of(*host));
  if (addresses.empty())
    co_return base::fail(ErrorKind::unreachable, "host name '{}' does not resolve", *host);
  std::string list;
  for (const auto& address : addresses) list += (list.empty() ? "" : ",") + address;
  *host = repeated(*host, addresses.size());
  conninfo.emplace_back("hostaddr", std::move(list));
  co_return base::Result<void>();
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// Error codes in a message of PQERRORS_VERBOSE, "FATAL:  28P01: password authentication failed ...". The
// words around them may be in any language.
std::string sqlstate_in(std::string_view message) {
  const auto is_code = [](std::string_view text) {
    return text.size() == 5 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  };
  for (auto at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    const auto code = message.substr(at + 3, 5);
    if (is_code(code) && message.substr(at + 8).starts_with(": ")) return std::string(code);
  }
  return {};
}

// The line that says most: libpq has one for each address it tried.
std::string telling_line(std::string_view message) {
  for (auto rest = message; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    if (!sqlstate_in(line).empty()) return std::string(line);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return first_line(message);
}

// https://www.postgresql.org/docs/15/errcodes-appendix.html
ErrorKind kind_of_failed_connection(pg_conn* connection) {
  static const std::set<std::string> kNotNow = {"57P01", "57P02", "57P03", "53300"};
  if (PQconnectionNeedsPassword(connection) != 0) return ErrorKind::refused;  // and we have none
  const auto sqlstate = sqlstate_in(PQerrorMessage(connection));
  return sqlstate.empty() || kNotNow.contains(sqlstate) ? ErrorKind::unreachable : ErrorKind::refused;
}

}  // namespace

Rows::Rows(pg_result* result) : result_(result, PQclear) {}
int Rows::count() const { return PQntuples(result_.get()); }
bool Rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::int64_t Rows::number(int row, int column) const {
  const auto value = text(row, column);
  std::int64_t parsed = 0;
  std::from_chars(value.data(), value.data() + value.size(), parsed);
  return parsed;
}

Connection::Connection(net::Runtime& runtime, pg_conn* connection)
    : runtime_(&runtime), connection_(connection, PQfinish) {}

base::Task<base::Result<Connection>> Connection::open(net::Runtime& runtime, pg::Conninfo conninfo,
                                                      base::Instant deadline) {
  auto connect = [](net::Runtime& loop, pg::Conninfo where) -> base::Task<base::Result<Connection>> {
    if (auto resolved = co_await resolve(loop, where); !resolved) co_return std::unexpected(resolved.error());
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : where) {
      if (value.empty()) continue;
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    Connection connection(loop, PQconnectStartParams(keywords.data(), values.data(), 0));
    if (auto established = co_await connection.establish(); !established)
      co_return std::unexpected(established.error());
    co_return connection;
  };
  auto opened = co_await ports::until(runtime.clock(), deadline, connect(runtime, conninfo));
  if (opened) co_return std::move(*opened);
  co_return base::fail(ErrorKind::timed_out, "no answer in time from {}",
                       pg::to_string(pg::redacted(conninfo)));
}

base::Task<base::Result<void>> Connection::establish() {
  auto* const connection = connection_.get();
  if (connection == nullptr) co_return base::fail(ErrorKind::failed, "libpq is out of memory");
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(connection, [](void*, const PGresult*) {}, nullptr);  // the default prints to stderr
  auto next = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) {
      co_return base::fail(kind_of_failed_connection(connection), "{}",
                           telling_line(PQerrorMessage(connection)));
    }
    if (next == PGRES_POLLING_READING)
      co_await readable();
    else
      co_await writable();
    next = PQconnectPoll(connection);
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  PQsetnonblocking(connection, 1);
  co_return base::Result<void>();
}

// libpq may close its socket in any call and open another: no watch may last over a call.
base::Task<void> Connection::readable() {
  net::Descriptor socket(*runtime_, PQsocket(connection_.get()));
  co_await socket.readable();
}
base::Task<void> Connection::writable() {
  net::Descriptor socket(*runtime_, PQsocket(connection_.get()));
  co_await socket.writable();
}

bool Connection::usable() const { return !awaiting_results_ && PQstatus(connection_.get()) == CONNECTION_OK; }

// Awaits the rest of what was sent.
base::Task<base::Result<std::vector<Rows>>> Connection::results() {
  auto* const connection = connection_.get();
  const auto broken = [connection] {
    return base::fail(ErrorKind::unreachable, "the connection broke: {}",
                      first_line(PQerrorMessage(connection)));
  };
  for (int unsent = PQflush(connection); unsent != 0; unsent = PQflush(connection)) {
    if (unsent < 0) co_return broken();
    co_await writable();
  }
  std::vector<Rows> all;
  std::optional<base::Error> error;
  for (;;) {
    while (PQisBusy(connection) != 0) {
      co_await readable();
      if (PQconsumeInput(connection) == 0) co_return broken();
    }
    auto* const result = PQgetResult(connection);
    if (result == nullptr) break;
    const Rows rows(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
      all.push_back(rows);
    else if (!error) {
      error = base::Error{ErrorKind::refused, first_line(PQresultErrorMessage(result))};
      const auto* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      sqlstate_ = code == nullptr ? "" : code;
    }
  }
  if (PQstatus(connection) != CONNECTION_OK)
    co_return base::fail(ErrorKind::unreachable, "the connection broke: {}",
                         error ? error->message : first_line(PQerrorMessage(connection)));
  awaiting_results_ = false;
  if (error) co_return std::unexpected(std::move(*error));
  co_return all;
}

base::Task<base::Result<std::vector<Rows>>> Connection::query(std::string sql, base::Instant deadline) {
  awaiting_results_ = true;
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0)
    co_return base::fail(ErrorKind::unreachable, "{}", first_line(PQerrorMessage(connection_.get())));
  auto answer = co_await ports::until(runtime_->clock(), deadline, results());
  if (answer) co_return std::move(*answer);
  co_return base::fail(ErrorKind::timed_out, "no answer in time");
}

base::Task<base::Result<Rows>> Connection::query(std::string sql, std::vector<std::string> parameters,
                                                 base::Instant deadline) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  awaiting_results_ = true;
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0)
    co_return base::fail(ErrorKind::unreachable, "{}", first_line(PQerrorMessage(connection_.get())));
  auto answer = co_await ports::until(runtime_->clock(), deadline, results());
  if (!answer) co_return base::fail(ErrorKind::timed_out, "no answer in time");
  if (!*answer) co_return std::unexpected(answer->error());
  if ((*answer)->empty()) co_return base::fail(ErrorKind::failed, "a statement returned nothing: {}", sql);
  co_return (*answer)->front();
}

base::Result<std::string> Connection::scram_verifier(const std::string& user,
                                                     const std::string& password) const {
  const std::unique_ptr<char, void (*)(void*)> verifier(
      PQencryptPasswordConn(connection_.get(), password.c_str(), user.c_str(), "scram-sha-256"), PQfreemem);
  if (!verifier) return base::fail(ErrorKind::failed, "{}", first_line(PQerrorMessage(connection_.get())));
  return std::string(verifier.get());
}

// Whoever holds it uses the session's connection.
class Session::Turn {
 public:
  explicit Turn(Session& session) : session_(&session) {
    session.taken_ = true;
    session.free_.clear();
  }
  Turn(Turn&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (session_ == nullptr) return;
    session_->taken_ = false;
    session_->free_.set();
  }

 private:
  Session* session_;
};

Session::Session(net::Runtime& runtime, pg::Conninfo conninfo)
    : runtime_(runtime), conninfo_(std::move(conninfo)), free_(runtime.executor()) {}

void Session::set_conninfo(pg::Conninfo conninfo) {
  if (conninfo == conninfo_) return;
  conninfo_ = std::move(conninfo);
  reconnect_ = true;
}

base::Task<base::Result<Session::Turn>> Session::take_turn(base::Instant deadline) {
  auto until_free = [](base::Event& free) -> base::Task<void> { co_await free.wait(); };
  while (taken_)
    if (!co_await base::first_ends_first(runtime_.executor(), until_free(free_),
                                         runtime_.clock().sleep_until(deadline)))
      co_return base::fail(ErrorKind::timed_out, "an earlier query is still waiting for its answer");
  co_return Turn(*this);
}

template <class T, class... Arguments>
base::Task<base::Result<T>> Session::ask(base::Instant deadline, Arguments... arguments) {
  const auto turn = co_await take_turn(deadline);
  if (!turn) co_return std::unexpected(turn.error());
  if (connection_ && connection_->usable() && !reconnect_) {
    auto answer = co_await connection_->query(arguments..., deadline);
    if (answer || answer.error().kind != ErrorKind::unreachable) co_return answer;
  }
  connection_.reset();
  reconnect_ = false;
  auto opened = co_await Connection::open(runtime_, conninfo_, deadline);
  if (!opened) co_return std::unexpected(opened.error());
  connection_.emplace(std::move(*opened));
  co_return co_await connection_->query(std::move(arguments)..., deadline);
}

base::Task<base::Result<std::vector<Rows>>> Session::query(std::string sql, base::Instant deadline) {
  return ask<std::vector<Rows>>(deadline, std::move(sql));
}

base::Task<base::Result<Rows>> Session::query(std::string sql, std::vector<std::string> parameters,
                                              base::Instant deadline) {
  return ask<Rows>(deadline, std::move(sql), std::move(parameters));
}

}  // namespace holdfast::postgres
