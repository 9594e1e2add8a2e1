// A cluster for tests of the CLI: etcd in a map, members that answer over HTTP, a person on paper.
#pragma once

#include <functional>
#include <gmock/gmock.h>
#include <map>

#include "ctl/program.hpp"
#include "net/http_server.hpp"
#include "net/tls.hpp"
#include "patroni/host_port.hpp"
#include "patroni/keys.hpp"

namespace holdfast::ctl {

// The entries of etcd in a map; all that the CLI asks of it.
struct Store {
  std::map<std::string, patroni::KeyValue> entries;
  std::int64_t revision = 100;
  std::optional<base::Error> broken;

  void put(const std::string& key, std::string value) {
    auto& entry = entries[key];
    ++revision;
    entry = {key, std::move(value), entry.create_revision ? entry.create_revision : revision, revision, 0};
  }
};

class StoreDcs : public ports::Dcs {
 public:
  explicit StoreDcs(Store& store) : store_(store) {}

  base::Task<base::Result<ports::DcsSnapshot>> read(std::string prefix, base::Instant) override {
    if (store_.broken) co_return std::unexpected(*store_.broken);
    ports::DcsSnapshot snapshot{.revision = store_.revision, .raft_term = 1, .entries = {}};
    for (const auto& [key, entry] : store_.entries)
      if (key.starts_with(prefix)) snapshot.entries.push_back(entry);
    co_return snapshot;
  }
  base::Task<base::Result<std::int64_t>> commit(ports::Transaction transaction, base::Instant) override {
    for (const auto& condition : transaction.conditions) {
      const auto found = store_.entries.find(condition.key);
      const auto actual = found == store_.entries.end() ? 0 : found->second.mod_revision;
      if (actual != condition.equals) co_return base::fail(base::ErrorKind::conflict, "changed");
    }
    for (const auto& write : transaction.writes)
      if (const auto* put = std::get_if<ports::Put>(&write))
        store_.put(put->key, put->value);
      else
        store_.entries.erase(std::get<ports::Delete>(write).key);
    co_return store_.revision;
  }
  base::Task<base::Result<ports::DcsLease>> grant(base::Duration, base::Instant) override {
    co_return base::fail(base::ErrorKind::refused, "not here");
  }
  base::Task<base::Result<void>> keep_alive(std::int64_t, base::Instant) override {
    co_return base::fail(base::ErrorKind::refused, "not here");
  }
  base::Task<base::Result<void>> revoke(std::int64_t, base::Instant) override {
    co_return base::fail(base::ErrorKind::refused, "not here");
  }
  std::unique_ptr<ports::DcsWatch> watch(std::string, std::int64_t) override { return nullptr; }

 private:
  Store& store_;
};

class Paper : public Terminal {
 public:
  void out(std::string_view text) override { written.append(text); }
  void err(std::string_view text) override { errors.append(text); }
  std::optional<std::string> ask(std::string_view question) override {
    questions.emplace_back(question);
    if (answers.empty()) return std::nullopt;
    auto answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  std::optional<std::string> ask_secret(std::string_view question) override { return ask(question); }
  std::string read_all() override { return input; }
  bool is_screen() const override { return false; }

  std::string written, errors, input;
  std::vector<std::string> questions, answers;
};

class CtlProgram : public testing::Test {
 protected:
  int run(const std::vector<std::string>& arguments) {
    World world{face,
                runtime,
                terminal,
                environment,
                {[this](const std::string& path) -> base::Result<std::string> {
                   if (const auto found = files.find(path); found != files.end()) return found->second;
                   return base::fail(base::ErrorKind::refused, "No such file or directory");
                 },
                 [this](const SqlLogin& login) { return connect(login); },
                 [this](const std::string&, const std::string& text) -> base::Result<std::string> {
                   return editor(text);
                 }},
                [this](const patroni::EtcdConfig& etcd) -> base::Result<std::unique_ptr<ports::Dcs>> {
                  asked_etcd = etcd;
                  return std::make_unique<StoreDcs>(store);
                },
                [this](const patroni::CtlConfig& config) -> base::Result<std::unique_ptr<net::HttpClient>> {
                  rest_config = config;
                  return std::make_unique<net::HttpClient>(runtime);
                }};
    return ctl::run(arguments, world);
  }

  // A cluster "main" led by a, with b and c; members answer at `port` (0: nobody does).
  void make_cluster(std::uint16_t port = 0, std::string_view config = "{\"ttl\":30}") {
    const auto member = [&](const char* role, const char* tags) {
      return fmt::format(R"({{"conn_url":"postgres://h:5432/","api_url":"http://127.0.0.1:{}/patroni",)"
                         R"("state":"running","role":"{}","tags":{}}})",
                         port ? port : 1, role, tags);
    };
    store.put(keys.config(), std::string(config));
    store.put(keys.initialize(), "42");
    store.put(keys.leader(), "a");
    store.put(keys.member("a"), member("primary", "{}"));
    store.put(keys.member("b"), member("replica", "{}"));
    store.put(keys.member("c"), member("replica", R"({"nofailover":true})"));
  }

  base::Result<std::unique_ptr<SqlConnection>> connect(const SqlLogin& login) {
    logins.push_back(login);
    return std::make_unique<Server>(*this);
  }

  // PostgreSQL, as far as `query` goes.
  class Server : public SqlConnection {
   public:
    explicit Server(CtlProgram& program) : program_(program) {}
    base::Result<SqlAnswer> run(const std::string& sql) override {
      program_.statements.push_back(sql);
      return program_.sql_answer;
    }

   private:
    CtlProgram& program_;
  };

  Face face = Face::holdfast;
  std::vector<SqlLogin> logins;
  std::vector<std::string> statements;
  base::Result<SqlAnswer> sql_answer;
  std::function<std::string(std::string)> editor = [](std::string text) { return text; };
  net::Runtime runtime;
  Paper terminal;
  Store store;
  patroni::Keys keys{"service", "main"};
  patroni::Environment environment{{"PATRONI_ETCD3_HOST", "127.0.0.1:2379"}};
  std::map<std::string, std::string> files;
  patroni::EtcdConfig asked_etcd;
  patroni::CtlConfig rest_config;
};

// A member's REST API that gives one answer and keeps what it was asked.
class Member {
 public:
  Member(net::Runtime& runtime, int status, std::string text, std::function<void()> effect = {})
      : status_(status),
        text_(std::move(text)),
        effect_(std::move(effect)),
        server_(runtime, {.listen = {{"127.0.0.1", 0}}},
                [this](net::HttpRequest request) { return answer(std::move(request)); }) {
    EXPECT_TRUE(server_.start());
  }
  std::uint16_t port() const { return server_.port(); }
  void says(std::string text) { text_ = std::move(text); }

  std::vector<net::HttpRequest> requests;

 private:
  base::Task<net::HttpResponse> answer(net::HttpRequest request) {
    requests.push_back(std::move(request));
    if (effect_) effect_();
    co_return net::HttpResponse{.status = status_, .content_type = "text/html", .body = text_, .headers = {}};
  }

  int status_;
  std::string text_;
  std::function<void()> effect_;
  net::HttpServer server_;
};

}  // namespace holdfast::ctl
