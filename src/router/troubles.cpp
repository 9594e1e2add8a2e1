#include "router/troubles.hpp"

namespace holdfast::router {
namespace {

std::string key_of(const routing::Server& server) { return server.name + '\0' + to_string(server.address); }

}  // namespace

bool Troubles::may_try(const routing::Server& server, Session session) {
  const auto found = troubles_.find(key_of(server));
  if (found == troubles_.end()) return true;
  auto& trouble = found->second;
  if (trouble.prober == nullptr) trouble.prober = session;
  return trouble.prober == session;
}

bool Troubles::failed(const routing::Server& server, Session session, std::string why, Time now) {
  const auto [at, is_new] = troubles_.try_emplace(key_of(server));
  auto& trouble = at->second;
  if (is_new) trouble.since = now;
  const bool is_news = trouble.why != why;
  trouble.why = std::move(why);
  trouble.last_failure = now;
  if (trouble.prober == nullptr) trouble.prober = session;
  return is_news;
}

std::optional<Troubles::Time> Troubles::answered(const routing::Server& server) {
  const auto found = troubles_.find(key_of(server));
  if (found == troubles_.end()) return std::nullopt;
  const auto since = found->second.since;
  troubles_.erase(found);
  return since;
}

bool Troubles::forget(Session session) {
  bool was_prober = false;
  for (auto& [key, trouble] : troubles_) {
    if (trouble.prober != session) continue;
    trouble.prober = nullptr;
    was_prober = true;
  }
  return was_prober;
}

bool Troubles::in_trouble(const routing::Server& server, Time now) const {
  const auto found = troubles_.find(key_of(server));
  if (found == troubles_.end()) return false;
  return found->second.prober != nullptr || now - found->second.last_failure < kForgiveAfter;
}

std::string Troubles::why(const routing::Server& server) const {
  const auto found = troubles_.find(key_of(server));
  return found == troubles_.end() ? "" : found->second.why;
}

}  // namespace holdfast::router
