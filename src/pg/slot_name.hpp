// Replication slot names. https://www.postgresql.org/docs/15/warm-standby.html#STREAMING-REPLICATION-SLOTS
#pragma once

#include <string>
#include <string_view>

namespace holdfast::pg {

// The slot of a member, as Patroni names it: lower case; '-' and '.' become '_'; any other character that a
// slot name may not have becomes u and its code point in four hex digits; at most 63 bytes.
std::string slot_name(std::string_view member);

}  // namespace holdfast::pg
