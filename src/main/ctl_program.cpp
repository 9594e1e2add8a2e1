#include "main/ctl_program.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include "ctl/program.hpp"
#include "etcd/etcd_dcs.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"
#include "net/tls.hpp"
#include "telemetry/log.hpp"

namespace holdfast {
namespace {

using base::Result;

class StandardStreams : public ctl::Terminal {
 public:
  void out(std::string_view text) override { std::cout << text << std::flush; }
  void err(std::string_view text) override { std::cerr << text << std::flush; }
  std::optional<std::string> ask(std::string_view question) override {
    out(question);
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  bool is_screen() const override { return isatty(STDOUT_FILENO) == 1; }
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return base::fail(base::ErrorKind::refused, "{}", std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return base::fail(base::ErrorKind::failed, "{}", std::strerror(errno));
  return text;
}

patroni::Environment environment_of_process() {
  patroni::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
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

int run_ctl(int argc, char** argv) {
  telemetry::set_log_level(telemetry::Level::critical);  // what matters is said by the commands themselves
  net::Runtime runtime;
  StandardStreams terminal;
  ctl::World world{runtime,
                   terminal,
                   environment_of_process(),
                   read_file,
                   [&](const patroni::EtcdConfig& etcd) { return etcd::make_dcs(runtime, etcd); },
                   [&](const patroni::CtlConfig& config) { return make_http(runtime, config); }};
  return ctl::run({argv + 1, argv + argc}, world);
}

}  // namespace holdfast
