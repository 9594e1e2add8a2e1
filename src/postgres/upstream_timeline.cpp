#include "postgres/upstream_timeline.hpp"

#include "postgres/logins.hpp"

namespace holdfast::postgres {

// https://www.postgresql.org/docs/15/protocol-replication.html
base::Task<base::Result<ha::UpstreamTimeline>> inspect_upstream(Site& site, ha::Upstream upstream,
                                                                base::Instant deadline) {
  const auto& user = site.config.postgresql.replication;
  const auto doing = fmt::format("asking {} for its timeline", upstream.name);
  auto login = member_login(upstream, user);
  if (!login) co_return std::unexpected(login.error());
  login->emplace_back("replication", "true");
  login->emplace_back("application_name", site.config.name + " inspecting");
  auto connection = co_await Connection::open(site.runtime, with_password(std::move(*login), user), deadline);
  if (!connection)
    co_return base::in(doing,
                       explain(connection.error(), "postgresql.authentication.replication", user.username));

  const auto answers = co_await connection->query("IDENTIFY_SYSTEM", deadline);
  const auto recovery = answers ? co_await connection->query("SHOW in_hot_standby", deadline) : answers;
  if (!recovery) co_return base::in(doing, recovery.error());
  const auto& identity = answers->front();
  ha::UpstreamTimeline timeline{.name = upstream.name,
                                .system_id = std::string(identity.text(0, 0)),
                                .in_recovery = recovery->front().text(0, 0) != "off",
                                .timeline = static_cast<pg::Timeline>(identity.number(0, 1)),
                                .position = pg::parse_lsn(identity.text(0, 2)).value_or(pg::Lsn{})};
  if (timeline.timeline <= 1) co_return timeline;
  const auto file =
      co_await connection->query(fmt::format("TIMELINE_HISTORY {}", timeline.timeline), deadline);
  if (!file) co_return base::in(doing, file.error());
  auto history = pg::parse_timeline_history(file->front().text(0, 1));
  if (!history) co_return base::in(doing, history.error());
  timeline.history = std::move(*history);
  co_return timeline;
}

}  // namespace holdfast::postgres
