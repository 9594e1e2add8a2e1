#include "pg/setting_value.hpp"

#include <gtest/gtest.h>

namespace holdfast::pg {
namespace {

TEST(SettingValue, IsShownInTheGreatestUnitThatTakesItWhole) {
  struct Case {
    SettingKind kind;
    const char *value, *shown;
  };
  const Case cases[] = {
      {{"integer", "8kB"}, "16384", "128MB"}, {{"integer", "8kB"}, "16385", "131080kB"},
      {{"integer", "8kB"}, "128MB", "128MB"}, {{"integer", "kB"}, "1024", "1MB"},
      {{"integer", "kB"}, "1025", "1025kB"},  {{"integer", "16MB"}, "64", "1GB"},
      {{"integer", "ms"}, "60000", "1min"},   {{"integer", "s"}, "90", "90s"},
      {{"integer", "min"}, "1440", "1d"},     {{"real", "ms"}, "2.5", "2500us"},
      {{"integer", ""}, "100", "100"},        {{"integer", "s"}, "-1", "-1"},
      {{"integer", "s"}, "0", "0"},           {{"bool", ""}, "on", "on"},
      {{"string", ""}, "16384", "16384"},     {{"integer", "8kB"}, "", ""},
      {{"integer", "8kB"}, "1 min", "1 min"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(shown_setting(c.kind, c.value), c.shown) << c.value << " " << c.kind.unit;
}

TEST(SettingValue, ComparesWhatItMeans) {
  struct Case {
    SettingKind kind;
    const char *a, *b;
    bool same;
  };
  const Case cases[] = {
      {{"integer", "8kB"}, "16384", "128MB", true},
      {{"integer", "8kB"}, "16384", "0x4000", true},
      {{"integer", "8kB"}, "16384", "16385", false},
      {{"integer", "8kB"}, "1GB", " 1024 MB ", true},
      {{"integer", "ms"}, "1000", "1s", true},
      {{"integer", "ms"}, "1000", "1MB", false},
      {{"integer", ""}, "100", "100.4", true},
      {{"integer", ""}, "100", "hundred", false},
      {{"real", ""}, "0.5", "0.50", true},
      {{"real", ""}, "0.5", "0.6", false},
      {{"bool", ""}, "on", "TRUE", true},
      {{"bool", ""}, "on", "y", true},
      {{"bool", ""}, "on", "o", false},
      {{"bool", ""}, "off", "0", true},
      {{"enum", ""}, "Replica", "replica", true},
      {{"string", ""}, "a", "A", false},
  };
  for (const auto& c : cases) EXPECT_EQ(same_setting(c.kind, c.a, c.b), c.same) << c.a << " " << c.b;
}

}  // namespace
}  // namespace holdfast::pg
