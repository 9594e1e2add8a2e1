#include "ctl/program.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "ctl/completion.hpp"
#include "unit/ctl/cluster_fixture.hpp"
#include "unit/patroni/golden.hpp"

namespace holdfast::ctl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A member that dies after it was asked: reads a request and closes.
class DyingMember {
 public:
  DyingMember() {
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, any, size), 0);
    EXPECT_EQ(listen(listener_, 5), 0);
    EXPECT_EQ(getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    serve_ = std::thread([this] {
      while (true) {
        const int peer = accept(listener_, nullptr, nullptr);
        if (peer < 0) return;
        char buffer[4096];
        if (read(peer, buffer, sizeof(buffer)) > 0) ++requests;
        close(peer);
      }
    });
  }
  ~DyingMember() {
    shutdown(listener_, SHUT_RDWR);  // wakes accept()
    serve_.join();
    close(listener_);
  }
  std::uint16_t port() const { return port_; }

  std::atomic<int> requests = 0;

 private:
  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  std::uint16_t port_ = 0;
  std::thread serve_;
};

TEST_F(CtlProgram, ListShowsARecordedCluster) {
  for (const auto& entry : patroni::golden_key_values("three_nodes")) store.entries[entry.key] = entry;
  EXPECT_EQ(run({"list", "batman"}), 0);
  EXPECT_EQ(terminal.written, patroni::golden_text("cluster/three_nodes/list.txt"));
  terminal.written.clear();
  EXPECT_EQ(run({"list", "batman", "-f", "json", "-e"}), 0);
  EXPECT_THAT(terminal.written, StartsWith("[{\"Cluster\": \"batman\""));
  EXPECT_THAT(terminal.errors, IsEmpty());
}

TEST_F(CtlProgram, ReadsOtherProgramsFiles) {
  make_cluster();
  environment = {{"HOME", "/home/u"}};
  files["/n.yml"] =
      "scope: main\nname: a\nrestapi: {listen: 'h:1', authentication: {username: u, password: p}, cafile: "
      "/ca}\n"
      "etcd3: {hosts: [e1:1, e2:2], protocol: https}\npostgresql: {anything: 5}\n";
  EXPECT_EQ(run({"-c", "/n.yml", "list"}), 0) << terminal.errors;
  EXPECT_EQ(asked_etcd.hosts.size(), 2U);
  EXPECT_TRUE(asked_etcd.tls);
  EXPECT_EQ(rest_config.username, "u");
  EXPECT_EQ(rest_config.files.cacert, "/ca");
  EXPECT_EQ(run({"list", "--config-file", "/n.yml", "-d", "etcd3://x:7,y/other"}), 1) << "other namespace";
  EXPECT_EQ(patroni::to_string(asked_etcd.hosts.at(0)), "x:7");
  EXPECT_EQ(patroni::to_string(asked_etcd.hosts.at(1)), "y:2379");
  EXPECT_THAT(terminal.errors, HasSubstr("no cluster main below /other/"));

  files["/r.yml"] =
      "scope: main\nnamespace: service\netcd3: {hosts: [e:1]}\nrouter: {read_write: 'h:5000'}\n";
  environment["HOLDFAST_CONFIG"] = "/r.yml";
  EXPECT_EQ(run({"topology"}), 0) << terminal.errors;
  environment.erase("HOLDFAST_CONFIG");
  files["/home/u/.config/patroni/patronictl.yaml"] = files["/r.yml"];
  EXPECT_EQ(run({"topology"}), 0) << terminal.errors;
}

TEST_F(CtlProgram, SaysWhatIsWrongWithItsUse) {
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  const Case cases[] = {
      {{"-k"}, "Missing command."},
      {{"lsit"}, "No such command 'lsit'."},
      {{"list", "--colour"}, "No such option: --colour"},
      {{"list", "-f", "xml"},
       "Invalid value for '--format' / '-f': 'xml' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'."},
      {{"list", "-w", "often"}, "Invalid value for '-w' / '--watch': 'often' is not a valid float."},
      {{"history", "a", "b"}, "Got unexpected extra argument (b)"},
      {{"restart"}, "Missing argument 'CLUSTER_NAME'."},
      {{"flush", "main"}, "Missing argument '{restart|switchover}'."},
      {{"flush", "main", "all"}, "'all' is not one of 'restart', 'switchover'."},
      {{"restart", "main", "--role"}, "Option '--role' requires an argument."},
      {{"restart", "main", "--force=yes"}, "Option '--force' does not take a value."},
      {{"list", "main", "--formt", "json"}, "No such option: --formt Did you mean --format?"},
      {{"list", "--group", "1", "main"}, "--group chooses a group of Citus, which is not supported here."},
      {{"query", "main", "-c", "SELECT 1", "--format", "xml"}, "'xml' is not one of"},
      {{"history"}, "which cluster?"},
      {{"-c", "/none.yml", "list"}, "/none.yml: No such file"},
      {{"-c", "/bad.yml", "list"}, "line 1"},
      {{"-c", "/typed.yml", "list"}, "etcd3.hosts (line 1)"},
      {{"-d", "zk://h", "list", "main"}, "scheme zk"},
      {{"-d", "h:99999", "list", "main"}, "1 to 65535"},
  };
  files["/bad.yml"] = "scope: [";
  files["/typed.yml"] = "etcd3: {hosts: {a: b}}";
  for (const auto& c : cases) {
    terminal.errors.clear();
    EXPECT_EQ(run(c.arguments), 2) << c.says;
    EXPECT_THAT(terminal.errors, AllOf(HasSubstr("Error: "), HasSubstr(c.says)));
  }
  environment.clear();
  terminal.errors.clear();
  EXPECT_EQ(run({"list", "main"}), 2);
  EXPECT_THAT(terminal.errors, HasSubstr("where is etcd?"));
}

TEST_F(CtlProgram, HelpTeaches) {
  EXPECT_EQ(run({"--help"}), 0);
  for (const auto& command : commands()) EXPECT_THAT(terminal.written, HasSubstr(std::string(command.name)));
  EXPECT_THAT(terminal.written, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status")));
  terminal.written.clear();
  EXPECT_EQ(run({"switchover", "--help"}), 0);
  EXPECT_THAT(terminal.written,
              AllOf(HasSubstr("--candidate"), HasSubstr("--force"), HasSubstr("Examples:")));
}

TEST_F(CtlProgram, AnUnknownClusterIsNamedWithThoseThatThereAre) {
  make_cluster();
  store.put("/service/other/leader", "x");
  EXPECT_EQ(run({"list", "mian"}), 1);
  EXPECT_EQ(terminal.errors, "Error: no cluster mian below /service/ in etcd; there are: main, other\n");
}

TEST_F(CtlProgram, AnUnreachableEtcdIsNamedWithItsEndpoints) {
  store.broken = base::Error{base::ErrorKind::unreachable, "connection refused"};
  for (const auto* command : {"list", "history", "switchover", "show-config"}) {
    terminal.errors.clear();
    EXPECT_EQ(run({command, "main"}), 3);
    EXPECT_EQ(terminal.errors, "Error: etcd (http://127.0.0.1:2379) does not answer: connection refused\n");
  }
}

TEST_F(CtlProgram, AMalformedEntryIsToldAndTheRestShown) {
  make_cluster();
  store.put(keys.member("b"), "{");
  EXPECT_EQ(run({"list", "main"}), 0);
  EXPECT_THAT(terminal.errors, HasSubstr("/service/main/members/b: malformed JSON"));
  EXPECT_THAT(terminal.written, AllOf(HasSubstr("| a "), HasSubstr("| b "), HasSubstr("| c ")));
}

TEST_F(CtlProgram, SwitchoverTellsTheLeaderAndShowsWhatCameOfIt) {
  Member member(runtime, 200, "Successfully switched over to \"b\"", [&] { store.put(keys.leader(), "b"); });
  make_cluster(member.port());
  environment["PATRONI_RESTAPI_USERNAME"] = "user";
  environment["PATRONI_RESTAPI_PASSWORD"] = "pass";
  EXPECT_EQ(run({"switchover", "main", "--candidate", "b", "--force"}), 0) << terminal.errors;
  ASSERT_EQ(member.requests.size(), 1U);
  EXPECT_EQ(member.requests[0].method, "POST");
  EXPECT_EQ(member.requests[0].target, "/switchover");
  EXPECT_EQ(member.requests[0].body, R"({"candidate": "b", "leader": "a"})");
  EXPECT_EQ(member.requests[0].header("authorization"), "Basic dXNlcjpwYXNz");
  EXPECT_THAT(
      terminal.written,
      AllOf(StartsWith("Current cluster topology\n+ Cluster: main (42) "),
            testing::ContainsRegex("\n[-0-9]{10} [:0-9]{8}[.][0-9]{5} Successfully switched over to \"b\"\n"),
            testing::ContainsRegex("[|] b +[|] h:5432 [|] Leader ")));
  EXPECT_THAT(terminal.questions, IsEmpty());
}

TEST_F(CtlProgram, SwitchoverAsksForWhatIsMissing) {
  Member member(runtime, 202, "Switchover scheduled");
  make_cluster(member.port());
  terminal.answers = {"", "b", "2099-01-01T00:00Z", "y"};
  EXPECT_EQ(run({"switchover", "main"}), 0) << terminal.errors;
  EXPECT_THAT(
      terminal.questions,
      ElementsAre(
          "Primary [a]: ", "Candidate ['b'] []: ",
          testing::MatchesRegex("When should the switchover take place [(]e.g. .{16} [)]  [[]now[]]: "),
          "Are you sure you want to schedule switchover of cluster main at 2099-01-01T00:00:00+00:00, "
          "demoting current leader a? [y/N]: "));
  EXPECT_EQ(member.requests.at(0).body,
            R"({"candidate": "b", "leader": "a", "scheduled_at": "2099-01-01T00:00:00+00:00"})");
}

TEST_F(CtlProgram, RefusalsAreToldBeforeAnythingIsAsked) {
  struct Case {
    std::vector<std::string> arguments;
    std::vector<std::string> answers;
    std::string error;
  };
  const Case cases[] = {
      {{"switchover", "main", "--leader", "b", "--force"}, {}, "Member b is not the leader of cluster main"},
      {{"switchover", "main", "--candidate", "a", "--force"},
       {},
       "Member a is already the leader of cluster main"},
      {{"switchover", "main", "--candidate", "c", "--force"},
       {},
       "Member c does not exist in cluster main or is tagged as nofailover"},
      {{"failover", "main", "--force"}, {}, "Failover could be performed only to a specific candidate"},
      {{"switchover", "main", "--scheduled", "soon", "--force"},
       {},
       "Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)"},
      {{"switchover", "main"}, {"", "b", "", "n"}, "Aborting switchover"},
      {{"failover", "main", "--candidate", "b"}, {"n"}, "Aborting failover"},
      {{"switchover", "main"}, {}, "Aborted! (no answer; --force asks nothing)"},
  };
  Member member(runtime, 200, "");
  make_cluster(member.port());
  for (const auto& c : cases) {
    terminal.errors.clear();
    terminal.answers = c.answers;
    EXPECT_EQ(run(c.arguments), 1);
    EXPECT_EQ(terminal.errors, "Error: " + c.error + "\n");
  }
  EXPECT_THAT(member.requests, IsEmpty());
}

TEST_F(CtlProgram, PausedAndLeaderlessClustersCannotBeScheduled) {
  make_cluster(0, R"({"pause":true})");
  EXPECT_EQ(run({"switchover", "main", "--scheduled", "2099-01-01T00:00", "--force"}), 1);
  EXPECT_EQ(terminal.errors, "Error: Can't schedule switchover in the paused state\n");
  store.entries.erase(keys.leader());
  terminal.errors.clear();
  EXPECT_EQ(run({"switchover", "main", "--force"}), 1);
  EXPECT_EQ(terminal.errors, "Error: This cluster has no leader\n");
}

TEST_F(CtlProgram, FailoverToAnAsynchronousMemberNeedsAWordMore) {
  Member member(runtime, 200, "Successfully failed over to \"b\"");
  make_cluster(member.port(), R"({"synchronous_mode":true})");
  store.put(keys.sync(), R"({"leader":"a","quorum":0,"sync_standby":"x"})");
  terminal.answers = {"y", "y"};
  EXPECT_EQ(run({"failover", "main", "--candidate", "b"}), 0);
  EXPECT_THAT(
      terminal.questions,
      ElementsAre("Are you sure you want to failover to the asynchronous node b? [y/N]: ",
                  "Are you sure you want to failover cluster main, demoting current leader a? [y/N]: "));
  EXPECT_EQ(member.requests.at(0).body, R"({"candidate": "b"})");
}

TEST_F(CtlProgram, AMembersRefusalIsShown) {
  Member member(runtime, 412, "switchover is not possible: no good candidates have been found");
  make_cluster(member.port());
  EXPECT_EQ(run({"switchover", "main", "--force"}), 1);
  EXPECT_THAT(
      terminal.written,
      EndsWith("\nSwitchover failed, details: 412, switchover is not possible: no good candidates have been "
               "found\n"));
}

TEST_F(CtlProgram, ADeadLeaderIsPassedOver) {
  Member member(runtime, 200, "Successfully failed over to \"b\"");
  make_cluster(member.port());
  auto& dead = store.entries[keys.member("a")].value;
  const auto port = fmt::format(":{}/", member.port());
  dead.replace(dead.find(port), port.size(), ":1/");
  EXPECT_EQ(run({"failover", "main", "--candidate", "b", "--force"}), 0) << terminal.errors;
  EXPECT_EQ(member.requests.size(), 1U);
  EXPECT_THAT(terminal.errors, HasSubstr("Member a is not accessible"));
}

TEST_F(CtlProgram, ARequestThatMayHaveBeenTakenIsNotGivenToAnother) {
  DyingMember member;
  make_cluster(member.port());
  EXPECT_EQ(run({"switchover", "main", "--candidate", "b", "--force"}), 1);
  EXPECT_EQ(member.requests, 1);
  EXPECT_THAT(terminal.errors, HasSubstr("Error: Switchover result unknown, it may still happen: "));
  EXPECT_FALSE(store.entries.contains(keys.failover()));
}

TEST_F(CtlProgram, WithoutAnyMemberTheRequestIsLeftInEtcd) {
  make_cluster(0);
  EXPECT_EQ(run({"switchover", "main", "--candidate", "b", "--force"}), 0) << terminal.errors;
  EXPECT_EQ(store.entries.at(keys.failover()).value, R"({"leader":"a","member":"b"})");
  EXPECT_THAT(terminal.written, HasSubstr(" Could not switchover using Patroni api, falling back to DCS\n"));
}

TEST_F(CtlProgram, HistoryAndConfigAndVersion) {
  Member member(
      runtime, 200,
      R"({"server_version": 150004, "patroni": {"version": "4.1.4"}, "holdfast": {"version": "0.1.0"}})");
  make_cluster(member.port());
  store.put(keys.history(),
            R"([[1,50331648,"no recovery target specified","2026-11-23T21:24:15+00:00","b"]])");
  EXPECT_EQ(run({"history", "main", "-f", "tsv"}), 0);
  EXPECT_THAT(terminal.written,
              EndsWith("1\t50331648\tno recovery target specified\t2026-11-23T21:24:15+00:00\tb\n"));
  EXPECT_EQ(run({"show-config", "main"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("ttl: 30\n\n"));
  EXPECT_EQ(run({"version", "main", "b"}), 0);
  EXPECT_THAT(terminal.written, EndsWith("\n\nb: Holdfast 0.1.0 (as Patroni 4.1.4) PostgreSQL 15.4\n"));
  environment.clear();
  EXPECT_EQ(run({"version"}), 0) << "needs neither etcd nor a configuration";
}

TEST(Completion, FilesAreWhatTheTablesSay) {
  for (const std::string shell : {"bash", "fish", "zsh"}) {
    std::ifstream file(HOLDFAST_SOURCE_DIR "/deploy/completion/holdfast." + shell);
    const std::string script{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(script, completion_script(shell))
        << "write it again: holdfast completion " << shell << " > deploy/completion/holdfast." << shell;
    for (const auto& command : commands()) EXPECT_THAT(script, HasSubstr(std::string(command.name)));
  }
}

}  // namespace
}  // namespace holdfast::ctl
