// A watch that stays: it survives broken connections, members that die, and members that only seem alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "etcd/gateway.hpp"
#include "ports/dcs.hpp"

namespace holdfast::etcd {

class Watch final : public ports::DcsWatch {
 public:
  Watch(std::shared_ptr<Gateway> gateway, std::string prefix, std::int64_t from_revision);

  base::Task<base::Result<std::vector<ports::WatchEvent>>> next() override;

 private:
  base::Task<void> keep_watching();
  base::Task<void> watch_at(net::HttpEndpoint endpoint);
  base::Task<void> read(net::HttpEndpoint endpoint, net::HttpStream stream);
  base::Task<void> check(net::HttpEndpoint endpoint);
  bool take(WatchMessage message, const net::HttpEndpoint& endpoint);
  void complain(std::string problem);

  ports::Clock& clock() { return gateway_->runtime().clock(); }

  std::shared_ptr<Gateway> gateway_;
  std::string prefix_;
  std::int64_t next_revision_;             // the first not delivered into `events_`; 0: not known yet
  std::vector<ports::WatchEvent> events_;  // read, waiting for next()
  std::optional<base::Error> ended_;       // the history was compacted
  base::Event arrived_;                    // set while there is something for next()
  base::Event taken_;                      // set by next()
  bool served_ = false;                    // the present connection has begun to work
  base::Instant heard_at_;                 // the last message
  std::string last_complaint_;
  base::TaskGroup work_;  // last: its tasks refer to all of the above
};

}  // namespace holdfast::etcd
