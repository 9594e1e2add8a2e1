#include "adapters/certificates.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::test {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory(std::string_view name) {
  auto pattern = fmt::format("/tmp/holdfast-{}-XXXXXX", name);
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void run_program(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &quiet, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  if (error != 0 || waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error(fmt::format("this command failed: {}", fmt::join(command, " ")));
}

CertificateAuthority::CertificateAuthority(std::string_view name) : directory_("ca") {
  const auto& dir = directory_.path();
  run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "2", "-subj", fmt::format("/CN={}", name), "-keyout", dir / "ca.key", "-out",
               dir / "ca.crt", "-addext", "basicConstraints=critical,CA:TRUE"});
}

CertificateFiles CertificateAuthority::issue(std::string_view name,
                                             const std::vector<std::string>& alternative_names,
                                             std::string_view key_password) const {
  const auto& dir = directory_.path();
  const auto base = (dir / name).string();
  std::ofstream extensions(base + ".ext");
  extensions << "extendedKeyUsage=serverAuth,clientAuth\n";
  if (!alternative_names.empty())
    extensions << fmt::format("subjectAltName={}\n", fmt::join(alternative_names, ","));
  extensions.close();
  std::vector<std::string> request{"openssl",  "req",
                                   "-newkey",  "ec",
                                   "-pkeyopt", "ec_paramgen_curve:P-256",
                                   "-subj",    fmt::format("/CN={}", name),
                                   "-keyout",  base + ".key",
                                   "-out",     base + ".csr"};
  if (key_password.empty())
    request.push_back("-nodes");
  else
    request.insert(request.end(), {"-passout", fmt::format("pass:{}", key_password)});
  run_program(request);
  run_program({"openssl", "x509", "-req", "-in", base + ".csr", "-CA", dir / "ca.crt", "-CAkey",
               dir / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out",
               base + ".crt"});
  return {base + ".crt", base + ".key"};
}

}  // namespace holdfast::test
