#include "etcd/messages.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "base/base64.hpp"

namespace holdfast::etcd {

namespace json = boost::json;
using base::ErrorKind;
using base::fail;
using base::Result;

// Requests
// ----------------------------------------------------------------------------------------------------

std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::string(1, '\0');  // etcd's word for "to the last key"
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

namespace {

json::object below(std::string_view prefix) {
  return {{"key", base::to_base64(prefix)}, {"range_end", base::to_base64(end_of_prefix(prefix))}};
}

json::object condition(const ports::Compare& compare) {
  const bool created = compare.field == ports::Compare::Field::create_revision;
  return {{"key", base::to_base64(compare.key)},
          {"result", "EQUAL"},
          {"target", created ? "CREATE" : "MOD"},
          {created ? "create_revision" : "mod_revision", std::to_string(compare.equals)}};
}

json::object operation(const ports::Write& write) {
  if (const auto* put = std::get_if<ports::Put>(&write)) {
    json::object request{{"key", base::to_base64(put->key)}, {"value", base::to_base64(put->value)}};
    if (put->lease != 0) request["lease"] = std::to_string(put->lease);
    return {{"request_put", std::move(request)}};
  }
  return {{"request_delete_range", {{"key", base::to_base64(std::get<ports::Delete>(write).key)}}}};
}

}  // namespace

std::string range_request(std::string_view prefix) {
  auto request = below(prefix);
  request["serializable"] = false;  // linearizable: as of now, confirmed by a majority
  return json::serialize(request);
}

std::string newer_request(std::string_view prefix, std::int64_t revision) {
  auto request = below(prefix);
  request["min_mod_revision"] = std::to_string(revision);
  request["keys_only"] = true;
  request["limit"] = "1";
  return json::serialize(request);
}

std::string transaction_request(const ports::Transaction& transaction) {
  json::array conditions;
  json::array operations;
  for (const auto& compare : transaction.conditions) conditions.push_back(condition(compare));
  for (const auto& write : transaction.writes) operations.push_back(operation(write));
  return json::serialize(
      json::object{{"compare", std::move(conditions)}, {"success", std::move(operations)}});
}

std::string grant_request(base::Duration ttl) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  return json::serialize(json::object{{"TTL", std::to_string(seconds)}});
}

std::string lease_request(std::int64_t lease) {
  return json::serialize(json::object{{"ID", std::to_string(lease)}});
}

std::string watch_request(std::string_view prefix, std::int64_t from_revision) {
  auto create = below(prefix);
  if (from_revision > 0) create["start_revision"] = std::to_string(from_revision);
  create["progress_notify"] = true;
  return json::serialize(json::object{{"create_request", std::move(create)}});
}

std::string authenticate_request(std::string_view username, std::string_view password) {
  return json::serialize(json::object{{"name", username}, {"password", password}});
}

// Answers
// -----------------------------------------------------------------------------------------------------

namespace {

template <class Number>
Number number(const json::object& object, std::string_view name) {
  Number value{};
  const auto* found = object.if_contains(name);
  if (found == nullptr) return value;
  if (const auto* text = found->if_string()) {
    std::from_chars(text->data(), text->data() + text->size(), value);
  } else if (const auto* small = found->if_int64()) {  // gRPC status codes are plain numbers
    value = static_cast<Number>(*small);
  }
  return value;
}

std::string_view text(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  const auto* value = found != nullptr ? found->if_string() : nullptr;
  return value != nullptr ? std::string_view(*value) : std::string_view();
}

bool flag(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

const json::object* member(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr ? found->if_object() : nullptr;
}

const json::array* list(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return found != nullptr ? found->if_array() : nullptr;
}

std::optional<json::object> parse_object(std::string_view source) {
  boost::system::error_code error;
  auto value = json::parse(source, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

Header header_of(const json::object& body) {
  const auto* header = member(body, "header");
  if (header == nullptr) return {};
  return {number<std::uint64_t>(*header, "cluster_id"), number<std::int64_t>(*header, "revision"),
          number<std::uint64_t>(*header, "raft_term")};
}

std::optional<ports::KeyValue> key_value(const json::object& entry) {
  auto key = base::from_base64(text(entry, "key"));
  auto value = base::from_base64(text(entry, "value"));
  if (!key || !value) return std::nullopt;
  return ports::KeyValue{.key = std::move(*key),
                         .value = std::move(*value),
                         .create_revision = number<std::int64_t>(entry, "create_revision"),
                         .mod_revision = number<std::int64_t>(entry, "mod_revision"),
                         .lease = number<std::int64_t>(entry, "lease")};
}

// The beginning of a text that is not what was expected, fit for a message.
std::string excerpt(std::string_view source) {
  std::string shown(source.substr(0, 80));
  for (auto& c : shown)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return source.size() > shown.size() ? shown + "..." : shown;
}

}  // namespace

Result<Reply> parse_reply(std::string_view source) {
  const auto first_message = source.substr(0, source.find('\n'));
  auto body = parse_object(first_message);
  if (!body) return fail(ErrorKind::invalid, "the answer is not JSON: \"{}\"", excerpt(source));
  if (auto* result = body->if_contains("result"); result != nullptr && result->is_object()) {
    auto inner = std::move(result->get_object());  // not in one step: the object is part of what it replaces
    *body = std::move(inner);
  }
  const auto header = header_of(*body);
  if (header.cluster_id == 0)
    return fail(ErrorKind::invalid, "the answer has no header of etcd: \"{}\"", excerpt(source));
  return Reply{header, std::move(*body)};
}

Result<ports::DcsSnapshot> parse_snapshot(const Reply& reply) {
  ports::DcsSnapshot snapshot{
      .revision = reply.header.revision, .raft_term = reply.header.raft_term, .entries = {}};
  const auto* entries = list(reply.body, "kvs");
  if (entries == nullptr) return snapshot;
  for (const auto& entry : *entries) {
    auto parsed = entry.is_object() ? key_value(entry.get_object()) : std::nullopt;
    if (!parsed) return fail(ErrorKind::invalid, "the answer has a malformed entry");
    snapshot.entries.push_back(std::move(*parsed));
  }
  return snapshot;
}

bool has_keys(const Reply& range) {
  const auto* entries = list(range.body, "kvs");
  return entries != nullptr && !entries->empty();
}

bool succeeded(const Reply& transaction) { return flag(transaction.body, "succeeded"); }

Result<ports::DcsLease> parse_lease(const Reply& grant) {
  const ports::DcsLease lease{number<std::int64_t>(grant.body, "ID"),
                              std::chrono::seconds(number<std::int64_t>(grant.body, "TTL"))};
  if (lease.id == 0 || lease.ttl <= base::Duration::zero())
    return fail(ErrorKind::invalid, "the answer names no lease");
  return lease;
}

// etcd answers a keep-alive of an unknown lease without an error and with TTL 0, which JSON leaves out.
// https://etcd.io/docs/v3.4/learning/api/#keep-alives
bool lease_renewed(const Reply& keep_alive) { return number<std::int64_t>(keep_alive.body, "TTL") > 0; }

Result<std::string> parse_token(const Reply& authentication) {
  const auto token = text(authentication.body, "token");
  if (token.empty()) return fail(ErrorKind::invalid, "the answer to authentication has no token");
  return std::string(token);
}

// Errors
// ------------------------------------------------------------------------------------------------------

namespace {

// gRPC's status codes. https://grpc.github.io/grpc/core/md_doc_statuscodes.html
enum Code {
  kInvalidArgument = 3,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kUnavailable = 14,
  kUnauthenticated = 16
};

// The texts are etcd's own, stable since 3.1: etcdserver/api/v3rpc/rpctypes/error.go
Meaning meaning_of(int code, std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (says("invalid auth token") || says("revision of auth store is old")) return Meaning::token_invalid;
  if (says("requested lease not found")) return Meaning::lease_lost;
  if (says("has been compacted")) return Meaning::compacted;
  // Only what etcd refuses before it proposes anything; other kinds of "unavailable" may have happened.
  if (says("etcdserver: no leader") || says("too many requests") || says("rpc not supported for learner"))
    return Meaning::nothing_happened;
  switch (code) {
    case kPermissionDenied:
    case kUnauthenticated:
    case kInvalidArgument:
    case kFailedPrecondition:
    case kOutOfRange:
    case kNotFound:
    case kUnimplemented:
      return Meaning::refused;
    case kResourceExhausted:
      return Meaning::refused;  // "database space exceeded": an alarm that a person ends
    default:
      return Meaning::unknown;
  }
}

std::string advice_for(std::string_view message) {
  if (message.find("user name is empty") != std::string_view::npos)
    return " (etcd wants authentication: set etcd3.username and etcd3.password)";
  if (message.find("authentication failed") != std::string_view::npos)
    return " (check etcd3.username and etcd3.password)";
  if (message == "connection closed")  // the gateway's connection to its own etcd
    return " (does etcd run with --client-cert-auth? Then its own certificate needs clientAuth as "
           "extendedKeyUsage, too)";
  if (message.find("database space exceeded") != std::string_view::npos)
    return " (compact and defragment etcd, then disarm its alarm: "
           "https://etcd.io/docs/v3.4/op-guide/maintenance/)";
  return {};
}

}  // namespace

Failure failure_of(const json::object& error) {
  // A plain call has {"error": text, "code": n}; a stream has {"error": {"grpc_code": n, "message": text}}.
  const auto* inner = member(error, "error");
  const auto& source = inner != nullptr ? *inner : error;
  auto message = std::string(text(source, "message"));
  if (message.empty()) message = std::string(text(source, "error"));
  if (message.empty()) return {Meaning::unusable, "an error without a message"};
  const auto code = number<int>(source, inner != nullptr ? "grpc_code" : "code");
  const auto meaning = meaning_of(code, message);
  return {meaning, message + advice_for(message)};
}

Failure parse_failure(int status, std::string_view source) {
  if (const auto body = parse_object(source.substr(0, source.find('\n'))); body && body->contains("error"))
    return failure_of(*body);
  if (status == 404)
    return {Meaning::unusable,
            "no JSON gateway at /v3: etcd 3.4 or newer is needed, with enable-grpc-gateway: true"};
  // https://etcd.io/docs/v3.4/op-guide/authentication/#using-tls-common-name
  if (source.find("CommonName of client") != std::string_view::npos)
    return {
        Meaning::refused,
        "etcd takes no client certificate with a CommonName here while it asks for a user: issue etcd3.cert "
        "without one"};
  // A proxy in between speaks for itself; it may have passed the request on.
  if (status >= 500) return {Meaning::unknown, fmt::format("HTTP status {}", status)};
  return {Meaning::unusable, fmt::format("HTTP status {} with \"{}\"", status, excerpt(source))};
}

// Watching
// ----------------------------------------------------------------------------------------------------

namespace {

std::optional<ports::WatchEvent> watch_event(const json::value& value) {
  const auto* event = value.if_object();
  const auto* entry = event != nullptr ? member(*event, "kv") : nullptr;
  auto parsed = entry != nullptr ? key_value(*entry) : std::nullopt;
  if (!parsed) return std::nullopt;
  const bool removed = text(*event, "type") == "DELETE";
  return ports::WatchEvent{removed ? ports::WatchEvent::Kind::remove : ports::WatchEvent::Kind::put,
                           std::move(*parsed)};
}

Failure cancellation(const json::object& result) {
  if (number<std::int64_t>(result, "compact_revision") > 0)
    return {Meaning::compacted, fmt::format("etcd has compacted its history up to revision {}",
                                            text(result, "compact_revision"))};
  const auto reason = text(result, "cancel_reason");
  // Some releases call a watch with an unknown token "permission denied", so that a new token is worth a try.
  const bool denied = reason.find("permission denied") != std::string_view::npos;
  return {denied ? Meaning::token_invalid : meaning_of(0, reason),
          fmt::format("etcd ended the watch: {}", reason.empty() ? "no reason given" : reason)};
}

}  // namespace

WatchMessage parse_watch_line(std::string_view line) {
  const auto message = parse_object(line);
  if (!message) return Failure{Meaning::unusable, fmt::format("not JSON: \"{}\"", excerpt(line))};
  const auto* result = member(*message, "result");
  if (result == nullptr) return failure_of(*message);
  if (flag(*result, "canceled")) return cancellation(*result);
  if (flag(*result, "created")) return WatchCreated{header_of(*result).revision};
  WatchEvents events;
  if (const auto* entries = list(*result, "events")) {
    for (const auto& entry : *entries) {
      auto event = watch_event(entry);
      if (!event) return Failure{Meaning::unusable, "a malformed event"};
      events.push_back(std::move(*event));
    }
  }
  return events;
}

}  // namespace holdfast::etcd
