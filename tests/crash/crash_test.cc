// The whole daemon, killed after each step (so before the next) and before and after each task of each controller. The
// places are those that a first life comes to, so a new step is covered without anyone thinking of it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "tests/crash/crash_box.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{40};       // Between two looks at a daemon that works.
constexpr std::size_t kBoxes = 2;       // At a time.
constexpr std::size_t kKillsInCi = 36;  // Of both; the soak makes all.

struct Phase {
  const char* name;
  std::function<void(const TeamForge&)> push;
};

const std::vector<Phase>& Phases() {
  static const std::vector<Phase> kPhases = {
      {"a team is seeded",
       [](const TeamForge& forge) {
         for (const char* name : {"alice", "bob", "carol"})
           forge.WriteUser(name, "forge_login = \"" + std::string(name) + "\"\n");
       }},
      {"a member is added", [](const TeamForge& forge) { forge.WriteUser("dave"); }},
      {"a member is changed", [](const TeamForge& forge) { forge.WriteUser("alice", "deactivated = true\n"); }},
      {"a file is broken", [](const TeamForge& forge) { forge.WriteUser("bob", "uid = \"no number\"\n"); }},
      {"the file is mended and a member removed",
       [](const TeamForge& forge) {
         forge.WriteUser("bob");
         forge.RemoveUser("carol");
       }},
      {"the member is reinstated", [](const TeamForge& forge) { forge.WriteUser("carol"); }},
      {"most are removed, and an operator says yes",
       [](const TeamForge& forge) {
         for (const char* name : {"alice", "bob", "dave"}) forge.RemoveUser(name);
       }},
  };
  return kPhases;
}

/// The end of a life that nothing disturbs: the same for long enough that a fetch would have changed it.
std::string Rest(CrashBox& box) {
  std::string end;
  auto since = steady_clock::now();
  for (const auto until = since + seconds(60); steady_clock::now() < until;) {
    if (box.HasDied(kLook)) return "the daemon died";
    (void)box.Approve();
    const auto now = box.End();
    if (!now || *now != end) {
      since = steady_clock::now();
      end = now.value_or("");
    }
    if (!end.empty() && steady_clock::now() - since > milliseconds(2500)) return end;
  }
  return "the daemon did not come to rest: " + end;
}

/// Where two ends differ, in lines.
std::string Difference(const std::string& want, const std::string& have) {
  std::istringstream wanted(want);
  std::istringstream had(have);
  std::string line;
  std::string other;
  while (true) {
    const bool is_wanted = static_cast<bool>(std::getline(wanted, line));
    const bool is_had = static_cast<bool>(std::getline(had, other));
    if (!is_wanted && !is_had) return "";
    if (!is_wanted || !is_had || line != other)
      return "want: " + (is_wanted ? line : "(end)") + "\nhave: " + (is_had ? other : "(end)");
  }
}

/// One box's share of the work.
struct Matrix {
  std::size_t places = 0;
  std::size_t kills = 0;
  std::size_t missed = 0;  ///< The life did not come to the place this time.
  std::vector<std::string> failures{};
};

/// From a phase's beginning: dies at the place, starts again, and has to come to `end`.
void KillAt(CrashBox& box, std::size_t phase, const std::string& place, const std::string& end, Matrix& matrix) {
  box.PutBack(phase);
  box.Start(place);
  bool has_died = false;
  std::string last;
  for (const auto until = steady_clock::now() + seconds(40); steady_clock::now() < until;) {
    if (box.HasDied(kLook)) {
      has_died = true;
      box.Start();
    }
    (void)box.Approve();
    const auto now = box.End();
    if (now) last = *now;
    if (now && last == end) break;
  }
  ++(has_died ? matrix.kills : matrix.missed);
  box.Kill();
  (void)box.TakePlaces();
  if (last != end)
    matrix.failures.push_back(std::string(Phases()[phase].name) + ", killed at " + place + ":\n" +
                              Difference(end, last));
}

Matrix RunMatrix(const std::string& directory, std::size_t share, std::size_t one_in) {
  Matrix matrix;
  CrashBox box(directory);
  std::size_t at = share;
  std::vector<std::string> places;
  for (std::size_t phase = 0; phase < Phases().size(); ++phase) {
    Phases()[phase].push(box.forge());
    box.forge().Push();
    box.Keep(phase);
    box.Start();
    const std::string end = Rest(box);
    box.Stop();
    const std::vector<std::string> found = box.TakePlaces();
    box.Keep(Phases().size());  // Where the next phase goes on.
    matrix.places += found.size();
    for (const std::string& place : found)
      if (at++ % (kBoxes * one_in) == 0) KillAt(box, phase, place, end, matrix);
    box.PutBack(Phases().size());
  }
  return matrix;
}

TEST_CASE("[HTB-89][ENGINE-19] crash: the daemon killed after each step, and the box is the same") {
  const TempDir dir;
  constexpr std::size_t kPlacesAbout = 140;
  const std::size_t one_in = IsSoak() ? 1 : kPlacesAbout / kKillsInCi;
  std::vector<Matrix> shares(kBoxes);
  {
    std::vector<std::jthread> boxes;
    for (std::size_t i = 0; i < kBoxes; ++i)
      boxes.emplace_back([&, i] { shares[i] = RunMatrix(dir / ("box" + std::to_string(i)), i, one_in); });
  }
  std::size_t kills = 0;
  for (const Matrix& matrix : shares) {
    kills += matrix.kills;
    for (const std::string& failure : matrix.failures) FAIL_CHECK(failure);
    CHECK(matrix.places > 60);
    CHECK(matrix.missed * 4 <= matrix.kills);
  }
  MESSAGE("phases × places × kills: " << Phases().size() << " phases, " << shares[0].places << " places, " << kills
                                      << " kills, " << shares[0].missed + shares[1].missed << " not reached");
}

TEST_CASE("[HTB-89][ENGINE-19] crash: kill -9 at random moments while members come and go, and nobody is lost") {
  const std::uint64_t seed = Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const TempDir dir;
  CrashBox box(dir.Path());
  constexpr std::size_t kMembers = 8;
  std::set<std::string> members;
  const int rounds = IsSoak() ? 400 : 12;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 2; ++i) {
      const std::string name = "m" + std::to_string(random() % kMembers);
      if (members.erase(name) > 0) {
        box.forge().RemoveUser(name);
      } else {
        box.forge().WriteUser(name);
        members.insert(name);
      }
    }
    box.forge().WriteUser("round", "display_name = \"" + std::to_string(round) + "\"\n");  // So that each push is one.
    box.forge().Push();
    box.Start();
    (void)box.HasDied(milliseconds(random() % 900));
    (void)box.Approve();
    (void)box.HasDied(milliseconds(random() % 200));
    box.Kill();
  }
  box.Start();
  const std::string end = Rest(box);
  CAPTURE(end);
  members.insert("round");
  std::map<std::string, int> ready;
  std::set<std::string> numbers;
  std::size_t accounts = 0;
  std::istringstream lines(end);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("users.hero.dev/") && line.find("Ready=True:Reconciled") != std::string::npos)
      ++ready[line.substr(15, line.find(' ') - 15)];
    if (line.ends_with(":/bin/bash")) {
      ++accounts;
      numbers.insert(line.substr(line.find(":x:"), line.find(':', line.find(":x:") + 3) - line.find(":x:")));
    }
  }
  CHECK(ready.size() == members.size());
  for (const std::string& member : members) CHECK(ready[member] == 1);
  CHECK(accounts >= members.size());  // Those who left keep theirs, expired;
  CHECK(numbers.size() == accounts);  // and each has a number of its own.
  MESSAGE(rounds << " kills");
}

}  // namespace
}  // namespace tests
