// What must hold for whatever is done with a work queue, in whatever order. The numbers P1 to P15 are those of the
// engine's contract; a failure names the seed, HERO_TEST_SEED repeats it.
#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "host/linux/clock.h"
#include "reconciler/work_queue.h"
#include "tests/support/harness.h"
#include "tests/support/seed.h"

namespace reconciler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr milliseconds kForever{std::chrono::hours(20)};  // Longer than any delay below.

/// The queue under random hands, beside a plain account of what was asked of it.
class Play {
 public:
  explicit Play(std::uint64_t seed, WorkQueueOptions options = {})
      : random_(seed), entropy_(seed), ageing_(options.ageing), queue_(clock_, entropy_, options) {}

  /// One random act, and the properties that can be seen at any time.
  void Act() {
    const std::string name(1, static_cast<char>('a' + Pick(8)));
    switch (Pick(10)) {
      case 0:
      case 1:
      case 2:
        return Add(name, milliseconds(0));
      case 3:
        return Add(name, milliseconds(1 + Pick(40'000)));
      case 4:
        return Fail(name);
      case 5:
        return Cancel(name);
      case 6:
        queue_.Forget({"", name});
        return;
      case 7:
        return Finish();
      case 8:
        return Pass(milliseconds(Pick(20'000)));
      default:
        return Take();
    }
  }

  /// P2, P4, P11: everything that was asked for is run, no more than that, and nothing is left behind.
  void Settle() {
    for (int round = 0; round < 3; ++round) {
      while (!held_.empty()) Finish();
      Pass(kForever);
      for (std::size_t before = runs_ + 1; before != runs_;) {
        before = runs_;
        Take();
        while (!held_.empty()) Finish();
      }
    }
    CHECK(owed_.empty());
    CHECK(runs_ <= asked_);
    for (char name = 'a'; name <= 'h'; ++name) queue_.Forget({"", std::string(1, name)});
    CHECK(queue_.Inspect().empty());
    const QueueStats stats = queue_.Stats();
    CHECK(stats.held == 0);
    CHECK(stats.delayed == 0);
    CHECK(stats.depth == std::array<std::size_t, kPriorities>{});
    CHECK(stats.queue_duration.count == runs_);
    CHECK(stats.work_duration.count == runs_);
  }

 private:
  /// What a ready key is owed: a place behind those of its level that became ready before it.
  struct Turn {
    Priority priority{};
    TimePoint ready_at{};
    std::uint64_t number = 0;
  };

  int Pick(int below) { return static_cast<int>(random_() % static_cast<std::uint64_t>(below)); }
  TimePoint Now() const { return clock_.SteadyNow(); }

  void Add(const std::string& name, milliseconds after) {
    const Priority priority = Pick(3) == 0 ? Priority::kLow : Priority::kNormal;
    ++asked_;
    owed_.insert(name);
    CHECK(queue_.Add({"", name}, {.priority = priority, .after = after}));
    if (after.count() == 0 || turns_.contains(name)) Note(name, priority);  // A later time, but it may raise it.
    Look();
  }
  void Fail(const std::string& name) {
    ++asked_;
    owed_.insert(name);
    CHECK(queue_.AddRateLimited({"", name}));
    if (turns_.contains(name)) Note(name, Priority::kNormal);
    Look();
  }
  void Cancel(const std::string& name) {
    queue_.Cancel({"", name});
    owed_.erase(name);
    turns_.erase(name);
    Look();
  }
  void Pass(milliseconds time) {
    clock_.Advance(time);
    Look();
  }
  void Finish() {
    if (held_.empty()) return;
    auto one = held_.begin();
    std::advance(one, Pick(static_cast<int>(held_.size())));
    const std::string name = *one;
    held_.erase(one);
    queue_.Done({"", name});
    Look();
  }
  void Take() {
    const std::map<std::string, Turn> turns = turns_;
    const auto request = queue_.TakeReady();
    if (!request) {
      // P2: nobody who was added at once is passed over.
      for (const auto& [name, turn] : turns) CHECK(held_.contains(name));
      return;
    }
    ++runs_;
    const bool is_first_holder = held_.insert(request->name).second;
    CHECK(is_first_holder);  // P1
    owed_.erase(request->name);
    if (const auto turn = turns.find(request->name); turn != turns.end()) CheckTurn(turns, *turn);
    turns_.erase(request->name);
    Look();
  }

  /// Only keys added at once while nobody held them: when those were ready, and in which order, needs no model.
  void Note(const std::string& name, Priority priority) {
    const auto known = turns_.find(name);
    if (known != turns_.end() && known->second.priority >= priority) return;
    if (held_.contains(name) || waited_.contains(name)) return;
    turns_[name] = {priority, Now(), ++numbers_};
  }

  void CheckTurn(const std::map<std::string, Turn>& turns, const std::pair<const std::string, Turn>& taken) const {
    const Turn& mine = taken.second;
    for (const auto& [name, other] : turns) {
      if (name == taken.first) continue;
      CAPTURE(name);
      CAPTURE(taken.first);
      if (other.priority == mine.priority) CHECK(mine.number < other.number);  // P7: first in, first out on a level.
      const auto head_start = other.ready_at + ageing_;
      if (other.priority < mine.priority) CHECK(mine.ready_at <= head_start);  // P8: overtaken for that long only.
      // P7: urgent ones first, but for those who have waited so long.
      if (other.priority > mine.priority) CHECK(mine.ready_at + ageing_ <= other.ready_at);
    }
  }

  /// P3: one entry a key. Remembers who is queued without a turn that is known here.
  void Look() {
    std::set<std::string> seen;
    waited_.clear();
    for (const QueuedKey& key : queue_.Inspect()) {
      const bool is_only_one = seen.insert(key.request.name).second;
      CHECK(is_only_one);
      CHECK((key.state == QueuedKey::State::kProcessing) == held_.contains(key.request.name));
      if (!turns_.contains(key.request.name)) waited_.insert(key.request.name);
    }
  }

  std::mt19937_64 random_;
  tests::FakeClock clock_;
  tests::SeededEntropy entropy_;
  const milliseconds ageing_;
  WorkQueue queue_;
  std::set<std::string> held_;
  std::set<std::string> owed_;    // Added since their last run began.
  std::set<std::string> waited_;  // In the queue for another reason than an Add at once.
  std::map<std::string, Turn> turns_;
  std::uint64_t numbers_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t runs_ = 0;
};

TEST_CASE("[ENGINE] work queue: P1 P2 P3 P4 P7 P8 P11, whatever is done with it") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  std::mt19937_64 seeds(seed);
  const int plays = tests::IsSoak() ? 2'000 : 40;
  for (int number = 0; number < plays; ++number) {
    Play play(seeds());
    for (int act = 0; act < 300; ++act) play.Act();
    play.Settle();
  }
}

TEST_CASE("[ENGINE] work queue: P5 P6 delays lie below the table's for the first forty failures, and Forget resets") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  tests::FakeClock clock;
  tests::SeededEntropy entropy(seed);
  WorkQueue queue(clock, entropy, {.breaker_after = 0});
  const Request key{"", "a"};
  for (int round = 0; round < 20; ++round) {
    double ceiling_s = 0.05;
    for (int n = 0; n <= 40; ++n) {
      CAPTURE(n);
      REQUIRE(queue.AddRateLimited(key));
      const std::chrono::duration<double> delay = *queue.NextReady() - clock.SteadyNow();
      CHECK(delay.count() > 0);
      CHECK(delay.count() <= std::min(ceiling_s, 300.0) + 1e-9);
      CHECK(queue.Cancel(key));
      ceiling_s *= 2;
    }
    queue.Forget(key);
  }
}

TEST_CASE("[ENGINE] work queue: P15 as many equal events as you like between two runs cost one run") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  for (int round = 0; round < 50; ++round) {
    const bool is_held = random() % 2 == 0;
    if (is_held) {
      queue.Add({"", "a"});
      REQUIRE(queue.TakeReady());
    }
    const auto events = 1 + random() % 100;
    for (std::uint64_t i = 0; i < events; ++i) queue.Add({"", "a"});
    if (is_held) queue.Done({"", "a"});
    int runs = 0;
    for (; queue.TakeReady(); ++runs) queue.Done({"", "a"});
    CHECK(runs == 1);
  }
}

TEST_CASE(
    "[ENGINE] work queue: thousands of keys come, are moved and go, and the rest is handed out in order of time") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  std::map<std::string, std::uint64_t> wanted;  // Milliseconds from now, by name; no two alike.
  for (std::uint64_t act = 0; act < 20'000; ++act) {
    const std::string name = "user-" + std::to_string(random() % 3'000);
    const auto known = wanted.find(name);
    if (random() % 3 == 0) {
      CHECK(queue.Cancel({"", name}) == (known != wanted.end()));
      wanted.erase(name);
      continue;
    }
    const std::uint64_t after = 1 + (random() % 100) * 20'000 + act;
    queue.Add({"", name}, {.after = milliseconds(after)});
    if (known == wanted.end() || after < known->second) wanted[name] = after;  // The earlier one wins.
  }
  CHECK(queue.Stats().delayed == wanted.size());
  std::vector<std::pair<std::uint64_t, std::string>> order;
  order.reserve(wanted.size());
  for (const auto& [name, after] : wanted) order.emplace_back(after, name);
  std::sort(order.begin(), order.end());
  clock.Advance(kForever);
  for (const auto& [after, name] : order) {
    const auto request = queue.TakeReady();
    REQUIRE(request);
    CHECK(request->name == name);
    queue.Done(*request);
  }
  CHECK(queue.Inspect().empty());
}

TEST_CASE("[ENGINE] work queue: P9 a drain ends when the workers have finished, not before") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    tests::FakeClock clock;
    tests::SeededEntropy entropy;
    WorkQueue queue(clock, entropy);
    std::vector<Request> held;
    for (char name = 'a'; name < 'h'; ++name) queue.Add({"", std::string(1, name)});
    for (auto count = random() % 6; count > 0; --count) held.push_back(*queue.TakeReady());
    for (const Request& request : held)
      if (random() % 2 == 0) queue.Add(request);
    queue.ShutDownWithDrain();
    std::atomic<bool> is_over = false;
    std::jthread waiter([&] {
      while (const auto request = queue.Get({})) queue.Done(*request);
      is_over = true;
    });
    for (const Request& request : held) {
      CHECK_FALSE(is_over);
      queue.Done(request);
    }
    waiter.join();  // A drain that never ends hangs here.
    CHECK(queue.Inspect().empty());
  }
}

TEST_CASE("[ENGINE] work queue: P10 a shutdown ends every Get, and each of them once") {
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  for (int round = 0; round < 50; ++round) {
    WorkQueue queue(clock, entropy);
    std::atomic<int> ended = 0;
    {
      std::vector<std::jthread> getters;
      getters.reserve(8);
      for (int i = 0; i < 8; ++i)
        getters.emplace_back([&] {
          if (!queue.Get({})) ++ended;
        });
      if (round % 2 == 0) {
        queue.ShutDown();
      } else {
        queue.ShutDownWithDrain();
      }
    }
    CHECK(ended == 8);
  }
}

/// Real threads, real time, delays, failures and cancellations at once. Each key's last wish is a number that some run
/// has to see.
TEST_CASE("[ENGINE] work queue: P1 P2 P11 hold between threads, and a thrown pass changes nothing about it") {
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  constexpr std::size_t kKeys = 12;
  const host::linux::SystemClock clock;
  tests::SeededEntropy entropy(seed);
  WorkQueue queue(clock, entropy, {.backoff_base = milliseconds(1), .backoff_max = milliseconds(2), .retries_max = 2});
  std::array<std::atomic<int>, kKeys> holders{};
  std::array<std::atomic<int>, kKeys> wished{};
  std::array<std::atomic<int>, kKeys> seen{};
  std::atomic<bool> was_held_twice = false;
  std::atomic<int> failures_left = 200;
  const auto pass = [&](std::size_t key) {
    if (holders[key].fetch_add(1) != 0) was_held_twice = true;
    seen[key] = wished[key].load();
    holders[key].fetch_sub(1);
    if (failures_left.fetch_sub(1) > 0) throw std::runtime_error("a bug");
  };
  std::vector<std::jthread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i)
    workers.emplace_back([&] {
      while (const auto request = queue.Get({})) {
        try {
          pass(std::stoul(request->name));
          queue.Forget(*request);
        } catch (const std::exception&) {
          queue.AddRateLimited(*request);
        }
        queue.Done(*request);
      }
    });
  {
    std::vector<std::jthread> wishers;
    wishers.reserve(3);
    for (std::size_t wisher = 0; wisher < 3; ++wisher)
      wishers.emplace_back([&, wisher] {
        std::mt19937_64 random(seed + wisher);
        for (int i = 1; i <= 1'500; ++i) {
          const std::size_t key = wisher * 4 + random() % 4;
          ++wished[key];
          const Request request{"", std::to_string(key)};
          if (random() % 4 == 0) queue.Add(request, {.after = milliseconds(random() % 3)});
          queue.Add(request, {.priority = random() % 2 == 0 ? Priority::kLow : Priority::kNormal});
        }
      });
  }
  queue.ShutDownWithDrain();
  workers.clear();  // Joins.
  CHECK_FALSE(was_held_twice);
  for (std::size_t key = 0; key < kKeys; ++key) CHECK(seen[key] == wished[key]);
  for (std::size_t key = 0; key < kKeys; ++key) queue.Forget({"", std::to_string(key)});
  CHECK(queue.Inspect().empty());
}

/// A queue by client-go's rule: an Add leaves the waiting entry of its key where it is.
class AddLeavesTheWaiting {
 public:
  AddLeavesTheWaiting(tests::FakeClock& clock, tests::SeededEntropy& entropy) : clock_(clock), ready_(clock, entropy) {}
  void AddAfter(const Request& request, milliseconds after) { waiting_.emplace(clock_.SteadyNow() + after, request); }
  void Add(const Request& request) { ready_.Add(request); }
  std::optional<Request> TakeReady() {
    for (; !waiting_.empty() && waiting_.begin()->first <= clock_.SteadyNow(); waiting_.erase(waiting_.begin()))
      ready_.Add(waiting_.begin()->second);
    return ready_.TakeReady();
  }
  void Done(const Request& request) { ready_.Done(request); }

 private:
  tests::FakeClock& clock_;
  WorkQueue ready_;
  std::multimap<TimePoint, Request> waiting_;
};

/// How often a key is run that waits for its retry when a change comes.
template <class Queue, class Retry>
int RunsAfterAnAddDidTheWork(tests::FakeClock& clock, Queue& queue, const Retry& retry) {
  retry(queue);
  queue.Add({"", "a"});
  int runs = 0;
  for (int second = 0; second < 60; ++second, clock.Advance(seconds(1)))
    for (; queue.TakeReady(); ++runs) queue.Done({"", "a"});
  return runs;
}

TEST_CASE("[ENGINE] incident: a delayed retry does not run again after an immediate add has done the work") {
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  CHECK(RunsAfterAnAddDidTheWork(clock, queue, [](auto& it) { it.Add({"", "a"}, {.after = seconds(20)}); }) == 1);
  AddLeavesTheWaiting naive(clock, entropy);
  CHECK(RunsAfterAnAddDidTheWork(clock, naive, [](auto& it) { it.AddAfter({"", "a"}, seconds(20)); }) == 2);
}

TEST_CASE("[ENGINE] incident: neither a flood of rescans starves fresh events, nor fresh events the rescans") {
  struct Row {
    const char* name;
    Priority flood;
    milliseconds waits_max;
  };
  // One key is run in a second. A fresh event waits for the run in hand alone; a rescan for the ageing time.
  for (const Row& row :
       {Row{"rescans flood", Priority::kLow, seconds(1)}, Row{"fresh events flood", Priority::kNormal, seconds(31)}}) {
    CAPTURE(row.name);
    tests::FakeClock clock;
    tests::SeededEntropy entropy;
    WorkQueue queue(clock, entropy);
    const auto began = clock.SteadyNow();
    const bool floods_low = row.flood == Priority::kLow;
    if (floods_low)
      for (int i = 0; i < 1'000; ++i) queue.Add({"", std::to_string(i)}, {.priority = Priority::kLow});
    queue.Add({"", "one"}, {.priority = floods_low ? Priority::kNormal : Priority::kLow});
    for (int second = 0; second < 100; ++second) {
      if (!floods_low) queue.Add({"", std::to_string(second)});
      const auto taken = queue.TakeReady();
      REQUIRE(taken);
      queue.Done(*taken);
      clock.Advance(seconds(1));
      if (taken->name == "one") break;
    }
    CHECK(clock.SteadyNow() - began <= row.waits_max + seconds(1));
  }
}

TEST_CASE("[ENGINE] incident: a thousand failures of one key do not delay the first retry of another") {
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  for (int i = 0; i < 1'000; ++i) queue.AddRateLimited({"", "bad"});
  queue.AddRateLimited({"", "good"});
  CHECK(*queue.NextReady() <= clock.SteadyNow() + milliseconds(50));
  clock.Advance(milliseconds(50));
  std::string taken;
  while (const auto request = queue.TakeReady()) taken += request->name + " ";
  CHECK(taken.find("good") != std::string::npos);
}

TEST_CASE("[ENGINE] incident: after an outage the retries do not all fire at once") {
  // Every key has failed five times; without jitter all of them would be ready in the same instant.
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  for (int i = 0; i < 200; ++i)
    for (int failures = 0; failures < 5; ++failures) {
      queue.AddRateLimited({"", std::to_string(i)});
      if (failures < 4) queue.Cancel({"", std::to_string(i)});
    }
  constexpr int kSlices = 8;  // Of the fifth failure's 800 ms.
  std::size_t most = 0;
  for (int slice = 0; slice < kSlices; ++slice) {
    clock.Advance(milliseconds(100));
    std::size_t in_slice = 0;
    for (; queue.TakeReady(); ++in_slice) continue;
    most = std::max(most, in_slice);
  }
  CHECK(most < 60);  // 25 each, if they spread evenly.
}

}  // namespace
}  // namespace reconciler
