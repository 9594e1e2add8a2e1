#include "ctl/takeover.hpp"

#include <fmt/format.h>

#include "unit/ctl/cluster_fixture.hpp"

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

// A machine with one node: its agent is whatever was started last.
class Machine : public TakeoverHost {
 public:
  base::Result<std::optional<AgentProcess>> agent_at(std::uint16_t) override {
    AgentProcess agent{.pid = 7, .argv = {running}, .unit_ends_children = unit_ends_children};
    if (unit_ends_children) agent.unit = "p.service";
    return running.empty() ? std::optional<AgentProcess>() : agent;
  }
  std::optional<PostmasterProcess> postmaster_of(const std::string&) override { return postmaster; }
  base::Task<base::Result<void>> stop(AgentProcess agent, base::Instant) override {
    done.push_back("stop " + agent.argv.front());
    running.clear();
    if (stop_takes_postgres_along) postmaster.reset();
    co_return base::Result<void>();
  }
  base::Result<void> start(const AgentProcess& agent) override {
    done.push_back("start " + agent.argv.front());
    if (agent.argv.front() == broken) return base::fail(base::ErrorKind::failed, "{} does not start", broken);
    running = agent.argv.front();
    return {};
  }
  AgentProcess ours_instead_of(const AgentProcess&) override { return {.argv = {"holdfast"}}; }
  base::Result<void> keep_record(const AgentProcess& patroni) override {
    record = patroni;
    return {};
  }
  base::Result<AgentProcess> read_record() override {
    if (record) return *record;
    return base::fail(base::ErrorKind::invalid, "no record");
  }

  std::string running = "patroni", broken;
  bool stop_takes_postgres_along = false, unit_ends_children = false;
  std::optional<PostmasterProcess> postmaster = PostmasterProcess{100, 5, 0, "15"};
  std::optional<AgentProcess> record;
  std::vector<std::string> done;
};

class TakeoverTest : public CtlProgram {
 protected:
  TakeoverTest()
      : server_(runtime, {.listen = {{"127.0.0.1", 0}}},
                [this](net::HttpRequest request) { return answer(std::move(request)); }) {
    EXPECT_TRUE(server_.start());
    make_cluster(server_.port());
    config.scope = "main";
    config.name = "a";
    config.restapi.listen = {{"127.0.0.1", server_.port()}};
  }

  int take(TakeoverStep step) {
    StoreDcs dcs(store);
    net::HttpClient http(runtime);
    TakeoverWorld world{config, {}, terminal, runtime, dcs, http, machine};
    return runtime.run_task(take_over(world, step));
  }

  // Every member's REST API; pausing is acknowledged at once.
  base::Task<net::HttpResponse> answer(net::HttpRequest request) {
    if (request.method == "PATCH") {
      const bool pause = request.body.contains("true");
      paused.push_back(pause);
      store.put(keys.config(), pause ? R"({"ttl":30,"pause":true})" : R"({"ttl":30})");
      for (const auto* name : {"a", "b", "c"}) {
        auto& value = store.entries[keys.member(name)].value;
        constexpr std::string_view kPause = R"("pause":true,)";
        if (pause)
          value.insert(1, kPause);
        else if (const auto at = value.find(kPause); at != std::string::npos)
          value.erase(at, kPause.size());
      }
      co_return net::HttpResponse{
          .status = 200, .content_type = "application/json", .body = "{}", .headers = {}};
    }
    const auto ours = machine.running == "holdfast" ? R"(,"holdfast":{"version":"0.1.0"})" : "";
    co_return net::HttpResponse{
        .status = 200,
        .content_type = "application/json",
        .body = fmt::format(R"({{"state":"running","role":"{}","database_system_identifier":"42",)"
                            R"("patroni":{{"version":"4.1.4","scope":"main","name":"a"}}{}}})",
                            machine.running == "holdfast" ? "primary" : "master", ours),
        .headers = {}};
  }

  patroni::NodeConfig config;
  Machine machine;
  std::vector<bool> paused;

 private:
  net::HttpServer server_;
};

TEST_F(TakeoverTest, CheckChangesNothing) {
  EXPECT_EQ(take(TakeoverStep::check), 0) << terminal.written;
  EXPECT_THAT(terminal.written, EndsWith("nothing is in the way of a takeover of a\n"));
  EXPECT_THAT(machine.done, IsEmpty());
  EXPECT_THAT(paused, IsEmpty());
  EXPECT_FALSE(machine.record);
}

TEST_F(TakeoverTest, ThereAndBack) {
  EXPECT_EQ(take(TakeoverStep::start), 0) << terminal.written;
  EXPECT_THAT(machine.done, ElementsAre("stop patroni", "start holdfast"));
  EXPECT_THAT(paused, ElementsAre(true, false));
  EXPECT_EQ(take(TakeoverStep::start), 1) << "it is ours already";
  EXPECT_EQ(take(TakeoverStep::rollback), 0) << terminal.written;
  EXPECT_THAT(machine.done, ElementsAre("stop patroni", "start holdfast", "stop holdfast", "start patroni"));
}

TEST_F(TakeoverTest, AClusterThatWasPausedStaysSo) {
  store.put(keys.config(), R"({"ttl":30,"pause":true})");
  for (const auto* name : {"a", "b", "c"})
    store.entries[keys.member(name)].value.insert(1, R"("pause":true,)");
  EXPECT_EQ(take(TakeoverStep::start), 0) << terminal.written;
  EXPECT_THAT(paused, IsEmpty());
  EXPECT_THAT(terminal.written, HasSubstr("the cluster is paused as before"));
}

TEST_F(TakeoverTest, AFailureBringsTheFormerAgentBack) {
  machine.broken = "holdfast";
  EXPECT_EQ(take(TakeoverStep::start), 1);
  EXPECT_THAT(machine.done, ElementsAre("stop patroni", "start holdfast", "start patroni"));
  EXPECT_THAT(paused, ElementsAre(true)) << "a person shall look first";
  EXPECT_THAT(terminal.written, EndsWith("the cluster is left paused: look at it, then resume it\n"));
}

TEST_F(TakeoverTest, APostgresThatIsGoneIsNotStartedByUs) {
  machine.stop_takes_postgres_along = true;
  EXPECT_EQ(take(TakeoverStep::start), 1);
  EXPECT_THAT(machine.done, ElementsAre("stop patroni", "start patroni"));
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  PostgreSQL 100 is gone"));
}

TEST_F(TakeoverTest, SaysAllThatIsInTheWay) {
  store.put(keys.failover(), R"({"leader":"a","member":"b"})");
  store.put(keys.initialize(), "43");
  machine.postmaster->version = "14";
  machine.unit_ends_children = true;
  EXPECT_EQ(take(TakeoverStep::start), 1);
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  p.service would stop PostgreSQL with the agent"));
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  a switchover or failover is asked for"));
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  PostgreSQL is of system 42, the cluster of 43"));
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  PostgreSQL 14 is not supported, 15 is"));
  EXPECT_THAT(terminal.written, EndsWith("4 things are in the way; nothing was done\n"));
  EXPECT_THAT(machine.done, IsEmpty());
  EXPECT_EQ(take(TakeoverStep::rollback), 1);
  EXPECT_THAT(terminal.written, HasSubstr("PROBLEM  the agent of a is Patroni already"));
}

}  // namespace
}  // namespace holdfast::ctl
