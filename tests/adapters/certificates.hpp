// A certificate authority for tests, made by the openssl program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::test {

// A directory below /tmp that goes away with this object.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(std::string_view name);  // /tmp/holdfast-<name>-XXXXXX
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

class CertificateAuthority {
 public:
  explicit CertificateAuthority(std::string_view name = "test-ca");

  std::string file() const { return (directory_.path() / "ca.crt").string(); }
  // For `name` with the given subjectAltName entries ("IP:127.0.0.1", "DNS:localhost"), good for server and
  // client.
  CertificateFiles issue(std::string_view name, const std::vector<std::string>& alternative_names,
                         std::string_view key_password = {}) const;

 private:
  TemporaryDirectory directory_;
};

// Runs a program without a shell and waits for it. Throws if it fails.
void run_program(const std::vector<std::string>& command);

}  // namespace holdfast::test
