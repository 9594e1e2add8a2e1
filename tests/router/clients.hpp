// Clients of the router: libpq as applications use it, and one that sends whatever bytes it is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pg/wire.hpp"

namespace holdfast::test {

using namespace std::chrono_literals;

// Polls until `condition` holds; false when it did not within `patience`.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 10s);

class PqClient {
 public:
  // Connects and waits for the outcome. `more` is added to the connection string.
  explicit PqClient(std::uint16_t port, const std::string& more = "");
  PqClient(const PqClient&) = delete;

  bool connected() const { return PQstatus(connection_.get()) == CONNECTION_OK; }
  std::string error() const { return PQerrorMessage(connection_.get()); }
  PGconn* raw() const { return connection_.get(); }

  // The first field of the first row; or "SQLSTATE message".
  std::string ask(const std::string& query);
  // Starts a query without waiting for it; answer() gives what ask() would.
  void send(const std::string& query);
  std::string answer();
  // The error that ends an idle session, which nobody asked for; waits for it. Empty when it does not come.
  // libpq hands it on as a notice, also when it came right behind the answer to the last query.
  std::string farewell(std::chrono::milliseconds patience = 10s);
  // The port of the server that this session is on.
  std::uint16_t server_port();

 private:
  static std::string text_of(PGresult* result);
  static std::string error_of(const PGresult* result);
  static void keep_farewell(void* client, const PGresult* notice);
  std::string farewell_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;

  void send(std::string_view bytes);
  // All that comes until the router closes the connection; absent when it does not within `patience`.
  std::optional<std::string> read_to_end(std::chrono::milliseconds patience = 10s);
  // Waits for at least so many bytes; less when the connection ends or `patience` does.
  std::string read_some(std::size_t at_least, std::chrono::milliseconds patience = 10s);
  // The next whole message; type 0 when there is none.
  struct Message {
    char type = 0;
    std::string body;
  };
  Message next_message(std::chrono::milliseconds patience = 10s);
  // Reads messages up to one of that type, and returns it.
  Message message_of_type(char type);
  void log_in(const std::string& user = "postgres");  // up to ReadyForQuery
  void close();

 private:
  bool fill(std::chrono::milliseconds patience);
  int fd_ = -1;
  bool ended_ = false;
  std::string received_;
};

pg::wire::StartupMessage startup(const std::string& user = "postgres");
// The error in a stream that consists of one ErrorResponse; empty fields when it is something else.
pg::wire::ErrorFields only_error(std::string_view stream);

}  // namespace holdfast::test
