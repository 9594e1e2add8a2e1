// TLS contexts made of the files that a configuration names.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace boost::asio::ssl {
class context;
}

namespace holdfast::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

// A file, and the configuration key that named it ("restapi.certfile"), for messages. An empty path: not set.
struct TlsFile {
  std::string path;
  std::string config_key;
};

enum class VerifyClient {
  none,      // no certificate is asked for
  optional,  // one that is shown must be signed by our CA
  required,
};

struct TlsServerOptions {
  TlsFile certificate;  // PEM, with the chain
  TlsFile key;          // not set: the key is in the certificate's file
  TlsFile ca;           // that signs clients' certificates
  std::string key_password;
  std::string ciphers;  // OpenSSL's list, up to TLS 1.2; empty: OpenSSL's default
  VerifyClient verify_client = VerifyClient::none;
};

struct TlsClientOptions {
  TlsFile ca;           // that signs servers' certificates; not set: the system's
  TlsFile certificate;  // shown to the server; not set: none
  TlsFile key;          // not set: the key is in the certificate's file
  std::string key_password;
  bool insecure = false;  // take any server certificate
};

// Errors (invalid) name the file, the configuration key and what to do.
base::Result<TlsContext> make_tls_context(const TlsServerOptions& options);
base::Result<TlsContext> make_tls_context(const TlsClientOptions& options);

}  // namespace holdfast::net
