// etcd's endpoints by DNS: etcd3.srv names a domain that has SRV records for them.
// https://etcd.io/docs/v3.4/op-guide/clustering/#dns-discovery
#pragma once

#include <list>
#include <memory>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/http.hpp"
#include "net/runtime.hpp"
#include "patroni/node_config.hpp"
#include "system/worker.hpp"

namespace holdfast::etcd {

// Looks for _etcd-client-ssl._tcp.DOMAIN, _etcd-client, _etcd-ssl and _etcd, in this order, as Patroni does;
// with a suffix for _etcd-client-ssl-SUFFIX and so on. The first that has records decides, also whether TLS
// is used.
class Discovery {
 public:
  Discovery(net::Runtime& runtime, std::string domain, std::string suffix,
            std::optional<std::uint16_t> name_server_port = {})
      : worker_(runtime),
        domain_(std::move(domain)),
        suffix_(std::move(suffix)),
        name_server_port_(name_server_port) {}

  // unreachable: no name server answers, or there are no such records; the message names what was asked for.
  base::Task<base::Result<std::list<net::HttpEndpoint>>> find();

 private:
  system::Worker worker_;
  std::string domain_, suffix_;
  std::optional<std::uint16_t> name_server_port_;
};

}  // namespace holdfast::etcd
