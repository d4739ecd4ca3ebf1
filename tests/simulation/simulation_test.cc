// The engine proven: thousands of lives of the whole engine, each decided by one number (simulation.h). Each runs in a
// process of its own, so that a crash or a hang names its number, and what killed lives leave is gone with it.
#include "tests/simulation/simulation.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "tests/simulation/fibers.h"
#include "tests/simulation/sim_disk.h"
#include "tests/support/seed.h"
#include "tests/support/store_writes.h"

namespace tests {
namespace {

constexpr unsigned int kSecondsMax = 120;  // Of one life; a hundred times what one takes.
constexpr int kAtOnce = 2;

/// What a life tells its parent, in memory that both see.
struct Told {
  std::uint64_t hash;
  std::uint64_t switches;
  std::int64_t revision;
  int kills;
  int host_changes;
  bool has_ended;
  std::array<char, 400> violation;
};

/// Ends with the life. The trace goes to standard error, for whoever repeats a number.
[[noreturn]] void Live(std::uint64_t seed, Told& told, bool tells_trace) {
  alarm(kSecondsMax);
  const SimResult result = Simulate(seed);
  told.hash = result.hash;
  told.switches = result.switches;
  told.revision = result.revision;
  told.kills = result.kills;
  told.host_changes = result.host_changes;
  std::strncpy(told.violation.data(), result.violation.c_str(), told.violation.size() - 1);
  told.has_ended = true;
  if (tells_trace && !result.violation.empty())
    for (const std::string& line : result.trace) std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
  _exit(0);
}

/// Lives in processes of their own, two at a time.
class Lives {
 public:
  Lives() {
    void* shared = mmap(nullptr, sizeof(Told) * kAtOnce, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    told_ = static_cast<Told*>(shared);
  }
  Lives(const Lives&) = delete;
  Lives& operator=(const Lives&) = delete;
  ~Lives() { munmap(told_, sizeof(Told) * kAtOnce); }

  /// Calls `ended` with the number and what was told of each of `count` lives from `first` on.
  template <class Ended>
  void Run(std::uint64_t first, std::uint64_t count, bool tells_trace, const Ended& ended) {
    std::map<pid_t, std::pair<int, std::uint64_t>> running;  // Place and number.
    std::uint64_t next = 0;
    for (int place = 0; place < kAtOnce && next < count; ++place) Start(running, place, first + next++, tells_trace);
    while (!running.empty()) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, 0);
      const auto found = running.find(pid);
      if (found == running.end()) continue;
      const auto [place, seed] = found->second;
      running.erase(found);
      Told told = told_[place];
      if (!told.has_ended) {
        const std::string how = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hung" : "it crashed";
        std::strncpy(told.violation.data(), how.c_str(), told.violation.size() - 1);
      }
      ended(seed, told);
      if (next < count) Start(running, place, first + next++, tells_trace);
    }
  }

 private:
  void Start(std::map<pid_t, std::pair<int, std::uint64_t>>& running, int place, std::uint64_t seed, bool tells_trace) {
    std::memset(static_cast<void*>(&told_[place]), 0, sizeof(Told));
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) Live(seed, told_[place], tells_trace);
    running.emplace(pid, std::pair(place, seed));
  }

  Told* told_ = nullptr;
};

/// In CI as many as two cores do in two minutes.
std::uint64_t Count() { return IsSoak() ? 50'000 : 1000; }

TEST_CASE(
    "[ENGINE-19][HTB-18] simulation: whatever happens and whoever goes first, the world comes to be as declared") {
  const bool repeats = std::getenv("HERO_TEST_SEED") != nullptr;
  const std::uint64_t first = repeats ? Seed() : 1;
  const std::uint64_t count = repeats ? 1 : Count();
  std::uint64_t switches = 0;
  std::int64_t revisions = 0;
  int kills = 0;
  int changes = 0;
  int failed = 0;
  Lives lives;
  lives.Run(first, count, repeats, [&](std::uint64_t seed, const Told& told) {
    switches += told.switches;
    revisions += told.revision;
    kills += told.kills;
    changes += told.host_changes;
    const std::string violation = told.violation.data();
    if (violation.empty() || ++failed > 20) return;
    FAIL_CHECK("seed " << seed << ": " << violation << "\n  repeat: HERO_TEST_SEED=" << seed
                       << " build/bin/simulation_test -tc='*whatever happens*'");
  });
  CHECK(failed == 0);
  MESSAGE(count << " seeds: " << switches << " switches, " << kills << " kills, " << revisions << " writes, " << changes
                << " changes of the host; " << failed << " failed");
}

TEST_CASE("[ENGINE-19] simulation: two runs of one seed are the same run") {
  Lives lives;
  std::map<std::uint64_t, std::uint64_t> hashes;
  const std::uint64_t count = IsSoak() ? 500 : 30;
  lives.Run(1, count, false, [&](std::uint64_t seed, const Told& told) { hashes[seed] = told.hash; });
  lives.Run(1, count, false, [&](std::uint64_t seed, const Told& told) {
    CAPTURE(seed);
    CHECK(told.hash == hashes[seed]);
  });
}

TEST_CASE("[ENGINE-19][HTB-89] simulated disk: what a killed process did not sync is safe before it is shown") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {  // A power cut leaves any part of what was not synced.
    CAPTURE(seed);
    Fibers fibers(seed);
    SimDisk disk(fibers);
    // Those who are killed close nothing. SQLite would sync at the end.
    static std::vector<reconciler::Store*> killed;
    const auto open = [] { return killed.emplace_back(OpenStore("/simulated/cut.db").release()); };
    REQUIRE(open()->Commit(WriteThing("a", 1)));
    disk.is_syncing = false;
    REQUIRE(open()->Commit(WriteThing("b", 1)));
    disk.is_syncing = true;
    const std::int64_t shown = open()->revision().value;
    CHECK(shown == 2);
    disk.CutPower();
    CHECK(open()->revision().value == shown);
  }
}

}  // namespace
}  // namespace tests
