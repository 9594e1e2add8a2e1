#include "adapters/postgres_server.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/postmaster_file.hpp"
#include "system/files.hpp"
#include "system/program.hpp"

namespace holdfast::testing {

using namespace std::chrono_literals;

TemporaryDirectory::TemporaryDirectory(net::Runtime& runtime) : runtime_(runtime) {
  char path[] = "/tmp/postgres-test-XXXXXX";
  path_ = mkdtemp(path);
  chmod(path_.c_str(), 0755);
}
TemporaryDirectory::~TemporaryDirectory() {
  (void)runtime_.run_task(system::remove_trees(runtime_, {path_}));
}

std::uint16_t free_port() {
  const system::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, length) != 0 || getsockname(listener.get(), generic, &length) != 0)
    ADD_FAILURE() << "no free port";
  return ntohs(address.sin_port);
}

void let_time_pass(net::Runtime& runtime, base::Duration time) {
  runtime.run_task(runtime.clock().sleep_until(runtime.clock().now() + time));
}

Client::Client(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str()), PQfinish) {}

std::string Client::ask(const std::string& sql) {
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection_.get(), sql.c_str()),
                                                              PQclear);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    ADD_FAILURE() << sql << ": " << PQerrorMessage(connection_.get());
    return {};
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string Client::error_of(const std::string& sql) {
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection_.get(), sql.c_str()),
                                                              PQclear);
  const auto status = PQresultStatus(result.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return {};
  return PQerrorMessage(connection_.get());
}

void Client::send(const std::string& sql) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) ADD_FAILURE() << PQerrorMessage(connection_.get());
}

bool Client::has_answer() {
  PQconsumeInput(connection_.get());
  return PQisBusy(connection_.get()) == 0;
}

std::string Client::last_error() const {
  while (const auto* result = PQgetResult(connection_.get())) PQclear(const_cast<PGresult*>(result));
  return PQerrorMessage(connection_.get());
}

bool Client::connected() const { return PQstatus(connection_.get()) == CONNECTION_OK; }

PostgresNode::PostgresNode(net::Runtime& runtime, const TemporaryDirectory& directory, std::string name)
    : runtime_(runtime) {
  config.scope = "demo";
  config.name = name;
  auto& postgres = config.postgresql;
  postgres.listen_addresses = {"127.0.0.1"};
  postgres.port = free_port();
  postgres.connect_address = "127.0.0.1:" + std::to_string(postgres.port);
  postgres.data_dir = directory.path() + "/" + name;
  postgres.bin_dir = "/usr/lib/postgresql/15/bin";
  postgres.superuser = {.username = "postgres", .password = "super-secret"};
  postgres.replication = {.username = "replicator", .password = "repl:secret"};
  postgres.rewind = {.username = "rewinder", .password = "rewind\\secret"};
  postgres.local.parameters = {{"fsync", "off"},
                               {"shared_buffers", "8MB"},
                               {"unix_socket_directories", ""},
                               {"log_statement", "all"},
                               {"autovacuum", "off"},
                               {"dynamic_shared_memory_type", "mmap"}};  // goes with the directory
  config.bootstrap.initdb = {{"no-sync", std::nullopt}, {"locale", "C"}};
}

PostgresNode::~PostgresNode() {
  if (config.postgresql.data_dir.empty() || !system::exists(data_dir())) return;
  (void)runtime_.run_task(adapter().stop(ports::StopMode::immediate, soon()));
}

postgres::LocalPostgres& PostgresNode::adapter() {
  if (!adapter_) {
    auto opened = runtime_.run_task(postgres::LocalPostgres::open(runtime_, config));
    if (!opened) throw std::runtime_error(opened.error().message);
    adapter_ = std::move(*opened);
  }
  return *adapter_;
}

ha::SystemId PostgresNode::bootstrap() {
  auto id = done(adapter().bootstrap([](const ports::Progress&) {}));
  done(adapter().confirm_bootstrap());
  return id;
}

void PostgresNode::clone(PostgresNode& source) {
  done(adapter().clone(source.upstream(), [](const ports::Progress&) {}));
}

void PostgresNode::start_standby(PostgresNode& upstream) {
  upstream.done(upstream.adapter().create_slot(config.name, {}, upstream.soon()));
  done(adapter().start({.standby = true, .upstream = upstream.upstream()}));
}

void PostgresNode::stop(ports::StopMode mode) { done(adapter().stop(mode, soon())); }

ha::Instance PostgresNode::observe() { return runtime_.run_task(adapter().observe(soon())); }

ha::Upstream PostgresNode::upstream() const {
  return {.name = config.name, .conn_url = "postgres://" + config.postgresql.connect_address + "/postgres"};
}

std::string PostgresNode::conninfo(const std::string& user, const std::string& password) const {
  return fmt::format("host=127.0.0.1 port={} dbname=postgres user={} password={} connect_timeout=5",
                     config.postgresql.port, user, password);
}

pid_t PostgresNode::postmaster_pid() const {
  const auto text = system::read_file(data_dir() + "/postmaster.pid");
  const auto file = text ? pg::parse_postmaster_file(*text) : std::nullopt;
  return file ? file->pid : 0;
}

std::string PostgresNode::log() const { return system::read_file(data_dir() + ".log").value_or(""); }

void PostgresNode::fail(const base::Error& error, const std::string& name, const std::string& log) {
  ADD_FAILURE() << name << ": " << to_string(error.kind) << ": " << error.message << "\n--- server log:\n"
                << log.substr(log.size() > 3000 ? log.size() - 3000 : 0);
}

void PostgresNode::fail_waiting(const std::string& name, const ha::Instance& last, const std::string& log) {
  ADD_FAILURE() << name << ": not in time; data " << int(last.data) << " process " << int(last.process)
                << (last.status ? fmt::format(" timeline {} position {} receiving {} standbys {}",
                                              last.status->timeline, to_string(last.status->position),
                                              last.status->receiver_streaming, last.status->standbys.size())
                                : " " + last.status_problem)
                << "\n--- server log:\n"
                << log.substr(log.size() > 3000 ? log.size() - 3000 : 0);
}

}  // namespace holdfast::testing
