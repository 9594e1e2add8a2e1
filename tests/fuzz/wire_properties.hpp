// What must hold for the wire protocol reader whatever bytes it gets. Shared by the fuzzer (wire_fuzz.cpp)
// and by the unit test that replays its corpus.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>

#include "base/assert.hpp"
#include "pg/wire.hpp"
#include "routing/session_state.hpp"

namespace holdfast::fuzz {

inline void first_packet_survives_a_round_trip(std::string_view bytes) {
  namespace wire = pg::wire;
  const auto packet = wire::parse_first_packet(bytes);
  if (!packet) return;
  if (const auto* startup = std::get_if<wire::StartupMessage>(&*packet); startup && startup->major != 3)
    return;
  const auto encoded = std::visit([](const auto& each) { return wire::encode(each); }, *packet);
  HOLDFAST_ASSERT(encoded == bytes, "a packet that was understood is written as it was read");
}

// The types and sizes of all messages, read in pieces of `piece` bytes; ends with ! when broken, with . in
// the middle of a message.
inline std::string framed(std::string_view bytes, std::size_t piece) {
  pg::wire::Framer framer;
  std::string seen;
  while (!bytes.empty() && !framer.broken()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (const auto message = framer.next(part)) {
      seen += message->type;
      seen += std::to_string(message->body_size);
      seen += message->first;
    }
    HOLDFAST_ASSERT(part.empty() || framer.broken(), "the framer takes every byte it is given");
  }
  return seen + (framer.broken() ? "!" : framer.at_boundary() ? "" : ".");
}

inline void framing_does_not_depend_on_the_cuts(std::string_view bytes) {
  const auto whole = framed(bytes, std::max<std::size_t>(bytes.size(), 1));
  for (const std::size_t piece : {1UZ, 2UZ, 3UZ, 5UZ, 6UZ, 17UZ})
    HOLDFAST_ASSERT(framed(bytes, piece) == whole, "the same messages are seen wherever the stream is cut");
}

inline void whole_messages_agree_with_the_framer(std::string_view bytes) {
  namespace wire = pg::wire;
  wire::Framer framer;
  auto rest = bytes;
  for (;;) {
    const auto message = wire::whole_message(rest, std::size_t{wire::kMaxMessage} + 1);
    if (!message || !*message) return;
    auto taken = rest.substr(0, (*message)->size());
    const auto header = framer.next(taken);
    HOLDFAST_ASSERT(
        header && header->type == (*message)->type && header->body_size == (*message)->body.size(),
        "both see the same message");
    HOLDFAST_ASSERT(!framer.next(taken) && framer.at_boundary(), "and the same end of it");
    const auto body = (*message)->body;
    (void)wire::authentication_code(body);
    (void)wire::backend_key_data(body);
    (void)wire::parameter_status(body);
    (void)wire::error_fields(body);
    rest.remove_prefix((*message)->size());
  }
}

inline void sessions_survive(std::string_view bytes) {
  routing::SessionState session;
  session.authenticate();
  session.establish();
  const auto half = bytes.size() / 2;
  if (!session.client_sent(bytes.substr(0, half)) || !session.server_sent(bytes.substr(half))) return;
  if (session.quiet()) HOLDFAST_ASSERT(session.client_can_be_told(), "a quiet session is between messages");
}

inline void check_wire(std::string_view bytes) {
  first_packet_survives_a_round_trip(bytes);
  framing_does_not_depend_on_the_cuts(bytes);
  whole_messages_agree_with_the_framer(bytes);
  sessions_survive(bytes);
}

}  // namespace holdfast::fuzz
