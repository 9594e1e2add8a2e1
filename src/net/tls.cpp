#include "net/tls.hpp"

#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace holdfast::net {
namespace {

namespace ssl = boost::asio::ssl;
using base::ErrorKind;
using base::fail;
using base::Result;

// The oldest error in OpenSSL's queue, which is the one nearest to the cause, without its call path.
std::string openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("error {:#x}", code);
}

bool looks_encrypted(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.find("ENCRYPTED") != std::string::npos)
      return true;  // both PEM headers of encrypted keys say so
  return false;
}

Result<void> readable(const TlsFile& file) {
  if (std::FILE* opened = std::fopen(file.path.c_str(), "r")) {
    char byte = 0;
    const bool has_data = std::fread(&byte, 1, 1, opened) == 1;
    const int error = errno;
    std::fclose(opened);
    if (has_data) return {};
    return fail(ErrorKind::invalid, "{}: nothing can be read from {} ({}); it must be a PEM file",
                file.config_key, file.path, error != 0 ? std::strerror(error) : "it is empty");
  }
  return fail(ErrorKind::invalid,
              "{}: cannot open {}: {}; make the file readable for the user holdfast runs as, or correct {}",
              file.config_key, file.path, std::strerror(errno), file.config_key);
}

int give_password(char* buffer, int size, int /*writing*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.size() > static_cast<std::size_t>(size)) return 0;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

Result<void> load_key(SSL_CTX* context, const TlsFile& certificate, const TlsFile& key,
                      const std::string& password) {
  if (const auto ok = readable(key); !ok) return ok;
  ERR_clear_error();
  // Without a callback of ours OpenSSL would ask on the terminal.
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, const_cast<std::string*>(&password));
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, key.path.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  if (loaded) return {};
  const auto code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH) {
    ERR_clear_error();
    return fail(ErrorKind::invalid, "{}: the private key in {} does not belong to the certificate in {}",
                key.config_key, key.path, certificate.path);
  }
  return fail(ErrorKind::invalid, "{}: {} holds no usable PEM private key: {}{}", key.config_key, key.path,
              openssl_error(), looks_encrypted(key.path) ? "; the key is encrypted: check its password" : "");
}

Result<void> load_certificate(SSL_CTX* context, const TlsFile& certificate, const TlsFile& key_or_unset,
                              const std::string& password) {
  if (const auto ok = readable(certificate); !ok) return ok;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.path.c_str()) != 1)
    return fail(ErrorKind::invalid, "{}: {} holds no usable PEM certificate: {}", certificate.config_key,
                certificate.path, openssl_error());
  return load_key(context, certificate, key_or_unset.path.empty() ? certificate : key_or_unset, password);
}

Result<void> load_ca(SSL_CTX* context, const TlsFile& ca) {
  if (const auto ok = readable(ca); !ok) return ok;
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, ca.path.c_str()) != 1)
    return fail(ErrorKind::invalid, "{}: {} holds no usable PEM certificate: {}", ca.config_key, ca.path,
                openssl_error());
  return {};
}

TlsContext new_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  return context;
}

Result<void> expect_clients(SSL_CTX* context, const TlsServerOptions& options) {
  if (options.verify_client == VerifyClient::none) return {};
  if (options.ca.path.empty())
    return fail(ErrorKind::invalid,
                "{} is not set, but client certificates are to be verified: set it to the CA's file",
                options.ca.config_key);
  if (const auto ok = load_ca(context, options.ca); !ok) return ok;
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.ca.path.c_str()));
  const int required = options.verify_client == VerifyClient::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return {};
}

}  // namespace

Result<TlsContext> make_tls_context(const TlsServerOptions& options) {
  auto made = new_context(ssl::context::tls_server);
  SSL_CTX* context = made->native_handle();
  // Resumed sessions would skip the client's certificate; these connections are few and long.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1)
    return fail(ErrorKind::invalid, "OpenSSL knows none of the ciphers \"{}\"", options.ciphers);
  if (auto ok = load_certificate(context, options.certificate, options.key, options.key_password); !ok)
    return std::unexpected(ok.error());
  if (auto ok = expect_clients(context, options); !ok) return std::unexpected(ok.error());
  return made;
}

Result<TlsContext> make_tls_context(const TlsClientOptions& options) {
  auto made = new_context(ssl::context::tls_client);
  SSL_CTX* context = made->native_handle();
  SSL_CTX_set_verify(context, options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (!options.ca.path.empty()) {
    if (auto ok = load_ca(context, options.ca); !ok) return std::unexpected(ok.error());
  } else {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (!options.certificate.path.empty()) {
    if (auto ok = load_certificate(context, options.certificate, options.key, options.key_password); !ok)
      return std::unexpected(ok.error());
  }
  return made;
}

}  // namespace holdfast::net
