#include "pg/setting_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <span>

namespace holdfast::pg {
namespace {

// From the greatest to the smallest, in multiples of the smallest.
struct Unit {
  std::string_view name;
  double size = 1;
};
constexpr std::array kMemory = {Unit{"TB", 1024.0 * 1024 * 1024 * 1024}, Unit{"GB", 1024.0 * 1024 * 1024},
                                Unit{"MB", 1024.0 * 1024}, Unit{"kB", 1024}, Unit{"B", 1}};
constexpr std::array kTime = {Unit{"d", 86400e6}, Unit{"h", 3600e6}, Unit{"min", 60e6},
                              Unit{"s", 1e6},     Unit{"ms", 1e3},   Unit{"us", 1}};

struct Scale {
  std::span<const Unit> units;
  double size = 0;
};

std::optional<Scale> find_unit(std::string_view name) {
  for (const std::span<const Unit> units : {std::span<const Unit>(kMemory), std::span<const Unit>(kTime)})
    for (const auto& unit : units)
      if (unit.name == name) return Scale{units, unit.size};
  return std::nullopt;
}

// "8kB" is eight of a kB.
std::optional<Scale> base_scale(std::string_view unit) {
  double count = 1;
  const auto [end, error] = std::from_chars(unit.data(), unit.data() + unit.size(), count);
  if (error == std::errc()) unit.remove_prefix(static_cast<std::size_t>(end - unit.data()));
  auto scale = find_unit(unit);
  if (scale) scale->size *= error == std::errc() ? count : 1;
  return scale;
}

std::string_view trimmed(std::string_view text) {
  constexpr auto kBlank = " \t\n\r\f\v";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  while (!text.empty() && std::string_view(kBlank).contains(text.back())) text.remove_suffix(1);
  return text;
}

// The number that `text` begins with, which is taken off it.
std::optional<double> leading_number(std::string_view& text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  const bool plus = !hexadecimal && text.starts_with('+');
  if (plus) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number,
                      hexadecimal ? std::chars_format::hex : std::chars_format::general);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// PostgreSQL takes every unambiguous beginning of true, false, yes, no, on and off.
std::optional<bool> boolean(std::string_view text) {
  const auto begins = [text](std::string_view word, std::size_t shortest) {
    return text.size() >= shortest && text.size() <= word.size() &&
           equal_without_case(text, word.substr(0, text.size()));
  };
  if (text == "1" || begins("true", 1) || begins("yes", 1) || begins("on", 2)) return true;
  if (text == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2)) return false;
  return std::nullopt;
}

}  // namespace

std::optional<double> setting_number(std::string_view value, std::string_view unit) {
  auto rest = trimmed(value);
  const auto number = leading_number(rest);
  rest = trimmed(rest);
  if (!number || rest.empty()) return number;
  const auto given = find_unit(rest);
  const auto base = base_scale(unit);
  if (!given || !base || given->units.data() != base->units.data()) return std::nullopt;
  return *number * given->size / base->size;
}

bool same_setting(const SettingKind& kind, std::string_view a, std::string_view b) {
  if (kind.type == "bool") {
    const auto first = boolean(trimmed(a));
    return first && first == boolean(trimmed(b));
  }
  if (kind.type == "integer" || kind.type == "real") {
    const auto first = setting_number(a, kind.unit);
    const auto second = setting_number(b, kind.unit);
    if (!first || !second) return false;
    return kind.type == "integer" ? std::round(*first) == std::round(*second) : *first == *second;
  }
  return kind.type == "enum" ? equal_without_case(a, b) : a == b;
}

std::string shown_setting(const SettingKind& kind, std::string_view value) {
  const auto scale = base_scale(kind.unit);
  const auto number = setting_number(value, kind.unit);
  if (!scale || !number || *number <= 0 || (kind.type != "integer" && kind.type != "real"))
    return std::string(value);
  const double in_smallest = *number * scale->size;
  for (const auto& unit : scale->units) {
    const double count = in_smallest / unit.size;
    if (std::round(count) >= 1 && std::abs(std::round(count) / count - 1.0) <= 1e-8)
      return fmt::format("{:.0f}{}", count, unit.name);
  }
  return fmt::format("{:g}{}", in_smallest / scale->units.back().size, scale->units.back().name);
}

}  // namespace holdfast::pg
