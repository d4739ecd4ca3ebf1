// reconciler::WorkQueue on one thread: add a key, get it, say done; a thousand keys in turn. The peers do the same in
// tests/bench/peers/queue.
#include <string>

#include "host/linux/clock.h"
#include "host/linux/entropy.h"
#include "reconciler/work_queue.h"
#include "tests/bench/bench.h"

namespace {

constexpr std::size_t kKeys = 1'000;
constexpr int kRounds = 2'000'000;  // Some 0.2 s, long against a tick of the scheduler.

std::vector<reconciler::Request> Keys(const std::string& prefix) {
  std::vector<reconciler::Request> keys;
  for (std::size_t i = 0; i < kKeys; ++i) keys.push_back({"", prefix + std::to_string(10'000 + i)});
  return keys;
}

/// Nanoseconds of the best of three turns: what disturbs only adds.
double AddGetDone(reconciler::WorkQueue& queue, const std::string& prefix) {
  const auto keys = Keys(prefix);
  double best = 1e9;
  for (int turn = 0; turn < 3; ++turn) {
    const auto began = bench::Clock::now();
    for (std::size_t i = 0; i < kRounds; ++i) {
      queue.Add(keys[i % kKeys]);
      const auto request = queue.Get({});
      queue.Done(*request);
    }
    best = std::min(best, bench::SecondsSince(began) / kRounds * 1e9);
  }
  return best;
}

}  // namespace

int main() {
  const host::linux::SystemClock clock;
  host::linux::SystemEntropy entropy;
  reconciler::WorkQueue queue(clock, entropy);
  bench::Print("queue-add-get-done", AddGetDone(queue, "user-"), "ns");
  bench::Print("queue-long-names", AddGetDone(queue, "integration-hero-slides-"), "ns");
  for (const reconciler::Request& key : Keys("waiting-"))
    for (int i = 0; i < 100; ++i) queue.Add({std::to_string(i), key.name}, {.after = std::chrono::minutes(10)});
  bench::Print("queue-100000-delayed", AddGetDone(queue, "user-"), "ns");
}
