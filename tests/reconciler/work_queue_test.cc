#include "reconciler/work_queue.h"

#include <array>
#include <atomic>
#include <latch>
#include <thread>

#include <doctest/doctest.h>

#include "host/linux/clock.h"
#include "tests/support/harness.h"

namespace reconciler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Bench {
  explicit Bench(WorkQueueOptions options = {}) : queue(clock, entropy, options) {}

  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue;

  /// The names of all ready keys, in the order in which they are handed out; each is done at once.
  std::string TakeAll() {
    std::string names;
    while (const auto request = queue.TakeReady()) {
      names += request->name;
      queue.Done(*request);
    }
    return names;
  }
};

TEST_CASE("[HTB-18] work queue: a key that is added three times is handed out once") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.queue.Add({"", "a"});
  CHECK(bench.TakeAll() == "a");
}

TEST_CASE("[ENGINE] work queue: a key that is added while it is worked on comes back once, afterwards") {
  Bench bench;
  bench.queue.Add({"", "a"});
  const auto held = bench.queue.TakeReady();
  REQUIRE(held);
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "a"});
  CHECK_FALSE(bench.queue.TakeReady());  // Never two workers on one key.
  bench.queue.Done(*held);
  CHECK(bench.TakeAll() == "a");
}

TEST_CASE("[ENGINE] work queue: a held key does not block those behind it") {
  Bench bench;
  bench.queue.Add({"", "a"});
  const auto held = bench.queue.TakeReady();
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "b"});
  CHECK(bench.TakeAll() == "b");
  bench.queue.Done(*held);
  CHECK(bench.TakeAll() == "a");
}

TEST_CASE("[ENGINE] work queue: an add at once replaces the delayed entry, so the work is done once") {
  Bench bench;
  bench.queue.Add({"", "a"}, {.after = seconds(10)});
  CHECK(bench.TakeAll() == "");
  bench.queue.Add({"", "a"});
  CHECK(bench.TakeAll() == "a");
  bench.clock.Advance(seconds(20));
  CHECK(bench.TakeAll() == "");
}

TEST_CASE("[ENGINE] work queue: of two delays the earlier one wins, whichever came first") {
  struct Row {
    const char* name;
    int first;
    int second;
  };
  for (const Row& row : {Row{"earlier last", 10, 5}, Row{"earlier first", 5, 10}}) {
    CAPTURE(row.name);
    Bench bench;
    bench.queue.Add({"", "a"}, {.after = seconds(row.first)});
    bench.queue.Add({"", "a"}, {.after = seconds(row.second)});
    bench.clock.Advance(milliseconds(4'999));
    CHECK(bench.TakeAll() == "");
    bench.clock.Advance(milliseconds(1));
    CHECK(bench.TakeAll() == "a");
  }
}

TEST_CASE("[ENGINE] work queue: urgent keys first, each level in order of becoming ready") {
  Bench bench;
  bench.queue.Add({"", "x"}, {.priority = Priority::kLow});
  bench.queue.Add({"", "y"}, {.priority = Priority::kLow});
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "b"});
  CHECK(bench.TakeAll() == "abxy");
}

TEST_CASE("[ENGINE] work queue: a low key waits at most the ageing time behind a stream of urgent ones") {
  Bench bench;
  bench.queue.Add({"", "low"}, {.priority = Priority::kLow});
  for (int second = 0; second < 30; ++second) {
    bench.queue.Add({"", "fresh" + std::to_string(second)});
    const auto taken = bench.queue.TakeReady();
    REQUIRE(taken);
    CHECK(taken->name != "low");
    bench.queue.Done(*taken);
    bench.clock.Advance(seconds(1));
  }
  bench.clock.Advance(milliseconds(1));
  bench.queue.Add({"", "late"});
  CHECK(bench.queue.TakeReady()->name == "low");
}

TEST_CASE(
    "[ENGINE] work queue: a raised priority lets a waiting key overtake, and never drops again while it is queued") {
  Bench bench;
  bench.queue.Add({"", "x"}, {.priority = Priority::kLow});
  bench.queue.Add({"", "y"}, {.priority = Priority::kLow});
  bench.queue.Add({"", "y"});
  bench.queue.Add({"", "y"}, {.priority = Priority::kLow});
  CHECK(bench.TakeAll() == "yx");
}

TEST_CASE("[ENGINE] work queue: a delayed key keeps the highest priority that it was asked for with") {
  Bench bench;
  bench.queue.Add({"", "x"}, {.priority = Priority::kLow});
  bench.queue.Add({"", "y"}, {.priority = Priority::kLow, .after = seconds(1)});
  bench.queue.Add({"", "y"}, {.after = seconds(5)});
  bench.clock.Advance(seconds(1));
  CHECK(bench.TakeAll() == "yx");
}

TEST_CASE(
    "[ENGINE] work queue: backoff doubles below its cap, jittered over the whole span, and Forget starts it anew") {
  Bench bench(WorkQueueOptions{.breaker_after = 0});
  const Request key{"", "a"};
  milliseconds ceiling{50};
  for (int n = 0; n <= 40; ++n) {
    CAPTURE(n);
    bench.queue.AddRateLimited(key);
    CHECK(bench.queue.failures(key) == n + 1);
    const auto ready = bench.queue.NextReady();
    REQUIRE(ready);
    CHECK(*ready > bench.clock.SteadyNow());
    CHECK(*ready <= bench.clock.SteadyNow() + ceiling);
    bench.clock.Advance(ceiling);
    CHECK(bench.TakeAll() == "a");
    ceiling = std::min(ceiling * 2, milliseconds(std::chrono::minutes(5)));
  }
  bench.queue.Forget(key);
  CHECK(bench.queue.failures(key) == 0);
  bench.queue.AddRateLimited(key);
  CHECK(*bench.queue.NextReady() <= bench.clock.SteadyNow() + milliseconds(50));
}

TEST_CASE("[ENGINE] work queue: after an outage the retries of a hundred keys do not come together") {
  Bench bench;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 100; ++i) bench.queue.AddRateLimited({"", std::to_string(i)});
    bench.clock.Advance(std::chrono::minutes(10));
    bench.TakeAll();
  }
  for (int i = 0; i < 100; ++i) bench.queue.AddRateLimited({"", std::to_string(i)});
  // The eighth failure's span is 12.8 s: in its first quarter there are some of them and far from all.
  bench.clock.Advance(milliseconds(3'200));
  int early = 0;
  while (bench.queue.TakeReady()) ++early;
  CHECK(early > 5);
  CHECK(early < 50);
}

TEST_CASE("[ENGINE] work queue: a cancelled key is not handed out") {
  Bench bench;
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "b"}, {.after = seconds(1)});
  CHECK(bench.queue.Cancel({"", "a"}));
  CHECK(bench.queue.Cancel({"", "b"}));
  CHECK_FALSE(bench.queue.Cancel({"", "a"}));
  bench.clock.Advance(seconds(2));
  CHECK(bench.TakeAll() == "");
}

TEST_CASE("[ENGINE] work queue: a full queue refuses new keys and takes known ones") {
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy, {.keys_max = 2});
  CHECK(queue.Add({"", "a"}));
  CHECK(queue.Add({"", "b"}));
  CHECK_FALSE(queue.Add({"", "c"}));
  CHECK_FALSE(queue.AddRateLimited({"", "c"}));
  CHECK(queue.failures({"", "c"}) == 0);  // A refused key leaves no trace.
  CHECK(queue.Add({"", "a"}));
}

TEST_CASE("[ENGINE] work queue: shut down, it drops what waits or is ready, refuses what comes and ends every Get") {
  Bench bench;
  bench.queue.Add({"", "held"});
  const auto held = bench.queue.TakeReady();
  bench.queue.Add({"", "held"});
  bench.queue.Add({"", "ready"});
  bench.queue.Add({"", "delayed"}, {.after = seconds(1)});
  bench.queue.ShutDown();
  CHECK_FALSE(bench.queue.Add({"", "new"}));
  CHECK_FALSE(bench.queue.AddRateLimited({"", "held"}));
  CHECK_FALSE(bench.queue.Get({}));
  bench.queue.Done(*held);
  bench.clock.Advance(seconds(2));
  CHECK_FALSE(bench.queue.TakeReady());
  CHECK(bench.queue.Inspect().empty());
}

TEST_CASE("[ENGINE] work queue: draining, it hands out what is ready, drops what is delayed and refuses what comes") {
  Bench bench;
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "b"}, {.after = seconds(1)});
  bench.queue.ShutDownWithDrain();
  CHECK_FALSE(bench.queue.NextReady());
  CHECK_FALSE(bench.queue.Add({"", "c"}));
  const auto held = bench.queue.Get({});
  REQUIRE(held);
  CHECK(held->name == "a");
  CHECK_FALSE(bench.queue.AddRateLimited({"", "a"}));  // Not even a key in hand comes again.
  bench.queue.Done(*held);
  CHECK_FALSE(bench.queue.Get({}));
}

TEST_CASE("[ENGINE] work queue: a drain that takes too long is ended by a shutdown, which drops the rest") {
  Bench bench;
  for (const char* name : {"a", "b"}) bench.queue.Add({"", name});
  const auto held = bench.queue.TakeReady();
  bench.queue.ShutDownWithDrain();
  bench.queue.ShutDown();
  CHECK_FALSE(bench.queue.Get({}));
  bench.queue.Done(*held);
  CHECK(bench.queue.Inspect().empty());
}

TEST_CASE(
    "[ENGINE] work queue: drained while a key is in hand and comes back, it is handed out once more, then all end") {
  // Workers that waited here used to spin on the key that none of them could take.
  Bench bench;
  bench.queue.Add({"", "a"});
  const auto held = bench.queue.TakeReady();
  bench.queue.Add({"", "a"});
  std::atomic<int> handed_out = 0;
  {
    std::vector<std::jthread> workers;
    workers.reserve(4);
    for (int i = 0; i < 4; ++i)
      workers.emplace_back([&] {
        while (const auto request = bench.queue.Get({})) {
          ++handed_out;
          bench.queue.Done(*request);
        }
      });
    bench.queue.ShutDownWithDrain();
    bench.queue.Done(*held);
  }
  CHECK(handed_out == 1);
}

TEST_CASE("[ENGINE] work queue: what a worker waits for may be cancelled or replaced under it") {
  // The wait once kept a reference into an entry that an Add had freed; the address sanitizer sees it.
  const host::linux::SystemClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  queue.Add({"", "a"}, {.after = milliseconds(20)});
  std::atomic<bool> is_taken = false;
  std::jthread worker([&] {
    const auto request = queue.Get({});
    is_taken = request && request->name == "a";
    if (request) queue.Done(*request);
  });
  for (int i = 0; i < 2'000; ++i) {
    queue.Cancel({"", "a"});
    queue.Add({"", "a"}, {.after = milliseconds(20)});
  }
  queue.Add({"", "a"});
  worker.join();
  CHECK(is_taken);
}

TEST_CASE("[ENGINE] work queue: one worker waits for the clock, and hands that over when it gets a key") {
  const host::linux::SystemClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  for (int after = 5; after <= 20; after += 5) queue.Add({"", std::to_string(after)}, {.after = milliseconds(after)});
  std::latch all_in_hand(4);  // Hangs when a key's time comes and nobody looks.
  std::vector<std::jthread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i)
    workers.emplace_back([&] {
      const auto request = queue.Get({});
      all_in_hand.arrive_and_wait();
      if (request) queue.Done(*request);
    });
  workers.clear();
  CHECK(queue.Inspect().empty());
}

TEST_CASE("[ENGINE] work queue: keys that fail hold at most their share of the workers while others are ready") {
  Bench bench(WorkQueueOptions{.retries_max = 2});
  for (const char* name : {"x1", "x2", "x3", "x4"}) bench.queue.AddRateLimited({"", name});
  bench.clock.Advance(seconds(1));
  for (const char* name : {"a", "b"}) bench.queue.Add({"", name});
  std::string order;
  std::vector<Request> held;
  while (const auto request = bench.queue.TakeReady()) {
    order += request->name[0];
    held.push_back(*request);
  }
  // Two retries by their age, then the healthy ones; and no worker idles once those are in hand.
  CHECK(order == "xxabxx");
  for (const Request& request : held) bench.queue.Done(request);
  bench.queue.AddRateLimited({"", "x1"});
  bench.clock.Advance(seconds(1));
  bench.queue.Add({"", "late"});
  CHECK(bench.queue.TakeReady()->name == "x1");  // Its turn, and the share is free again.
}

TEST_CASE("[ENGINE] work queue: a key that goes on failing is broken, rests for long, and Forget mends it") {
  Bench bench(WorkQueueOptions{.breaker_after = 3});
  const Request key{"", "a"};
  for (int failures = 1; failures <= 5; ++failures) {
    CAPTURE(failures);
    bench.queue.AddRateLimited(key);
    CHECK(bench.queue.IsBroken(key) == (failures >= 3));
    const auto rests = *bench.queue.NextReady() - bench.clock.SteadyNow();
    if (failures < 3) {
      CHECK(rests <= milliseconds(50 << (failures - 1)));
    } else {
      CHECK(rests > std::chrono::minutes(5));
      CHECK(rests <= std::chrono::minutes(10));
    }
    bench.clock.Advance(std::chrono::minutes(10));
    CHECK(bench.TakeAll() == "a");
  }
  bench.queue.Forget(key);
  CHECK_FALSE(bench.queue.IsBroken(key));
  bench.queue.AddRateLimited(key);
  CHECK(*bench.queue.NextReady() <= bench.clock.SteadyNow() + milliseconds(50));
}

TEST_CASE("[ENGINE] work queue: a broken key that somebody changes is looked at now") {
  Bench bench(WorkQueueOptions{.breaker_after = 1});
  bench.queue.AddRateLimited({"", "a"});
  bench.queue.Add({"", "a"});
  CHECK(bench.TakeAll() == "a");
}

TEST_CASE("[ENGINE] work queue: it knows why a key was added last, whatever the caller does with the text") {
  Bench bench;
  const auto cause = [&] { return bench.queue.Inspect().at(0).last_cause; };
  bench.queue.Add({"", "a"}, {.cause = "spec changed"});
  CHECK(cause() == "spec changed");
  std::string text = "retry: FetchFailed";
  bench.queue.AddRateLimited({"", "a"}, Priority::kNormal, text);
  text = std::string(text.size(), '-');
  CHECK(cause() == "retry: FetchFailed");
  bench.queue.Add({"", "a"}, {.cause = std::string(500, 'x')});
  CHECK(cause() == std::string(120, 'x'));
}

TEST_CASE("[ENGINE] work queue: counts what was added, waited and worked") {
  Bench bench;
  bench.queue.Add({"", "a"});
  bench.queue.Add({"", "a"});  // The same run.
  bench.queue.Add({"", "b"}, {.priority = Priority::kLow});
  bench.queue.AddRateLimited({"", "c"});
  bench.clock.Advance(seconds(3));
  QueueStats stats = bench.queue.Stats();
  CHECK(stats.depth == std::array<std::size_t, 2>{1, 1});
  CHECK(stats.delayed == 1);
  CHECK(stats.adds_total == 2);
  CHECK(stats.retries_total == 1);
  CHECK(stats.oldest_ready_age == seconds(3));

  REQUIRE(bench.queue.TakeReady()->name == "a");
  bench.clock.Advance(seconds(2));
  stats = bench.queue.Stats();
  CHECK(stats.adds_total == 3);  // The retry's time has come.
  CHECK(stats.held == 1);
  CHECK(stats.unfinished_work == seconds(2));
  CHECK(stats.longest_running == seconds(2));
  CHECK(stats.queue_duration.count == 1);
  CHECK(stats.queue_duration.sum == seconds(3));
  CHECK(stats.queue_duration.counts[9] == 1);  // Above 1 s, up to 10 s.

  bench.queue.Done({"", "a"});
  stats = bench.queue.Stats();
  CHECK(stats.unfinished_work == seconds(0));
  CHECK(stats.work_duration.sum == seconds(2));
  CHECK(stats.work_duration.counts[9] == 1);
}

TEST_CASE("[ENGINE] work queue: durations are counted in client-go's buckets, 10 ns to 1000 s") {
  DurationHistogram histogram;
  CHECK(DurationHistogram::Bound(0) == std::chrono::nanoseconds(10));
  CHECK(DurationHistogram::Bound(11) == seconds(1'000));
  for (const std::int64_t duration : {0LL, 10LL, 11LL, 1'000'000'000'000LL, 1'000'000'000'001LL})
    histogram.Count(std::chrono::nanoseconds(duration));
  CHECK(histogram.counts[0] == 2);
  CHECK(histogram.counts[1] == 1);
  CHECK(histogram.counts[11] == 1);
  CHECK(histogram.counts[12] == 1);
  CHECK(histogram.count == 5);
}

TEST_CASE("[ENGINE] work queue: it tells what it holds") {
  Bench bench;
  bench.queue.Add({"", "ready"});
  bench.queue.Add({"", "waiting"}, {.after = seconds(5)});
  bench.queue.Add({"", "held"}, {.priority = Priority::kNormal});
  bench.queue.Cancel({"", "ready"});
  REQUIRE(bench.queue.TakeReady()->name == "held");
  bench.queue.Add({"", "ready"});
  bench.clock.Advance(seconds(2));
  std::map<std::string, QueuedKey> keys;
  for (const QueuedKey& key : bench.queue.Inspect()) keys[key.request.name] = key;
  REQUIRE(keys.size() == 3);
  CHECK(keys["ready"].state == QueuedKey::State::kReady);
  CHECK(keys["ready"].age == seconds(2));
  CHECK(keys["waiting"].state == QueuedKey::State::kWaiting);
  CHECK(keys["waiting"].ready_in == seconds(3));
  CHECK(keys["held"].state == QueuedKey::State::kProcessing);
}

TEST_CASE("[ENGINE] work queue: many threads never hold one key twice, and no add is lost") {
  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  WorkQueue queue(clock, entropy);
  constexpr int kKeys = 16;
  constexpr int kAddsPerProducer = 2'000;
  std::array<std::atomic<int>, kKeys> holders{};
  std::array<std::atomic<int>, kKeys> wanted{};  // Last number that a producer asked for.
  std::array<std::atomic<int>, kKeys> seen{};
  std::atomic<bool> was_held_twice = false;
  {
    std::vector<std::jthread> workers;
    workers.reserve(4);
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back([&](std::stop_token stop) {
        while (const auto request = queue.Get(stop)) {
          const auto key = static_cast<std::size_t>(std::stoi(request->name));
          if (holders[key].fetch_add(1) != 0) was_held_twice = true;
          seen[key] = wanted[key].load();
          holders[key].fetch_sub(1);
          queue.Done(*request);
        }
      });
    }
    std::vector<std::jthread> producers;
    producers.reserve(2);
    for (std::size_t producer = 0; producer < 2; ++producer) {
      producers.emplace_back([&, producer] {
        for (int i = 0; i < kAddsPerProducer; ++i) {
          const std::size_t key = producer * 8 + static_cast<std::size_t>(i % 8);
          wanted[key] = i + 1;
          queue.Add({"", std::to_string(key)});
        }
      });
    }
    producers.clear();  // Joins.
    queue.ShutDownWithDrain();
    for (std::jthread& worker : workers) worker.join();
  }
  CHECK_FALSE(was_held_twice);
  for (std::size_t key = 0; key < kKeys; ++key) CHECK(seen[key] == wanted[key]);
}

}  // namespace
}  // namespace reconciler
