#include "routing/session_state.hpp"

#include "base/assert.hpp"

namespace holdfast::routing {
namespace {

bool can_follow(Stage from, Stage to) {
  switch (to) {
    case Stage::held:
      return from == Stage::startup || from == Stage::held || from == Stage::authenticating;
    case Stage::authenticating:
      return from == Stage::startup || from == Stage::held || from == Stage::authenticating;
    case Stage::idle:
      return from == Stage::authenticating || from == Stage::held;
    case Stage::closing:
      return true;
    case Stage::startup:
    case Stage::active:
    case Stage::in_transaction:
      return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::startup:
      return "startup";
    case Stage::held:
      return "held";
    case Stage::authenticating:
      return "authenticating";
    case Stage::idle:
      return "idle";
    case Stage::active:
      return "active";
    case Stage::in_transaction:
      return "in transaction";
    case Stage::closing:
      return "closing";
  }
  return "unknown";
}

Stage SessionState::stage() const {
  if (stage_ != Stage::idle) return stage_;
  if (owed_ > 0 || unfinished_ || copying_in_) return Stage::active;
  return transaction_ == 'I' ? Stage::idle : Stage::in_transaction;
}

void SessionState::move_to(Stage next) {
  HOLDFAST_ASSERT(can_follow(stage_, next), "a session took a step that it cannot take");
  stage_ = next;
}

void SessionState::hold() { move_to(Stage::held); }
void SessionState::authenticate() { move_to(Stage::authenticating); }
void SessionState::establish() { move_to(Stage::idle); }
void SessionState::close() { move_to(Stage::closing); }

bool SessionState::client_sent(std::string_view bytes) {
  while (const auto message = client_.next(bytes)) client_message(*message);
  return !client_.broken();
}

bool SessionState::server_sent(std::string_view bytes) {
  while (const auto message = server_.next(bytes)) server_message(*message);
  return !server_.broken();
}

// https://www.postgresql.org/docs/15/protocol-flow.html: Query, FunctionCall and Sync each end in one
// ReadyForQuery; the other questions are answered, but finished only by a Sync.
void SessionState::client_message(const pg::wire::Header& message) {
  switch (message.type) {
    case 'Q':
    case 'F':
      ++owed_;
      break;
    case 'S':
      // "The backend ignores Flush and Sync messages received during copy-in mode."
      if (!copying_in_) ++owed_, unfinished_ = false;
      break;
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
      unfinished_ = true;
      break;
    case 'c':
    case 'f':
      copying_in_ = false;
      break;
    case 'X':
      goodbye_ = true;
      break;
    default:
      break;
  }
}

void SessionState::server_message(const pg::wire::Header& message) {
  last_from_server_ = message.type;
  switch (message.type) {
    case 'Z':
      if (owed_ > 0) --owed_;
      copying_in_ = false;
      transaction_ = message.first;
      break;
    case 'G':  // CopyInResponse
    case 'W':  // CopyBothResponse, of replication
      copying_in_ = true;
      break;
    case 'E':
      copying_in_ = false;
      break;
    default:
      break;
  }
}

}  // namespace holdfast::routing
