// The file that a replication slot is kept in, pg_replslot/NAME/state.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace holdfast::pg {

// The bytes of PostgreSQL's encode(..., 'hex'); empty if the text is no such thing.
std::string from_hex(std::string_view text);

// Whether it is whole and this slot's. A server that finds a broken one panics and does not start, so nothing
// is put there unseen. invalid: what is wrong with it.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/replication/slot.c
// ReplicationSlotOnDisk
base::Result<void> check_slot_file(std::string_view name, std::string_view state);

// CRC-32C, as PostgreSQL protects its files with it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace holdfast::pg
