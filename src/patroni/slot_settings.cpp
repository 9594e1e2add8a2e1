#include "patroni/slot_settings.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <optional>

#include "patroni/json_text.hpp"
#include "pg/names.hpp"

namespace holdfast::patroni {
namespace {

namespace json = boost::json;
using Problems = std::vector<std::string>;

// What Python takes for false: all of them mean "nothing more to say" here.
bool says_nothing(const json::value& value) {
  if (value.is_object()) return value.get_object().empty();
  if (value.is_array()) return value.get_array().empty();
  if (value.is_string()) return value.get_string().empty();
  if (value.is_bool()) return !value.get_bool();
  return value.is_null() || value == 0;
}

// The names from before Patroni 4 win, as there.
const json::value* slots_section(const json::object& dynamic, std::string_view& key) {
  for (const auto* name : {"permanent_replication_slots", "permanent_slots", "slots"}) {
    const auto* value = dynamic.if_contains(key = name);
    if (value && !says_nothing(*value)) return value;
  }
  return nullptr;
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? scalar_text(*value).value_or("") : std::string();
}

std::optional<ha::PermanentSlot> read_slot(const json::value& value, std::string& why) {
  ha::PermanentSlot slot;
  if (says_nothing(value)) return slot;  // {"name": null} and {"name": 0} are physical slots
  const auto* object = value.if_object();
  if (!object) {
    why = fmt::format("it is {}, and type, database and plugin are expected", json_kind(value));
    return std::nullopt;
  }
  slot.database = text_of(*object, "database");
  slot.plugin = text_of(*object, "plugin");
  const bool complete = !slot.database.empty() && !slot.plugin.empty();
  const auto type = object->contains("type") ? text_of(*object, "type") : complete ? "logical" : "physical";
  if (type == "logical" && complete) {
    slot.logical = true;
    return slot;
  }
  if (type != "physical") {
    why = type == "logical" ? "a logical slot needs a database and a plugin"
                            : fmt::format("type {} is neither physical nor logical", type);
    return std::nullopt;
  }
  slot.database.clear();
  slot.plugin.clear();
  using Type = ha::PermanentSlot::ClusterType;
  const auto cluster = text_of(*object, "cluster_type");
  slot.cluster_type = cluster == "primary" ? Type::primary : cluster == "standby" ? Type::standby : Type::any;
  return slot;
}

void read_permanent_slots(const json::object& dynamic, ha::Settings& settings, Problems& problems) {
  std::string_view key;
  const auto* section = slots_section(dynamic, key);
  if (!section) return;
  if (!section->is_object()) {
    problems.push_back(
        fmt::format("{} is {}: an object of slots is expected; ignored", key, json_kind(*section)));
    return;
  }
  for (const auto& [name, value] : section->get_object()) {
    std::string why;
    if (!pg::is_slot_name(name)) why = "a slot's name has at most 63 of a-z, 0-9 and _";
    const auto slot = why.empty() ? read_slot(value, why) : std::nullopt;
    if (slot)
      settings.permanent_slots[std::string(name)] = *slot;
    else
      problems.push_back(fmt::format("{}.{} is ignored: {}", key, std::string_view(name), why));
  }
}

void read_ignore_slots(const json::object& dynamic, ha::Settings& settings, Problems& problems) {
  const auto* section = dynamic.if_contains("ignore_slots");
  if (!section || says_nothing(*section)) return;
  if (!section->is_array()) {
    problems.push_back(
        fmt::format("ignore_slots is {}: a list of objects is expected; ignored", json_kind(*section)));
    return;
  }
  for (const auto& entry : section->get_array()) {
    if (const auto* matcher = entry.if_object())
      settings.ignore_slots.push_back({.name = text_of(*matcher, "name"),
                                       .database = text_of(*matcher, "database"),
                                       .plugin = text_of(*matcher, "plugin"),
                                       .type = text_of(*matcher, "type")});
    else
      problems.push_back(fmt::format("ignore_slots: {} among its entries is ignored, an object is expected",
                                     json_kind(entry)));
  }
}

}  // namespace

void read_slot_settings(const json::object& dynamic, ha::Settings& settings, Problems& problems) {
  const auto before = problems.size();
  read_permanent_slots(dynamic, settings, problems);
  read_ignore_slots(dynamic, settings, problems);
  settings.slots_understood = problems.size() == before;
}

}  // namespace holdfast::patroni
