// One client: from accept to close. run() in session.cpp reads top to bottom; logging in at a server is in
// session_login.cpp, passing bytes in session_relay.cpp.
//
// Two coroutines live as long as the session. read_client() alone reads the client's socket, so that a client
// that leaves is noticed at any time, and passes on, keeps or drops what it reads as `client_mode_` says.
// run() does all the rest. Whatever must end the session from outside (a new table, a deadline, the client's
// leaving) calls end_because(), which interrupts what run() waits for.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/wire.hpp"
#include "router/admission.hpp"
#include "router/event_loop.hpp"
#include "router/sockets.hpp"
#include "routing/route.hpp"
#include "routing/session_end.hpp"
#include "routing/session_state.hpp"

namespace holdfast::router {

class Session final : public std::enable_shared_from_this<Session>,
                      public LoopHook,
                      private Admission::Waiter {
 public:
  // Takes the client on; the session keeps itself alive until it has ended.
  static void start(EventLoop& loop, Socket client, routing::Port port);

  Session(EventLoop& loop, Socket client, routing::Port port);
  ~Session();

  // From the loop's thread: something has changed.
  void table_changed();
  void drain();
  void end_now();
  void wake_if_waiting();

 private:
  enum class ClientMode {
    keep,                 // until somebody asks for it; what is too much is left in the socket
    pass_authentication,  // password messages go to the server, the rest is kept
    pass_all,
    drop,
  };
  // Absent: go on. Otherwise the session ends, and this is how.
  using Step = std::optional<routing::SessionEnd>;
  using Milliseconds = std::chrono::milliseconds;

  // session.cpp: the life
  static Async<> run(std::shared_ptr<Session> self);
  Async<routing::SessionEnd> live();
  Async<Step> read_first_packets();
  Async<Step> get_place();
  Async<Step> relay_cancel(pg::wire::CancelKey key);
  Async<> finish(routing::SessionEnd end);
  Async<> tell_and_linger(std::string last_words);
  void leave_books();
  void admitted() override;
  static Async<> read_client(std::shared_ptr<Session> self);
  Async<> take_from_client(std::string_view bytes);
  void set_client_mode(ClientMode mode);

  void end_because(routing::SessionEnd end);  // the first reason counts
  void interrupt();
  void set_deadline(base::Duration after, routing::EndKind kind);
  void clear_deadline();
  routing::SessionEnd expired(routing::EndKind kind) const;
  Async<> pause();  // until wake() or interrupt()
  Async<> pause(Milliseconds at_most);
  void wake() { pause_.cancel(); }

  // session_login.cpp: getting a server
  Async<Step> attach();
  bool still_wanted() const;
  Async<bool> try_server();  // until it has answered; false: it may be tried again
  Async<bool> get_first_answer();
  Async<bool> connect_server();
  Async<std::vector<Tcp::endpoint>> look_up(routing::Endpoint address);
  Async<Step> authenticate();
  Step take_login_message(const pg::wire::Message& message);
  Async<Step> await_promotion();
  Async<Step> ask_recovery();
  Async<Step> establish();
  Async<> forward_authentication();
  // The whole message at the front of what the server has sent; absent when it cannot be had. Valid until
  // consume().
  Async<std::optional<pg::wire::Message>> next_from_server();
  void consume(const pg::wire::Message& message) { login_.received.erase(0, message.size()); }
  Async<Step> wait_for(std::string what);
  Async<Step> wait_for(std::string what, Milliseconds at_most);
  Step begin_hold(std::string what);
  void end_hold();
  void start_attempt_timer();
  void give_up_attempt(std::string problem);
  void note_failure();
  void note_answer();
  void leave_server();
  std::string describe_server() const;  // "server a (127.0.0.1:5432)"

  // session_relay.cpp: passing bytes
  Async<routing::SessionEnd> relay();
  Async<> pass_kept();
  Async<> pass_to_server(std::string_view bytes);
  Async<bool> pass_to_client(std::string_view bytes);
  Async<bool> pass_ready_to_client();
  Async<> pass_ready_to_server();
  Async<bool> write_rest(Socket& socket, std::string_view bytes);
  bool heard_client(std::string_view bytes);
  bool heard_server(std::string_view bytes);
  routing::SessionEnd server_gone() const;

  EventLoop& loop_;
  Shared& shared_;
  const routing::Port port_;
  const std::string peer_;  // for the log

  Socket client_, server_;
  Resolver resolver_;
  Timer deadline_, pause_, client_gate_, attempt_timer_;
  std::uint64_t deadline_id_ = 0, attempt_id_ = 0;

  routing::SessionState state_;
  Step ending_;
  bool client_gone_ = false;
  bool writing_to_client_ = false;
  bool client_write_broken_ = false;  // part of a message may have been sent

  ClientMode client_mode_ = ClientMode::keep;
  std::string client_in_;  // kept from the client, in order
  std::array<char, 4096> client_buffer_;

  // What leave_books() gives back.
  bool has_place_ = false, in_line_ = false, held_ = false;
  std::string waiting_for_;

  std::string startup_packet_;
  std::optional<routing::Assignment> assignment_;
  ServerNumbers<Count>* server_counters_ = nullptr;
  std::optional<pg::wire::CancelKey> cancel_key_;  // once established
  bool contacted_ =
      false;  // the server has answered: the client has been told of it, and cannot be given another

  // One login at one server.
  struct Login {
    bool given_up = false;  // it took too long, or the table does not want the server any more
    std::string problem;    // why it failed; empty: the server is not to blame
    bool authenticated = false;
    bool ready = false;
    routing::Recovery recovery = routing::Recovery::unknown;
    std::optional<pg::wire::CancelKey> key;
    std::string for_client;  // what came after AuthenticationOk, until the client may have it
    std::string received;    // from the server, not looked at yet
  };
  Login login_;
  Milliseconds backoff_{0};
  std::array<char, 4096> server_buffer_;
};

}  // namespace holdfast::router
