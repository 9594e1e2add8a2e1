// Run it: cmake --preset dev, build formats_fuzz, then formats_fuzz NEW_CORPUS
// tests/fuzz/corpus/formats
//
// The formats that strangers can write: etcd's entries, YAML, REST requests. The first byte chooses one.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"
#include "patroni/config_file.hpp"
#include "patroni/dynamic_config.hpp"
#include "patroni/failover_request.hpp"
#include "patroni/health_checks.hpp"
#include "patroni/host_port.hpp"
#include "patroni/json_text.hpp"
#include "patroni/timestamp.hpp"
#include "patroni/yaml_node.hpp"

namespace {

using namespace holdfast;
using namespace holdfast::patroni;

const Keys kKeys("service", "s");

// What was understood once is understood the same way after having been written.
template <class Parse, class Write>
void check_stable(std::string_view text, Parse parse, Write write) {
  const auto value = parse(text);
  if (!value) return;
  const std::string written = write(*value);
  const auto again = parse(written);
  HOLDFAST_ASSERT(again.has_value(), "what we write must be readable");
  HOLDFAST_ASSERT(write(*again) == written, "what we write must be read as it was meant");
}

void check_entry(std::string_view name, std::string_view text) {
  const std::vector<KeyValue> entries = {{kKeys.prefix() + std::string(name), std::string(text), 1, 2, 3},
                                         {kKeys.leader(), "a", 1, 1, 1}};
  const auto contents = read_contents(kKeys, 9, entries);
  HOLDFAST_ASSERT(contents.view.leader && contents.view.leader->name == "a",
                  "one entry must not hide another");
  HOLDFAST_ASSERT(!cluster_body(contents, "s").empty(), "whatever etcd holds can be shown");
  if (contents.config) (void)effective_config(*contents.config, {}, "s");
}

void check_history(std::string_view text) {
  check_entry("history", text);
  check_stable(text, parse_history, [](const auto& value) { return write_history(value); });
}

void check_timestamp(std::string_view text) {
  check_stable(text, parse_timestamp, [](const auto& value) { return base::to_iso8601(value.time); });
}

void check_address(std::string_view text) {
  check_stable(
      text, [](std::string_view t) { return parse_host_port(t, 1); },
      [](const auto& v) { return to_string(v); });
  (void)parse_listen(text, 1);
}

void check_yaml(std::string_view text) {
  if (const auto node = parse_yaml(text, "f")) (void)to_json_text(to_json(*node), JsonLayout::spaced);
  const auto loaded = load_config(text, "f", {});
  HOLDFAST_ASSERT(loaded || !loaded.error().message.empty(), "an error says what is wrong");
}

void check_requests(std::string_view text) {
  const auto contents = read_contents(kKeys, 1, {});
  (void)read_failover_request(FailoverAction::switchover, text, contents, {});
  (void)read_failover_request(FailoverAction::failover, text, contents, {});
  const auto query = parse_query(text);
  (void)health_status("/replica", query, {});
  (void)health_status("/readiness", query, {});
  (void)health_status(text, {}, {});
}

void check(std::uint8_t which, std::string_view text) {
  switch (which % 11) {
    case 0:
      check_entry("members/b", text);
      return check_stable(text, parse_member_value, write_member_value);
    case 1:
      check_entry("sync", text);
      return check_stable(text, parse_sync, write_sync);
    case 2:
      check_entry("status", text);
      return check_stable(text, parse_status, write_status);
    case 3:
      check_entry("failover", text);
      return check_stable(text, parse_failover, write_failover);
    case 4:
      return check_history(text);
    case 5:
      return check_entry("config", text);
    case 6:
      return check_entry("failsafe", text);
    case 7:
      return check_timestamp(text);
    case 8:
      return check_address(text);
    case 9:
      return check_yaml(text);
    default:
      return check_requests(text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) check(data[0], std::string_view(reinterpret_cast<const char*>(data + 1), size - 1));
  return 0;
}
