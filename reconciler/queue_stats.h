#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "reconciler/work_queue_entry.h"

namespace reconciler {

/// Durations counted by size, in client-go's buckets: up to 10 ns, 100 ns, … 1 000 s, and more.
struct DurationHistogram {
  static constexpr std::size_t kBounds = 12;

  std::array<std::uint64_t, kBounds + 1> counts{};  ///< Of each bucket alone, not cumulative.
  std::uint64_t count = 0;
  std::chrono::nanoseconds sum{0};

  /// The upper end of a bucket, included in it; the last bucket has none.
  static constexpr std::chrono::nanoseconds Bound(std::size_t bucket) {
    std::chrono::nanoseconds bound{10};
    for (std::size_t i = 0; i < bucket; ++i) bound *= 10;
    return bound;
  }
  void Count(std::chrono::nanoseconds duration) {
    std::size_t bucket = 0;
    std::chrono::nanoseconds bound{10};
    for (; bucket < kBounds && duration > bound; ++bucket) bound *= 10;
    ++counts[bucket];
    ++count;
    sum += duration;
  }
};

/// What a WorkQueue has done so far and has before it, for metrics (workqueue_* of client-go).
struct QueueStats {
  std::array<std::size_t, kPriorities> depth{};  ///< Keys whose time has come, by priority; those that come back too.
  std::size_t delayed = 0;
  std::size_t held = 0;
  std::uint64_t adds_total = 0;        ///< Each time that a key became ready.
  std::uint64_t retries_total = 0;     ///< Calls of AddRateLimited that were taken.
  DurationHistogram queue_duration{};  ///< From being ready to being handed out.
  /// From Get to Done, ended by the first look at the clock after Done: in a worker that is its next Get.
  DurationHistogram work_duration{};
  std::chrono::nanoseconds unfinished_work{0};   ///< Sum over the keys in hand.
  std::chrono::nanoseconds longest_running{0};   ///< Of the keys in hand.
  std::chrono::nanoseconds oldest_ready_age{0};  ///< Of the first key of each level.
};

}  // namespace reconciler
