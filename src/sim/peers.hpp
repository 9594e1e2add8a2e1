// ports::Peers of one agent process: the REST API of others, reached through the network.
#pragma once

#include "ports/peers.hpp"
#include "sim/host.hpp"
#include "sim/loop.hpp"

namespace holdfast::sim {

class Peers final : public ports::Peers {
 public:
  Peers(Site& site, Host& host, Loop& loop) : site_(site), host_(host), loop_(loop) {}

  base::Task<base::Result<ports::PeerStatus>> status(std::string api_url, base::Instant deadline) override;
  base::Task<bool> answers(std::string api_url, base::Instant deadline) override;
  base::Task<base::Result<ports::FailsafeReply>> confirm_leader(std::string api_url,
                                                                ha::FailsafeRequest request,
                                                                base::Instant deadline) override;

 private:
  Site& site_;
  Host& host_;
  Loop& loop_;
};

}  // namespace holdfast::sim
