// What goes wrong, when, to whom and for how long: drawn from the seed.
#pragma once

#include <list>
#include <string>

#include "sim/cluster.hpp"

namespace holdfast::sim {

class Faults {
 public:
  explicit Faults(Cluster& cluster);

  void begin();
  // Ends all that lasts and starts nothing more.
  void heal();

 private:
  struct Lasting {
    Callback end;
    Timer until;
  };
  struct Effect {
    std::string what;  // empty: it does not apply now
    Callback end;      // null: it does not last
  };

  void plan_next();
  void strike();
  Effect apply(FaultKind kind);
  Effect on_process(FaultKind kind, Host& host);
  Effect on_host(FaultKind kind, Host& host);
  Effect by_a_person(FaultKind kind, Host& host);
  Effect on_network(FaultKind kind, Host& host);
  Effect on_etcd(FaultKind kind);
  Effect cut(std::vector<std::pair<Place, Place>> links, std::string what);
  Effect worsen(Place a, Place b, Link to, std::string what);
  Host& victim();

  Cluster& cluster_;
  base::Random chance_;
  std::vector<FaultKind> kinds_;
  std::list<Lasting> lasting_;
  Timer next_;
};

}  // namespace holdfast::sim
