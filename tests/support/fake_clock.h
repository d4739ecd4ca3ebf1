#pragma once

#include <chrono>
#include <mutex>

#include "host/clock.h"

namespace tests {

/// Stands still until a test moves it. Thread-safe.
class FakeClock final : public host::Clock {
 public:
  /// 2026-11-20T20:58:51Z unless told otherwise.
  explicit FakeClock(api::Time start = api::Time(std::chrono::seconds(1'795'208'331))) : now_(start) {}

  api::Time Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::chrono::steady_clock::time_point SteadyNow() const override {
    const std::lock_guard lock(mutex_);
    return steady_now_;
  }

  /// Time passes: both clocks move.
  void Advance(std::chrono::microseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    steady_now_ += by;
  }
  /// Somebody sets the machine's clock: only the wall clock jumps.
  void SetWall(api::Time now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  api::Time now_;
  std::chrono::steady_clock::time_point steady_now_{std::chrono::hours(1)};
};

}  // namespace tests
