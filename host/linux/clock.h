#pragma once

#include <chrono>

#include "host/clock.h"

namespace host::linux {

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  api::Time Now() const override;
  std::chrono::steady_clock::time_point SteadyNow() const override;
};

}  // namespace host::linux
