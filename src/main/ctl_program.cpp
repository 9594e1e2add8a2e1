#include "main/ctl_program.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "ctl/program.hpp"
#include "etcd/etcd_dcs.hpp"
#include "main/environment.hpp"
#include "main/terminal.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "postgres/sql_console.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

using base::Result;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return base::fail(base::ErrorKind::refused, "{}", std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return base::fail(base::ErrorKind::failed, "{}", std::strerror(errno));
  return text;
}

class ConsoleConnection : public ctl::SqlConnection {
 public:
  explicit ConsoleConnection(postgres::SqlConsole console) : console_(std::move(console)) {}
  Result<ctl::SqlAnswer> run(const std::string& sql) override {
    auto rows = console_.run(sql);
    if (!rows) return std::unexpected(rows.error());
    return ctl::SqlAnswer{std::move(rows->columns), std::move(rows->rows)};
  }

 private:
  postgres::SqlConsole console_;
};

// As patronictl connects; what is not said here comes from the environment, as with psql.
Result<std::unique_ptr<ctl::SqlConnection>> connect(const ctl::SqlLogin& login) {
  pg::Conninfo conninfo = {{"host", login.host},
                           {"port", std::to_string(login.port)},
                           {"fallback_application_name", "Patroni ctl"},
                           {"connect_timeout", "5"}};
  if (login.user) conninfo.emplace_back("user", *login.user);
  if (login.password) conninfo.emplace_back("password", *login.password);
  if (login.database) conninfo.emplace_back("dbname", *login.database);
  auto console = postgres::SqlConsole::connect(conninfo);
  if (!console) return std::unexpected(console.error());
  return std::make_unique<ConsoleConnection>(std::move(*console));
}

Result<std::unique_ptr<net::HttpClient>> make_http(net::Runtime& runtime, const patroni::CtlConfig& config) {
  net::TlsClientOptions options{.ca = {config.files.cacert, "ctl.cacert"},
                                .certificate = {config.files.cert, "ctl.certfile"},
                                .key = {config.files.key, "ctl.keyfile"},
                                .key_password = config.files.key_password,
                                .insecure = config.insecure};
  auto tls = net::make_tls_context(options);
  if (!tls) return std::unexpected(tls.error());
  return std::make_unique<net::HttpClient>(runtime, net::HttpClientOptions{.tls = std::move(*tls)});
}

}  // namespace

bool is_ctl_command(std::string_view word) { return ctl::is_command(word); }

int run_ctl(int argc, char** argv, bool as_patronictl) {
  telemetry::set_log_level(telemetry::Level::critical);  // what matters is said by the commands themselves
  net::Runtime runtime;
  StandardStreams terminal;
  ctl::World world{as_patronictl ? ctl::Face::patronictl : ctl::Face::holdfast,
                   runtime,
                   terminal,
                   process_environment(),
                   {read_file, connect, edit_text},
                   [&](const patroni::EtcdConfig& etcd) { return etcd::make_dcs(runtime, etcd); },
                   [&](const patroni::CtlConfig& config) { return make_http(runtime, config); }};
  return ctl::run({argv + 1, argv + argc}, world);
}

}  // namespace holdfast
