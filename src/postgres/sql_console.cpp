#include "postgres/sql_console.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <libpq-fe.h>

namespace holdfast::postgres {
namespace {

namespace json = boost::json;
using base::ErrorKind;

// Type numbers that never change. https://www.postgresql.org/docs/15/catalog-pg-type.html (pg_type.dat)
enum class Type : Oid {
  boolean = 16,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  oid = 26,
  float4 = 700,
  float8 = 701,
  timestamp = 1114,
  timestamptz = 1184,
};

template <class Number>
json::value number_or_text(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return json::value(text);
  return number;
}

// "2026-11-25 22:45:06.12+00" is "2026-11-25 22:45:06.120000+00:00".
std::string python_time(std::string text) {
  if (const auto dot = text.find('.'); dot != std::string::npos) {
    const auto end = std::min(text.find_first_not_of("0123456789", dot + 1), text.size());
    if (end - dot - 1 < 6) text.insert(end, 6 - (end - dot - 1), '0');
  }
  const auto sign = text.find_last_of("+-");
  if (sign != std::string::npos && sign > 10 && text.size() - sign == 3) text += ":00";
  return text;
}

json::value value_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return nullptr;
  const std::string_view text(PQgetvalue(result, row, column),
                              static_cast<std::size_t>(PQgetlength(result, row, column)));
  switch (static_cast<Type>(PQftype(result, column))) {
    case Type::boolean:
      return text == "t";
    case Type::int8:
    case Type::int2:
    case Type::int4:
    case Type::oid:
      return number_or_text<std::int64_t>(text);
    case Type::float4:
    case Type::float8:
      return text.contains("N") || text.contains("Inf") ? json::value(text) : number_or_text<double>(text);
    case Type::timestamp:
    case Type::timestamptz:
      return json::value(python_time(std::string(text)));
  }
  return json::value(text);
}

TypedRows rows_of(const PGresult* result) {
  TypedRows out;
  for (int column = 0; column < PQnfields(result); ++column)
    out.columns.emplace_back(PQfname(result, column));
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& values = out.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column)
      values.push_back(value_of(result, row, column));
  }
  return out;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string failure(const PGconn* connection, const PGresult* result) {
  const char* state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  return "ERROR, SQLSTATE: " + (state ? std::string(state) : one_line(PQerrorMessage(connection)));
}

}  // namespace

base::Result<SqlConsole> SqlConsole::connect(const pg::Conninfo& conninfo) {
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : conninfo) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const std::shared_ptr<pg_conn> connection(PQconnectdbParams(keywords.data(), values.data(), 0), PQfinish);
  if (!connection || PQstatus(connection.get()) != CONNECTION_OK)
    return base::fail(ErrorKind::unreachable, "{}", failure(connection.get(), nullptr));
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  return SqlConsole(connection);
}

base::Result<TypedRows> SqlConsole::run(const std::string& sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_.get(), sql.c_str()), PQclear);
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
      return rows_of(result.get());
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      return TypedRows{};
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
      return base::fail(ErrorKind::refused,
                        "ERROR, SQLSTATE: COPY from or to the client is not possible here");
    default:
      return base::fail(ErrorKind::refused, "{}", failure(connection_.get(), result.get()));
  }
}

}  // namespace holdfast::postgres
