// Where one client session is in its life, told from the messages that pass.
#pragma once

#include <cstdint>
#include <string_view>

#include "pg/wire.hpp"

namespace holdfast::routing {

enum class Stage {
  startup,         // the client has not said who it is
  held,            // waits for a server
  authenticating,  // a server is being connected, or asks the client who it is
  idle,            // no statement and no transaction is open
  active,          // the client waits for an answer, or is in the middle of asking
  in_transaction,  // between two statements of a transaction
  closing,
};

std::string_view to_string(Stage stage);

class SessionState {
 public:
  Stage stage() const;

  // The life up to the first ReadyForQuery. Each asserts that the step is one a session can take.
  void hold();
  void authenticate();
  void establish();
  void close();

  // Bytes that go from one side to the other of an established session, in order. False: what this side sends
  // are no messages, and the session cannot go on.
  [[nodiscard]] bool client_sent(std::string_view bytes);
  [[nodiscard]] bool server_sent(std::string_view bytes);

  // Nothing is lost if the session ends now: every question has been answered, and no transaction is open.
  bool quiet() const { return stage() == Stage::idle && client_.at_boundary() && server_.at_boundary(); }
  // A message of ours may be put into what the client reads.
  bool client_can_be_told() const { return server_.at_boundary(); }
  bool client_said_goodbye() const { return goodbye_; }
  // The server's last message was an error; when the connection ends now, it has said why.
  bool server_explained_itself() const { return last_from_server_ == 'E'; }

 private:
  void move_to(Stage next);
  void client_message(const pg::wire::Header& message);
  void server_message(const pg::wire::Header& message);

  Stage stage_ = Stage::startup;  // idle stands for idle, active and in_transaction
  pg::wire::Framer client_, server_;
  std::uint32_t owed_ = 0;   // ReadyForQuery messages that the server will send for what was asked
  bool unfinished_ = false;  // extended-protocol messages were sent and no Sync yet
  bool copying_in_ = false;  // the server takes COPY data and passes over Sync
  bool goodbye_ = false;
  char transaction_ = 'I';  // of the last ReadyForQuery: I, T or E
  char last_from_server_ = 0;
};

}  // namespace holdfast::routing
