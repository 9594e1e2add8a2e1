// Names that follow from other names.
#pragma once

#include <string>
#include <string_view>

#include "pg/lsn.hpp"

namespace holdfast::pg {

// The physical slot of a member, named as Patroni names it, so that nodes of both can follow each other:
// lower case, '-' and '.' become '_', any other character uNNNN (its code point in decimal), cut to the 63
// bytes of a name. https://patroni.readthedocs.io/en/latest/faq.html
std::string slot_name(std::string_view member_name);
// What PostgreSQL takes for the name of a slot: 1 to 63 of a-z, 0-9 and _.
bool is_slot_name(std::string_view name);

// "0000000100000000000000A4". https://www.postgresql.org/docs/15/wal-internals.html
std::string wal_file_name(Timeline timeline, Lsn lsn, std::uint64_t segment_size);

// "00000002.history"
std::string history_file_name(Timeline timeline);

}  // namespace holdfast::pg
