#include "etcd/gateway.hpp"

#include <algorithm>
#include <vector>

#include "telemetry/log.hpp"

namespace holdfast::etcd {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using base::Task;
using telemetry::Level;

constexpr base::Duration kFirstPause =
    std::chrono::milliseconds(50);  // between two rounds over all endpoints
constexpr base::Duration kLongestPause = std::chrono::seconds(1);
constexpr base::Duration kDiscoverAgain = std::chrono::seconds(10);  // at the earliest

Meaning meaning_of(const base::Error& http) {
  switch (http.kind) {
    case ErrorKind::unreachable:
      return Meaning::nothing_happened;
    case ErrorKind::refused:
      return Meaning::nothing_happened;  // TLS: the request never reached etcd
    case ErrorKind::invalid:
      return Meaning::unusable;
    default:
      return Meaning::unknown;
  }
}

// True if no other endpoint would say anything else.
bool is_final(Meaning meaning) {
  return meaning == Meaning::lease_lost || meaning == Meaning::refused || meaning == Meaning::compacted;
}

ErrorKind kind_of(Meaning meaning) {
  switch (meaning) {
    case Meaning::nothing_happened:
      return ErrorKind::unreachable;
    case Meaning::unknown:
      return ErrorKind::timed_out;
    case Meaning::lease_lost:
      return ErrorKind::lease_lost;
    case Meaning::refused:
    case Meaning::token_invalid:
      return ErrorKind::refused;
    case Meaning::compacted:
      return ErrorKind::conflict;
    case Meaning::unusable:
      return ErrorKind::invalid;
  }
  return ErrorKind::failed;
}

}  // namespace

// What a call has learned in one round over the endpoints.
struct Gateway::Pass {
  std::vector<Problem> problems;

  // All endpoints agree on a reason that waiting does not change.
  std::optional<ErrorKind> lasting() const {
    const auto all = [&](ErrorKind kind) {
      return std::ranges::all_of(problems, [&](const auto& problem) { return problem.error.kind == kind; });
    };
    if (all(ErrorKind::refused)) return ErrorKind::refused;
    if (all(ErrorKind::invalid)) return ErrorKind::invalid;
    return std::nullopt;
  }
  std::string text() const {
    std::string joined;
    for (const auto& problem : problems) joined += (joined.empty() ? "" : "; ") + problem.error.message;
    return joined;
  }
};

Gateway::Gateway(net::Runtime& runtime, net::HttpClient client, std::list<net::HttpEndpoint> endpoints,
                 Credentials credentials, std::unique_ptr<Discovery> discovery)
    : runtime_(runtime),
      client_(std::move(client)),
      endpoints_(std::move(endpoints)),
      credentials_(std::move(credentials)),
      discovery_(std::move(discovery)) {}

// A name server that is slow or away leaves the endpoints as they are.
Task<void> Gateway::discover(base::Instant deadline) {
  auto& clock = runtime_.clock();
  if (!discovery_ || (discovered_at_ && clock.now() < *discovered_at_ + kDiscoverAgain)) co_return;
  discovered_at_ = clock.now();
  auto found = co_await ports::until(clock, deadline, discovery_->find());
  if (found && *found) {
    discovery_problem_.clear();
    if (endpoints_ != **found) endpoints_ = std::move(**found);
    co_return;
  }
  auto problem = found ? found->error().message : std::string("no name server answered in time");
  if (problem != discovery_problem_) telemetry::log(Level::warning, "etcd: {}", problem);
  discovery_problem_ = std::move(problem);
}

void Gateway::failed(const net::HttpEndpoint& endpoint) {
  const auto place = std::ranges::find(endpoints_, endpoint);
  if (place != endpoints_.end()) endpoints_.splice(endpoints_.end(), endpoints_, place);
}

void Gateway::identify_with(Credentials credentials, net::TlsContext tls) {
  client_.set_tls(std::move(tls));
  if (credentials == credentials_) return;
  credentials_ = std::move(credentials);
  authentication_off_ = false;
  forget_token();
}

Task<Result<Gateway::Answer>> Gateway::call(Call call, base::Instant deadline) {
  auto& clock = runtime_.clock();
  bool may_have_happened = false;
  if (endpoints_.empty()) co_await discover(deadline);
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    if (endpoints_.empty()) co_return fail(ErrorKind::unreachable, "{}", discovery_problem_);
    Pass pass;
    const std::vector<net::HttpEndpoint> order(endpoints_.begin(), endpoints_.end());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto left = deadline - clock.now();
      const auto share = clock.now() + left / static_cast<std::int64_t>(order.size() - i);
      auto outcome = co_await attempt(order[i], call, share);
      if (outcome) co_return Answer{std::move(*outcome), may_have_happened};
      auto& problem = outcome.error();
      if (is_final(problem.meaning)) co_return std::unexpected(std::move(problem.error));
      telemetry::log(Level::debug, "etcd: {}: {}", call.path, problem.error.message);
      failed(order[i]);
      may_have_happened |= problem.meaning == Meaning::unknown && call.effect != Effect::none;
      pass.problems.push_back(std::move(problem));
      if (may_have_happened && call.effect == Effect::once) co_return unknown_outcome(pass);
    }
    if (adopt_other_cluster(pass)) continue;
    if (discovery_ && clock.now() < deadline) co_await discover(deadline);
    const auto lasting = pass.lasting();
    if (!lasting && clock.now() + pause < deadline) {
      co_await clock.sleep_until(clock.now() + pause);
      continue;
    }
    if (may_have_happened) co_return unknown_outcome(pass);
    co_return fail(lasting.value_or(ErrorKind::unreachable), "no etcd endpoint serves: {}", pass.text());
  }
}

std::unexpected<base::Error> Gateway::unknown_outcome(const Pass& pass) {
  return fail(ErrorKind::timed_out, "etcd did not answer, so this may have happened: {}", pass.text());
}

Task<Result<Reply>> Gateway::ask(net::HttpEndpoint endpoint, Call call, base::Instant deadline) {
  auto outcome = co_await attempt(std::move(endpoint), std::move(call), deadline);
  if (!outcome) co_return std::unexpected(std::move(outcome.error().error));
  co_return std::move(*outcome);
}

// Sends the call with a token, and once more with a new one when etcd does not know it (any more).
Task<Gateway::Outcome> Gateway::attempt(net::HttpEndpoint endpoint, Call call, base::Instant deadline) {
  for (bool again = false;; again = true) {
    const bool wants_token = !credentials_.username.empty() && !authentication_off_;
    if (wants_token && !token_) {
      if (auto problem = co_await authenticate(endpoint, deadline))
        co_return std::unexpected(std::move(*problem));
    }
    auto outcome = co_await send(endpoint, call, deadline);
    if (outcome) co_return outcome;
    const auto meaning = outcome.error().meaning;
    if (meaning == Meaning::token_invalid) {
      forget_token();
      if (wants_token && !again) continue;
      outcome.error().meaning = Meaning::refused;
    }
    // Some releases of etcd 3.5 close the connection of a client whose token they do not know.
    if (meaning == Meaning::unknown) forget_token();
    co_return outcome;
  }
}

Task<Gateway::Outcome> Gateway::send(net::HttpEndpoint endpoint, Call call, base::Instant deadline) {
  const auto before = seen_;
  const auto told = [&](Meaning meaning, std::string message) {
    return std::unexpected(
        Problem{meaning, {kind_of(meaning), fmt::format("{}: {}", to_string(endpoint), message)}});
  };
  auto response = co_await client_.send(endpoint, request(call.path, call.body), deadline);
  if (!response) {
    const auto meaning = meaning_of(response.error());
    co_return std::unexpected(Problem{meaning, std::move(response.error())});
  }
  if (response->status != 200) {
    auto failure = parse_failure(response->status, response->body);
    co_return told(failure.meaning, std::move(failure.message));
  }
  auto reply = parse_reply(response->body);
  if (!reply) {
    // A call that streams reports its errors with status 200.
    if (auto failure = parse_failure(200, response->body); failure.meaning != Meaning::unusable)
      co_return told(failure.meaning, std::move(failure.message));
    co_return told(Meaning::unusable, std::move(reply.error().message));
  }
  if (auto problem = doubt(*reply, call, before)) {
    problem->error.message = fmt::format("{}: {}", to_string(endpoint), problem->error.message);
    telemetry::log(Level::warning, "etcd: {}", problem->error.message);
    co_return std::unexpected(std::move(*problem));
  }
  if (call.linearizable) learn(reply->header);
  co_return std::move(*reply);
}

// A member that was cut off, or was restored from a backup, may answer from a past that the rest has left.
// Compared with what was known when the call began: answers that overtake one another are not stale.
std::optional<Gateway::Problem> Gateway::doubt(const Reply& reply, const Call& call,
                                               const Seen& before) const {
  const auto& header = reply.header;
  const auto problem = [&](std::string text, std::uint64_t foreign) {
    // Whatever it did, it did not do it in the history that we know.
    const auto meaning =
        call.effect == Effect::none || foreign != 0 ? Meaning::nothing_happened : Meaning::unknown;
    return Problem{meaning, {kind_of(meaning), std::move(text)}, foreign};
  };
  if (before.cluster_id != 0 && header.cluster_id != before.cluster_id)
    return problem(
        fmt::format("belongs to etcd cluster {:x}, not to {:x}", header.cluster_id, before.cluster_id),
        header.cluster_id);
  if (!call.linearizable) return std::nullopt;
  if (header.raft_term < before.raft_term)
    return problem(fmt::format("stale: its raft term is {}, {} was seen", header.raft_term, before.raft_term),
                   0);
  if (header.revision < before.revision)
    return problem(fmt::format("stale: its revision is {}, {} was seen", header.revision, before.revision),
                   0);
  return std::nullopt;
}

void Gateway::learn(const Header& header) {
  if (seen_.cluster_id == 0) seen_.cluster_id = header.cluster_id;
  if (header.cluster_id != seen_.cluster_id)
    return;  // an answer that began before another cluster was adopted
  seen_.revision = std::max(seen_.revision, header.revision);
  seen_.raft_term = std::max(seen_.raft_term, header.raft_term);
}

// etcd was made anew, from a backup or from nothing: then most endpoints agree on the new cluster. One
// endpoint that has lost its way is outvoted.
bool Gateway::adopt_other_cluster(const Pass& pass) {
  std::map<std::uint64_t, std::size_t> votes;
  for (const auto& problem : pass.problems)
    if (problem.foreign_cluster != 0) ++votes[problem.foreign_cluster];
  for (const auto& [cluster, count] : votes) {
    if (2 * count <= endpoints_.size()) continue;
    telemetry::log(
        Level::warning,
        "etcd: cluster {:x} has taken the place of {:x}: all that is known of revisions is forgotten",
        cluster, seen_.cluster_id);
    seen_ = {.cluster_id = cluster};
    return true;
  }
  return false;
}

net::HttpRequest Gateway::request(std::string path, std::string body) const {
  net::HttpRequest made{.method = "POST", .target = std::move(path), .body = std::move(body)};
  made.headers.emplace_back("Content-Type", "application/json");
  // A member without a leader says so at once, instead of letting us wait: clientv3's WithRequireLeader.
  made.headers.emplace_back("Grpc-Metadata-hasleader", "true");
  if (token_) made.headers.emplace_back("Authorization", *token_);
  return made;
}

// https://etcd.io/docs/v3.4/op-guide/authentication/
Task<std::optional<Gateway::Problem>> Gateway::authenticate(net::HttpEndpoint endpoint,
                                                            base::Instant deadline) {
  const auto used = credentials_;
  Call login{"/v3/auth/authenticate", authenticate_request(used.username, used.password), Effect::none};
  auto outcome = co_await send(endpoint, std::move(login), deadline);
  if (used != credentials_)
    co_return co_await authenticate(std::move(endpoint), deadline);  // exchanged meanwhile
  if (outcome) {
    auto token = parse_token(*outcome);
    if (!token) co_return Problem{Meaning::unusable, std::move(token.error())};
    token_ = std::move(*token);
    co_return std::nullopt;
  }
  auto& problem = outcome.error();
  if (problem.error.message.find("authentication is not enabled") != std::string::npos) {
    telemetry::log(Level::warning, "etcd: a username is configured, but etcd does not ask for one");
    authentication_off_ = true;
    co_return std::nullopt;
  }
  // Nothing of the call itself was sent.
  if (problem.meaning == Meaning::unknown) problem.meaning = Meaning::nothing_happened;
  co_return std::move(problem);
}

Task<Result<net::HttpStream>> Gateway::open_watch(net::HttpEndpoint endpoint, std::string body,
                                                  base::Instant deadline) {
  if (!credentials_.username.empty() && !authentication_off_ && !token_) {
    if (auto problem = co_await authenticate(endpoint, deadline))
      co_return std::unexpected(std::move(problem->error));
  }
  co_return co_await client_.open_stream(endpoint, request("/v3/watch", std::move(body)), deadline);
}

}  // namespace holdfast::etcd
