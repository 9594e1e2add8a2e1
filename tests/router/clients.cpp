#include "router/clients.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace holdfast::test {

namespace wire = pg::wire;

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  for (const auto deadline = std::chrono::steady_clock::now() + patience; !condition();) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

PqClient::PqClient(std::uint16_t port, const std::string& more)
    : connection_(
          PQconnectdb(
              fmt::format("host=127.0.0.1 port={} dbname=postgres user=postgres connect_timeout=60 {}", port,
                          more)
                  .c_str()),
          &PQfinish) {
  PQsetNoticeReceiver(connection_.get(), keep_farewell, this);
}

void PqClient::keep_farewell(void* client, const PGresult* notice) {
  const auto* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity && severity == std::string_view("FATAL"))
    static_cast<PqClient*>(client)->farewell_ = error_of(notice);
}

std::string PqClient::farewell(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (farewell_.empty()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{PQsocket(connection_.get()), POLLIN, 0};
    if (left <= 0ms || poll(&waiting, 1, static_cast<int>(left.count())) != 1) break;
    const bool open = PQconsumeInput(connection_.get()) == 1;
    (void)PQisBusy(connection_.get());  // looks at what has come
    if (!open) break;
  }
  return farewell_;
}

std::string PqClient::error_of(const PGresult* result) {
  const auto* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const auto* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return fmt::format("{} {}", state ? state : "no SQLSTATE",
                     message ? message : PQresultErrorMessage(result));
}

std::string PqClient::text_of(PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
      return PQntuples(result) == 0 ? "" : PQgetvalue(result, 0, 0);
    case PGRES_COMMAND_OK:
      return PQcmdStatus(result);
    default:
      return error_of(result);
  }
}

// Not PQexec(): of an error and the end of the connection that follows, it gives only the latter.
std::string PqClient::ask(const std::string& query) {
  send(query);
  return answer();
}

void PqClient::send(const std::string& query) {
  if (PQsendQuery(connection_.get(), query.c_str()) != 1) throw std::runtime_error(error());
}

std::string PqClient::answer() {
  auto* result = PQgetResult(connection_.get());
  if (result == nullptr) return "no result: " + error();
  const std::unique_ptr<PGresult, decltype(&PQclear)> owned(result, &PQclear);
  auto text = text_of(result);
  while (auto* more = PQgetResult(connection_.get())) PQclear(more);
  return text;
}

std::uint16_t PqClient::server_port() {
  return static_cast<std::uint16_t>(std::stoul("0" + ask("select inet_server_port()")));
}

RawClient::RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("the router does not accept connections");
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ended_(other.ended_), received_(std::move(other.received_)) {}

RawClient::~RawClient() { close(); }

void RawClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the router has closed; what it said can still be read
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::fill(std::chrono::milliseconds patience) {
  pollfd waiting{fd_, POLLIN, 0};
  if (ended_ || poll(&waiting, 1, static_cast<int>(patience.count())) != 1) return false;
  char buffer[16384];
  const auto size = recv(fd_, buffer, sizeof(buffer), 0);
  if (size <= 0) ended_ = true;
  if (size > 0) received_.append(buffer, static_cast<std::size_t>(size));
  return size > 0;
}

std::optional<std::string> RawClient::read_to_end(std::chrono::milliseconds patience) {
  while (fill(patience)) {
  }
  if (!ended_) return std::nullopt;
  return std::exchange(received_, {});
}

std::string RawClient::read_some(std::size_t at_least, std::chrono::milliseconds patience) {
  while (received_.size() < at_least && fill(patience)) {
  }
  return std::exchange(received_, {});
}

RawClient::Message RawClient::next_message(std::chrono::milliseconds patience) {
  for (;;) {
    const auto message = wire::whole_message(received_, 1 << 20);
    if (!message) throw std::runtime_error(message.error().message);
    if (*message) {
      Message taken{(*message)->type, std::string((*message)->body)};
      received_.erase(0, (*message)->size());
      return taken;
    }
    if (!fill(patience)) return {};
  }
}

RawClient::Message RawClient::message_of_type(char type) {
  for (;;) {
    auto message = next_message();
    if (message.type == type || message.type == 0) return message;
  }
}

void RawClient::log_in(const std::string& user) {
  send(wire::encode(startup(user)));
  if (message_of_type('Z').type != 'Z') throw std::runtime_error("cannot log in");
}

wire::StartupMessage startup(const std::string& user) {
  return {3, 0, {{"user", user}, {"database", "postgres"}}};
}

wire::ErrorFields only_error(std::string_view stream) {
  const auto message = wire::whole_message(stream, 1 << 20);
  if (!message || !*message || (*message)->type != 'E' || (*message)->size() != stream.size())
    return {.severity = ""};
  return wire::error_fields((*message)->body).value_or(wire::ErrorFields{.severity = ""});
}

}  // namespace holdfast::test
