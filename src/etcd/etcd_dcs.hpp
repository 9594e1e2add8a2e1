// ports::Dcs on etcd 3.4 or newer, through its JSON gateway (docs/adr/0003-etcd-json-gateway.md).
//
// Beyond the port's contract:
// - The endpoints are used in the order of the configuration; one that fails goes to the end. An attempt gets
// its
//   share of the time that is left, so that a frozen member cannot use it up. While all fail and nothing can
//   have happened, a call tries again until its deadline: a leader election of etcd costs a pause, not an
//   error.
// - A call whose effect is unknown is repeated elsewhere only if that is harmless: reads, keep-alives, grants
// (an
//   unknown lease expires), revocations, and transactions whose own writes would break their conditions.
// - A member that answers with a raft term or a revision below one already seen is stale, and not believed.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "net/runtime.hpp"
#include "patroni/node_config.hpp"
#include "ports/dcs.hpp"

namespace holdfast::etcd {

class EtcdDcs : public ports::Dcs {
 public:
  // Takes certificates and login from `config`, for connections from now on; the endpoints and their protocol
  // stay. invalid: an unusable TLS file, and nothing is changed.
  virtual base::Result<void> reload(const patroni::EtcdConfig& config) = 0;
};

// Connects to nothing yet. invalid: an unusable TLS file, or no hosts; the message names the configuration
// key. The runtime must outlive the result, and this its tasks; its watches may outlive it.
base::Result<std::unique_ptr<EtcdDcs>> make_dcs(net::Runtime& runtime, const patroni::EtcdConfig& config);

}  // namespace holdfast::etcd
