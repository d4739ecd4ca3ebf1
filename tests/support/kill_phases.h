#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/kill_switch.h"

/// Kills at every write of a story that has several parts. A Machine is what outlives a process, and the process: it
/// has a KillSwitch `kill`, Start() that makes a new process, Run() that is false when that died, and End(), everything
/// that may be compared at the end, as text.
namespace tests {

template <class Machine>
struct Phase {
  const char* name = "";
  std::function<void(Machine&)> ask;  ///< What is wished for at its beginning.
};

/// Goes through all phases up to `last`, and dies at point `at` of that one (negative: never) and is started again; its
/// end. `points` are those of the last phase, when asked for.
template <class Machine>
std::string LiveThrough(Machine& machine, const std::vector<Phase<Machine>>& phases, std::size_t last, int at,
                        int* points = nullptr) {
  for (std::size_t i = 0; i <= last; ++i) {
    phases[i].ask(machine);
    machine.kill = {.is_armed = i == last, .at = at};
    const bool survived = machine.Run();
    if (points && i == last) *points = machine.kill.points;
    machine.kill = {};
    if (survived) continue;
    machine.Start();
    REQUIRE(machine.Run());
  }
  return machine.End();
}

/// Checks that killed before and after every write of every phase, the end is the same. How many kills that were.
template <class Machine>
int KillEverywhere(const std::vector<Phase<Machine>>& phases) {
  const auto live = [&](std::size_t phase, int at, int* points = nullptr) {
    Machine machine;
    return LiveThrough(machine, phases, phase, at, points);
  };
  int kills = 0;
  for (std::size_t phase = 0; phase < phases.size(); ++phase) {
    int points = 0;
    const std::string end = live(phase, -1, &points);
    REQUIRE(points > 0);
    for (int at = 0; at < points; ++at) {
      CAPTURE(phases[phase].name);
      CAPTURE(at);
      CHECK(live(phase, at) == end);
      ++kills;
    }
  }
  return kills;
}

}  // namespace tests
