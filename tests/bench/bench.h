#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

/// What the programs of `make bench` share. They print lines `name value unit`; tests/bench/report.cc makes the table.
namespace bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}
inline double MillisecondsSince(Clock::time_point began) { return SecondsSince(began) * 1e3; }

inline void Print(const char* name, double value, const char* unit) {
  std::printf("%s %.6g %s\n", name, value, unit);
  std::fflush(stdout);
}

/// The value below which `share` of them lie.
inline double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto index = static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

}  // namespace bench
