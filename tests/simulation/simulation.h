#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace tests {

/// What a life of the engine came to.
struct SimResult {
  std::string violation{};  ///< Empty: every invariant held.
  std::uint64_t hash = 0;   ///< Of who went on when, and of all that was noted: equal for one seed.
  std::uint64_t switches = 0;
  int kills = 0;
  int host_changes = 0;
  std::int64_t revision = 0;  ///< Of the store, at the end.
  std::deque<std::string> trace{};
};

/// The whole engine as `Manager::Run` puts it together (store on a disk of its own, registry, informers, two loops,
/// tasks, housekeeping, each with its threads) between operators who write, hands that change the host, a host that
/// fails, delays and lies, kills, power cuts, stops, full disks and clocks that jump; then all that ends, and within
/// half an hour of its clock the world has to be as declared and the engine at rest. Once in a process: what a kill
/// leaves is never freed.
SimResult Simulate(std::uint64_t seed);

}  // namespace tests
