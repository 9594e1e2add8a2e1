// Calls to etcd's JSON gateway: which endpoint, how long, with which token, and what an error means.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "etcd/discovery.hpp"
#include "etcd/messages.hpp"
#include "net/http_client.hpp"
#include "net/runtime.hpp"

namespace holdfast::etcd {

enum class Effect {
  none,        // a read
  repeatable,  // twice is as good as once
  once,        // must not happen twice: not repeated when it may have happened
};

struct Call {
  std::string path;  // "/v3/kv/range"
  std::string body;
  Effect effect = Effect::none;
  bool linearizable = true;  // the answer's revision is not below that of any answer seen before the call
};

struct Credentials {
  std::string username;  // empty: no authentication
  std::string password;

  bool operator==(const Credentials&) const = default;
};

class Gateway {
 public:
  // With a `discovery` the endpoints come from it: at first, and anew when all of them fail.
  Gateway(net::Runtime& runtime, net::HttpClient client, std::list<net::HttpEndpoint> endpoints,
          Credentials credentials, std::unique_ptr<Discovery> discovery = nullptr);

  struct Answer {
    Reply reply;
    bool repeated = false;  // an earlier attempt may have had its effect, too
  };
  // Tries the endpoints until one answers, again and again until `deadline`. Errors as in ports/dcs.hpp.
  base::Task<base::Result<Answer>> call(Call call, base::Instant deadline);

  // One attempt at one endpoint, for the watch's doubts. Any error means that it does not serve.
  base::Task<base::Result<Reply>> ask(net::HttpEndpoint endpoint, Call call, base::Instant deadline);

  base::Task<base::Result<net::HttpStream>> open_watch(net::HttpEndpoint endpoint, std::string body,
                                                       base::Instant deadline);

  // Absent: none has been found yet.
  std::optional<net::HttpEndpoint> first() const {
    return endpoints_.empty() ? std::nullopt : std::optional(endpoints_.front());
  }
  // From now on the other endpoints are tried before this one.
  void failed(const net::HttpEndpoint& endpoint);
  void forget_token() { token_.reset(); }
  // From the next call on. A watch that is open goes on.
  void identify_with(Credentials credentials, net::TlsContext tls);

  net::Runtime& runtime() { return runtime_; }

 private:
  // The greatest raft term and revision that a majority is known to have reached.
  struct Seen {
    std::uint64_t cluster_id = 0;
    std::int64_t revision = 0;
    std::uint64_t raft_term = 0;
  };
  struct Problem {
    Meaning meaning = Meaning::unknown;
    base::Error error;
    std::uint64_t foreign_cluster = 0;  // the answer came from this cluster, not from the one known
  };
  using Outcome = std::expected<Reply, Problem>;
  struct Pass;

  base::Task<void> discover(base::Instant deadline);
  base::Task<Outcome> attempt(net::HttpEndpoint endpoint, Call call, base::Instant deadline);
  base::Task<Outcome> send(net::HttpEndpoint endpoint, Call call, base::Instant deadline);
  base::Task<std::optional<Problem>> authenticate(net::HttpEndpoint endpoint, base::Instant deadline);
  net::HttpRequest request(std::string path, std::string body) const;
  std::optional<Problem> doubt(const Reply& reply, const Call& call, const Seen& before) const;
  void learn(const Header& header);
  bool adopt_other_cluster(const Pass& pass);
  static std::unexpected<base::Error> unknown_outcome(const Pass& pass);

  net::Runtime& runtime_;
  net::HttpClient client_;
  std::list<net::HttpEndpoint> endpoints_;  // the best first
  Credentials credentials_;
  std::unique_ptr<Discovery> discovery_;
  std::optional<base::Instant> discovered_at_;  // or tried to
  std::string discovery_problem_;
  std::optional<std::string> token_;
  bool authentication_off_ = false;
  Seen seen_;
};

}  // namespace holdfast::etcd
