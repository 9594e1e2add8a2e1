// The commands that steer a cluster, and the manners of patronictl.
#include <fmt/format.h>

#include "patroni/member_value.hpp"
#include "unit/ctl/cluster_fixture.hpp"

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Commands : public CtlProgram {
 protected:
  void SetUp() override { face = Face::patronictl; }

  // What was printed after the first table.
  std::string after_table() const {
    const auto at = terminal.written.rfind("-+\n");
    return at == std::string::npos ? terminal.written : terminal.written.substr(at + 3);
  }
  // "METHOD path body" of each request.
  static std::vector<std::string> asked(const Member& member) {
    std::vector<std::string> out;
    for (const auto& request : member.requests)
      out.push_back(fmt::format("{} {} {}", request.method, request.target, request.body));
    return out;
  }
};

TEST_F(Commands, RestartTellsEachMember) {
  Member member(runtime, 200, "restarted successfully");
  make_cluster(member.port());
  EXPECT_EQ(run({"restart", "main", "b", "nobody", "--force"}), 0) << terminal.errors;
  EXPECT_THAT(terminal.written, StartsWith("+ Cluster: main (42) "));
  EXPECT_EQ(after_table(), "Success: restart on member b\n");
  EXPECT_THAT(asked(member), ElementsAre("POST /restart {}"));
  EXPECT_EQ(
      run({"restart", "main", "--role", "replica", "--force", "--timeout", "30", "--pg-version", "15.4"}), 0);
  EXPECT_EQ(after_table(), "Success: restart on member b\nSuccess: restart on member c\n");
  EXPECT_EQ(member.requests.back().body, R"({"postgres_version": "15.4", "timeout": "30"})");
  EXPECT_EQ(run({"restart", "main", "--any", "--force"}), 0);
  EXPECT_EQ(member.requests.size(), 4U);
}

TEST_F(Commands, RestartAsksInPatronictlsOrder) {
  Member member(runtime, 202, "scheduled");
  make_cluster(member.port());
  terminal.answers = {"2099-12-31T04:00+01:00", "y", "15.4"};
  EXPECT_EQ(run({"restart", "main", "b"}), 0) << terminal.errors;
  EXPECT_THAT(
      terminal.questions,
      ElementsAre(StartsWith("When should the restart take place (e.g. "),
                  "Are you sure you want to schedule restart of members b at 2099-12-31 04:00:00+01:00? "
                  "[y/N]: ",
                  "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: "));
  EXPECT_EQ(member.requests.at(0).body,
            R"({"postgres_version": "15.4", "schedule": "2099-12-31T04:00:00+01:00"})");
  EXPECT_EQ(after_table(), "Success: restart scheduled on member b\n");
}

TEST_F(Commands, RestartRefusesWhatCannotBe) {
  struct Case {
    std::vector<std::string> arguments;
    const char* error;
  };
  const Case cases[] = {
      {{"restart", "main", "nobody", "--force"}, "No 'any' among provided members"},
      {{"restart", "main", "--force", "--pg-version", "15"},
       "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 15"},
      {{"restart", "main", "--force", "--pg-version", "9.5"},
       "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.5"},
      {{"restart", "main", "--force", "--pg-version", "new"}, "Invalid PostgreSQL version: new"},
      {{"restart", "main", "--force", "--scheduled", "2099-01-01T00:00Z"},
       "Can't schedule restart in the paused state"},
      {{"restart", "main", "--role", "standby-leader", "--force"}, "main cluster doesn't have any members"},
      {{"reinit", "main", "a", "--force"}, "No replica among provided members"},
      {{"pause", "main"}, "Cluster is already paused"},
      {{"promote-cluster", "main"}, "Cluster is already in the required state"},
      {{"demote-cluster", "main"}, "At least --host, --port or --restore-command should be specified"},
      {{"dsn", "main", "-m", "nobody"}, "Can not find a suitable member"},
      {{"dsn", "main", "-m", "a", "-r", "any"}, "--role and --member are mutually exclusive options"},
      {{"query", "main"}, "You need to specify either --command or --file"},
      {{"query", "main", "-c", "x", "-f", "y"}, "--file and --command are mutually exclusive options"},
      {{"edit-config", "main", "-s", "ttl"}, "Invalid parameter setting ttl"},
      {{"edit-config", "none", "-s", "ttl=5"}, "The config key does not exist in the cluster none"},
  };
  Member member(runtime, 200, "");
  make_cluster(member.port(), R"({"ttl":30,"pause":true})");
  for (const auto& c : cases) {
    terminal.errors.clear();
    EXPECT_EQ(run(c.arguments), 1);
    EXPECT_EQ(terminal.errors, fmt::format("Error: {}\n", c.error));
  }
  EXPECT_THAT(member.requests, IsEmpty());
}

TEST_F(Commands, ANoOfAMemberIsToldAndOnlyHoldfastFails) {
  Member member(runtime, 503, "restart failed");
  make_cluster(member.port());
  EXPECT_EQ(run({"restart", "main", "b", "--force"}), 0);
  EXPECT_EQ(after_table(), "Failed: restart for member b, status code=503, (restart failed)\n");
  face = Face::holdfast;
  EXPECT_EQ(run({"restart", "main", "b", "--force"}), 1);
}

TEST_F(Commands, OnlyPendingOnes) {
  Member member(runtime, 200, "");
  make_cluster(member.port());
  auto& value = store.entries[keys.member("c")].value;
  value.insert(1, R"("pending_restart":true,)");
  EXPECT_EQ(run({"restart", "main", "--pending", "--force"}), 0);
  EXPECT_THAT(asked(member), ElementsAre(R"(POST /restart {"restart_pending": true})"));
  EXPECT_EQ(after_table(), "Success: restart on member c\n");
}

TEST_F(Commands, ReloadTellsWhenItWillBe) {
  Member member(runtime, 202, "reload scheduled");
  make_cluster(member.port(), R"({"loop_wait":5})");
  terminal.answers = {"y"};
  EXPECT_EQ(run({"reload", "main", "b"}), 0) << terminal.errors;
  EXPECT_THAT(terminal.questions, ElementsAre("Are you sure you want to reload members b? [y/N]: "));
  EXPECT_EQ(after_table(), "Reload request received for member b and will be processed within 5 seconds\n");
  EXPECT_THAT(asked(member), ElementsAre("POST /reload "));
}

TEST_F(Commands, ReinitAsksAgainWhenOneIsInProgress) {
  Member member(runtime, 503, "reinitialize already in progress");
  make_cluster(member.port());
  terminal.answers = {"c", "y", "what", "y", "n"};
  EXPECT_EQ(run({"reinit", "main"}), 0) << terminal.errors;
  EXPECT_THAT(terminal.questions, ElementsAre("Which member do you want to reinitialize [b, c]? []: ",
                                              "Are you sure you want to reinitialize members c? [y/N]: ",
                                              "Do you want to cancel it and reinitialize anyway? [y/N]: ",
                                              "Do you want to cancel it and reinitialize anyway? [y/N]: ",
                                              "Do you want to cancel it and reinitialize anyway? [y/N]: "));
  EXPECT_THAT(terminal.written, HasSubstr("Error: invalid input\n"));
  EXPECT_THAT(asked(member), ElementsAre(R"(POST /reinitialize {"force": false, "from_leader": false})",
                                         R"(POST /reinitialize {"force": true, "from_leader": false})"));
}

TEST_F(Commands, ReinitWaitsForWhatTheMemberTells) {
  // PostgreSQL still runs there when the request has just been accepted.
  int looks = 0;
  std::function<void()> effect;
  Member member(runtime, 200, "", [&] { effect(); });
  effect = [&] {
    const bool copying = ++looks < 3;  // the request itself is the first
    member.says(
        copying ? R"({"state": "running", "holdfast": {"reinitialize": {"doing": "copying", "percent": 40}}})"
                : R"({"state": "running"})");
  };
  make_cluster(member.port());
  EXPECT_EQ(run({"reinit", "main", "b", "--from-leader", "--wait", "--force"}), 0) << terminal.errors;
  EXPECT_THAT(asked(member), ElementsAre(R"(POST /reinitialize {"force": true, "from_leader": true})",
                                         "GET /patroni ", "GET /patroni "));
  EXPECT_THAT(terminal.errors, HasSubstr("b: copying, 40 %\n"));
  EXPECT_THAT(terminal.written, EndsWith("Reinitialize is completed on: b\n"));
}

TEST_F(Commands, ReinitTellsWhenItWasGivenUp) {
  std::function<void()> effect;
  Member member(runtime, 200, "", [&] { effect(); });
  effect = [&] { member.says(R"({"state": "running", "holdfast": {"last_reinitialize": "cancelled"}})"); };
  make_cluster(member.port());
  EXPECT_NE(run({"reinit", "main", "b", "--wait", "--force"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("Reinitialize is cancelled on: b\n"));
}

TEST_F(Commands, FlushTakesBackWhatIsScheduled) {
  Member member(runtime, 200, "scheduled switchover deleted");
  make_cluster(member.port());
  EXPECT_EQ(run({"flush", "main", "switchover"}), 0);
  EXPECT_EQ(terminal.written, "No pending scheduled switchover\n");
  store.put(keys.failover(), R"({"leader":"a","scheduled_at":"2099-01-01T00:00:00+00:00"})");
  EXPECT_EQ(run({"flush", "main", "switchover"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("Success: scheduled switchover deleted\n"));
  store.entries[keys.member("b")].value.insert(
      1, R"("scheduled_restart":{"schedule":"2099-01-01T00:00:00+00:00"},)");
  EXPECT_EQ(run({"flush", "main", "b", "c", "restart", "--force"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("Success: flush scheduled restart for member b\n"
                                         "No scheduled restart for member c\n"));
  EXPECT_THAT(asked(member), ElementsAre("DELETE /switchover ", "DELETE /restart "));
}

TEST_F(Commands, FlushWithoutAnyMemberGoesToEtcd) {
  make_cluster(0);
  store.put(keys.failover(), R"({"leader":"a","scheduled_at":"2099-01-01T00:00:00+00:00"})");
  EXPECT_EQ(run({"flush", "main", "switchover"}), 0);
  EXPECT_EQ(store.entries.at(keys.failover()).value, "{}");
  EXPECT_THAT(terminal.errors, HasSubstr(" - WARNING - Failing over to DCS\n"));
}

TEST_F(Commands, PauseAsksTheFirstMemberThatAnswers) {
  Member member(runtime, 200, "{}");
  make_cluster(member.port());
  auto& dead = store.entries[keys.member("a")].value;
  const auto port = fmt::format(":{}/", member.port());
  dead.replace(dead.find(port), port.size(), ":1/");
  EXPECT_EQ(run({"pause", "main"}), 0);
  EXPECT_EQ(terminal.written, "Success: cluster management is paused\n");
  EXPECT_THAT(terminal.errors, HasSubstr("Member a is not accessible"));
  EXPECT_THAT(asked(member), ElementsAre(R"(PATCH /config {"pause": true})"));
  store.put(keys.config(), R"({"pause":true})");
  EXPECT_EQ(run({"resume", "main"}), 0);
  EXPECT_EQ(member.requests.back().body, R"({"pause": null})");
}

TEST_F(Commands, PauseWaitsForThoseThatAreThere) {
  Member member(runtime, 200, "{}", [&] {
    for (const auto* name : {"a", "b"}) store.entries[keys.member(name)].value.insert(1, R"("pause":true,)");
    for (const auto* name : {"a", "b"}) store.put(keys.member(name), store.entries[keys.member(name)].value);
  });
  make_cluster(member.port(), R"({"loop_wait":1})");
  EXPECT_EQ(run({"pause", "main", "--wait"}), 0) << "c has written nothing since: it is not there";
  EXPECT_EQ(terminal.written,
            "'pause' request sent, waiting until it is recognized by all nodes\n"
            "Success: cluster management is paused\n");
}

TEST_F(Commands, PauseTellsWhoDoesNotFollow) {
  Member member(runtime, 200, "{}",
                [&] { store.put(keys.member("c"), store.entries[keys.member("c")].value); });
  make_cluster(member.port(), R"({"loop_wait":1})");
  EXPECT_EQ(run({"pause", "main", "--wait"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("\nc members didn't recognized pause state after 1 seconds\n"));
}

TEST_F(Commands, EditConfigShowsWhatChanges) {
  make_cluster(
      0,
      R"({"ttl":30,"postgresql":{"parameters":{"max_connections":100},"use_slots":true},"slots":{"a":{"b":1}}})");
  EXPECT_EQ(run({"edit-config", "main", "-s", "ttl=20", "-p", "pg_stat_statements.max=10", "--set",
                 "slots.a.b=null", "-p", "max_connections=on", "--force"}),
            0)
      << terminal.errors;
  EXPECT_EQ(terminal.written,
            "--- \n+++ \n@@ -1,8 +1,6 @@\n postgresql:\n   parameters:\n-    max_connections: 100\n"
            "+    max_connections: true\n+    pg_stat_statements.max: 10\n   use_slots: true\n-slots:\n-  "
            "a:\n-    b: 1\n"
            "-ttl: 30\n+ttl: 20\nConfiguration changed\n");
  EXPECT_EQ(store.entries.at(keys.config()).value,
            R"({"ttl":20,"postgresql":{"parameters":{"max_connections":true,"pg_stat_statements.max":10},)"
            R"("use_slots":true}})");
  terminal.written.clear();
  EXPECT_EQ(run({"edit-config", "main", "-s", "ttl=20"}), 0);
  EXPECT_EQ(terminal.written, "Not changed\n");
}

TEST_F(Commands, EditConfigTakesFilesAndAnEditor) {
  make_cluster(0, R"({"ttl":30,"loop_wait":10})");
  files["/patch.yml"] = "loop_wait: null\nretry_timeout: 5\n";
  terminal.answers = {"n"};
  EXPECT_EQ(run({"edit-config", "main", "--apply", "/patch.yml"}), 0);
  EXPECT_EQ(store.entries.at(keys.config()).value, R"({"ttl":30,"loop_wait":10})");
  EXPECT_THAT(terminal.questions, ElementsAre("Apply these changes? [y/N]: "));
  EXPECT_EQ(run({"edit-config", "main", "--apply", "/patch.yml", "--force", "-q"}), 0);
  EXPECT_EQ(store.entries.at(keys.config()).value, R"({"ttl":30,"retry_timeout":5})");
  terminal.input = "ttl: 40\n";
  terminal.written.clear();
  EXPECT_EQ(run({"edit-config", "main", "--replace", "-", "-q"}), 0);
  EXPECT_EQ(terminal.written, "Use --force option to apply changes\n");
  EXPECT_EQ(run({"edit-config", "main", "--replace", "-", "-q", "--force"}), 0);
  EXPECT_EQ(store.entries.at(keys.config()).value, R"({"ttl":40})");
  editor = [](std::string text) { return text + "pause: true\n"; };
  terminal.answers = {"y"};
  EXPECT_EQ(run({"edit-config", "main"}), 0);
  EXPECT_EQ(store.entries.at(keys.config()).value, R"({"ttl":40,"pause":true})");
  editor = [](std::string) { return std::string("- a list\n"); };
  EXPECT_EQ(run({"edit-config", "main"}), 1);
  EXPECT_THAT(terminal.errors, HasSubstr("a map of settings is expected, found a list"));
}

TEST_F(Commands, EditConfigDoesNotOverwriteOthers) {
  make_cluster();
  editor = [this](std::string text) {
    store.put(keys.config(), R"({"ttl":31})");
    return text + "pause: true\n";
  };
  EXPECT_EQ(run({"edit-config", "main", "--force"}), 1);
  EXPECT_EQ(terminal.errors, "Error: Config modification aborted due to concurrent changes\n");
}

TEST_F(Commands, RemoveAsksThreeTimes) {
  struct Case {
    std::vector<std::string> answers;
    const char* error;
  };
  const Case cases[] = {
      {{"mian"}, "Error: Cluster names specified do not match\n"},
      {{"main", "yes"}, "Error: You did not exactly type \"Yes I am aware\"\n"},
      {{"main", "Yes I am aware", "b"}, "Error: You did not specify the current leader of the cluster\n"},
      {{"main", "Yes I am aware"}, "Aborted!\n"}};
  make_cluster();
  for (const auto& c : cases) {
    terminal.errors.clear();
    terminal.answers = c.answers;
    EXPECT_EQ(run({"remove", "main"}), 1);
    EXPECT_EQ(terminal.errors, c.error);
  }
  EXPECT_FALSE(store.entries.empty());
  store.put("/service/main2/leader", "x");
  terminal.questions.clear();
  terminal.answers = {"", "main", "Yes I am aware", "a"};
  EXPECT_EQ(run({"remove", "main"}), 0) << terminal.errors;
  EXPECT_EQ(terminal.questions.size(), 4U) << "an empty answer is asked again";
  EXPECT_EQ(store.entries.size(), 1U) << "the other cluster stays";
}

TEST_F(Commands, DsnAndQueryFindTheirMember) {
  make_cluster();
  EXPECT_EQ(run({"dsn", "main"}), 0);
  EXPECT_EQ(terminal.written, "host=h port=5432\n");
  sql_answer = SqlAnswer{{"n", "flag", "nothing"}, {{1, true, nullptr}, {-2, false, "x y"}}};
  terminal.written.clear();
  EXPECT_EQ(run({"query", "main", "-c", "SELECT 1", "-U", "me", "-d", "db", "--delimiter", ";"}), 0);
  EXPECT_EQ(terminal.written, "n;flag;nothing\n1;True;None\n-2;False;x y\n");
  EXPECT_EQ(statements, std::vector<std::string>{"SELECT 1"});
  EXPECT_EQ(logins.at(0).host, "h");
  EXPECT_EQ(logins.at(0).user, "me");
  EXPECT_EQ(logins.at(0).database, "db");
  EXPECT_EQ(logins.at(0).password, std::nullopt);
  terminal.written.clear();
  terminal.answers = {"secret"};
  EXPECT_EQ(run({"query", "main", "-c", "SELECT 1", "--format", "json", "--password"}), 0);
  EXPECT_EQ(terminal.written,
            "[{\"n\": 1, \"flag\": true, \"nothing\": null}, {\"n\": -2, \"flag\": false, "
            "\"nothing\": \"x y\"}]\n");
  EXPECT_EQ(logins.at(1).password, "secret");
}

TEST_F(Commands, QueryTellsWhyThereIsNoAnswer) {
  make_cluster();
  sql_answer = base::fail(base::ErrorKind::refused, "ERROR, SQLSTATE: 42601");
  EXPECT_EQ(run({"query", "main", "-c", "SELEC"}), 0);
  EXPECT_THAT(terminal.written, testing::MatchesRegex("[-0-9]{10} [:0-9]{8}\tERROR, SQLSTATE: 42601\n"));
  terminal.written.clear();
  EXPECT_EQ(run({"query", "main", "-c", "x", "-m", "nobody"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("\tNo connection to member nobody is available\n"));
  // Etcd says replica, the server says primary.
  sql_answer = SqlAnswer{{"pg_is_in_recovery"}, {{false}}};
  terminal.written.clear();
  EXPECT_EQ(run({"query", "main", "-c", "x", "-r", "replica"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("\tNo connection to role 'replica' is available\n"));
  face = Face::holdfast;
  EXPECT_EQ(run({"query", "main", "-c", "x", "-r", "replica"}), 1);
}

TEST_F(Commands, DemoteClusterWaitsForTheNewRole) {
  Member member(runtime, 200, "{}", [&] {
    for (const auto* name : {"a"}) {
      auto value = store.entries[keys.member(name)].value;
      value.replace(value.find("primary"), 7, "standby_leader");
      store.put(keys.member(name), value);
    }
  });
  make_cluster(member.port());
  terminal.answers = {"y"};
  EXPECT_EQ(run({"demote-cluster", "main", "--host", "h2", "--port", "5433"}), 0) << terminal.errors;
  EXPECT_THAT(terminal.questions, ElementsAre("Are you sure you want to demote main cluster? [y/N]: "));
  EXPECT_THAT(asked(member),
              ElementsAre(R"(PATCH /config {"standby_cluster": {"host": "h2", "port": 5433}})"));
  EXPECT_THAT(terminal.written, HasSubstr(" cluster is successfully demoted\n+ Cluster: main (42) "));
}

TEST_F(Commands, ListsAnUnknownClusterAsPatronictlDoes) {
  EXPECT_EQ(run({"list", "none"}), 0);
  EXPECT_THAT(terminal.written, StartsWith("+ Cluster: none (uninitialized) "));
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_THAT(terminal.errors, EndsWith(" - WARNING - Listing members: No cluster names were provided\n"));
  environment.clear();
  terminal.errors.clear();
  EXPECT_EQ(run({"list", "main"}), 1);
  EXPECT_THAT(terminal.errors,
              StartsWith("Error: Can not find suitable configuration of distributed configuration "
                         "store\n"));
  terminal.errors.clear();
  EXPECT_EQ(run({"-c", "/none.yml", "list"}), 1);
  EXPECT_EQ(
      terminal.errors,
      "Error: Provided config file /none.yml not existing or no read rights. Check the -c/--config-file "
      "parameter\n");
}

TEST_F(Commands, ReadsPatronictlsFile) {
  make_cluster();
  environment = {{"HOME", "/home/u"}, {"HOLDFAST_CONFIG", "/not/mine"}};
  files["/home/u/.config/patroni/patronictl.yaml"] =
      "scope: main\netcd3: {host: 'e:1'}\nctl: {auth: 'u:p'}\n";
  EXPECT_EQ(run({"topology"}), 0) << terminal.errors;
  EXPECT_EQ(asked_etcd.hosts.at(0).host, "e");
  EXPECT_EQ(rest_config.username, "u");
  EXPECT_EQ(rest_config.password, "p");
  files["/xdg/patroni/patronictl.yaml"] = "scope: main\netcd3: {host: 'x:1'}\n";
  environment["XDG_CONFIG_HOME"] = "/xdg";
  EXPECT_EQ(run({"topology"}), 0) << terminal.errors;
  EXPECT_EQ(asked_etcd.hosts.at(0).host, "x");
  environment = {{"HOME", "/"}, {"PATRONI_CONFIGURATION", "{scope: main, etcd3: {host: 'y:1'}}"}};
  EXPECT_EQ(run({"topology"}), 0) << terminal.errors;
  EXPECT_EQ(asked_etcd.hosts.at(0).host, "y");
}

TEST_F(Commands, OptionsStandWhereClickTakesThem) {
  Member member(runtime, 200, "");
  make_cluster(member.port());
  EXPECT_EQ(run({"edit-config", "-p", "a=1", "--force", "main", "-sttl=5", "-q"}), 0) << terminal.errors;
  EXPECT_EQ(store.entries.at(keys.config()).value, R"({"ttl":5,"postgresql":{"parameters":{"a":1}}})");
  EXPECT_EQ(run({"list", "-ef", "tsv", "main"}), 0);
  EXPECT_THAT(terminal.written, HasSubstr("Cluster\tMember\tHost"));
  EXPECT_EQ(run({"restart", "--force", "main", "--", "b"}), 0);
  EXPECT_EQ(member.requests.size(), 1U);
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("patronictl version 4.1.4\n"));
}

}  // namespace
}  // namespace holdfast::ctl
