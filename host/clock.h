#pragma once

#include <chrono>

#include "api/meta/time.h"

namespace host {

/// The only place from which anybody reads the time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// For timestamps: may jump when the machine's clock is set.
  virtual api::Time Now() const = 0;
  /// For deadlines and delays: never goes back.
  virtual std::chrono::steady_clock::time_point SteadyNow() const = 0;
};

}  // namespace host
