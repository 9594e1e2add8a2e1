// Values in PostgreSQL's files and SQL.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::pg {

// A value in postgresql.conf, in quotes. https://www.postgresql.org/docs/15/config-setting.html
std::string quote_setting(std::string_view value);

// https://www.postgresql.org/docs/15/sql-syntax-lexical.html
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view value);  // as E'...' where it holds a backslash

}  // namespace holdfast::pg
