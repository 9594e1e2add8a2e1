// Values of PostgreSQL's settings that carry a unit: 128MB, 16384 (of 8 kB), 1min.
// https://www.postgresql.org/docs/15/config-setting.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::pg {

// What pg_settings says of a setting.
struct SettingKind {
  std::string type;  // vartype: bool, integer, real, enum, string
  std::string unit;  // B, kB, 8kB, MB, 16MB, ms, s, min; empty: none
};

// The number in multiples of `unit`; one without a unit of its own is one already. Absent: no number, or of
// another dimension.
std::optional<double> setting_number(std::string_view value, std::string_view unit);

// Whether two texts mean the same to PostgreSQL: 1GB and 1024MB, on and true.
bool same_setting(const SettingKind& kind, std::string_view a, std::string_view b);

// As SHOW prints it: a positive number in the greatest unit that takes it whole, everything else as it is.
std::string shown_setting(const SettingKind& kind, std::string_view value);

}  // namespace holdfast::pg
