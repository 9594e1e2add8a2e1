// What every model shares: time, chance, distance and the story.
#pragma once

#include "base/random.hpp"
#include "sim/network.hpp"
#include "sim/scheduler.hpp"
#include "sim/story.hpp"

namespace holdfast::sim {

struct Physics {
  explicit Physics(std::uint64_t seed) : chance(seed), story(time), network(time, chance.fork()) {}

  Scheduler time;
  base::Random chance;
  Story story;
  Network network;
};

}  // namespace holdfast::sim
