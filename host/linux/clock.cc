#include "host/linux/clock.h"

namespace host::linux {

api::Time SystemClock::Now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point SystemClock::SteadyNow() const { return std::chrono::steady_clock::now(); }

}  // namespace host::linux
