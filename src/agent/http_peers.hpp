// ports::Peers over the other members' REST API.
#pragma once

#include <string>
#include <string_view>

#include "net/http_client.hpp"
#include "ports/peers.hpp"

namespace holdfast::agent {

class HttpPeers final : public ports::Peers {
 public:
  // `client` must outlive this and show what the members ask of clients.
  // `username` and `password` are what the members ask of those who change something; empty: nothing.
  HttpPeers(net::HttpClient& client, const std::string& username, const std::string& password);
  // From the next question on.
  void set_login(const std::string& username, const std::string& password);

  base::Task<base::Result<ha::PeerStatus>> status(std::string api_url, base::Instant deadline) override;
  base::Task<bool> answers(std::string api_url, base::Instant deadline) override;
  base::Task<base::Result<ports::FailsafeReply>> confirm_leader(std::string api_url,
                                                                ha::FailsafeRequest request,
                                                                base::Instant deadline) override;

 private:
  net::HttpClient& client_;
  std::string authorization_;
};

// The body of GET /patroni, of Patroni or of us. invalid: what is wrong with it.
base::Result<ha::PeerStatus> parse_peer_status(std::string_view body);

}  // namespace holdfast::agent
