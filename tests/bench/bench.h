#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

/// What the programs of `make bench` share. They print lines `name value unit`; tests/bench/bench_report.cc makes the
/// table.
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

/// A figure of a process in KiB, by the name that its line begins with in a file of /proc/PID; 0 when it is not there.
inline double KibOfProcess(pid_t pid, const std::string& file, std::string_view name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name)) return std::stod(line.substr(name.size()));
  return 0;
}
/// What only that process has.
inline double PrivateKib(pid_t pid) {
  return KibOfProcess(pid, "smaps_rollup", "Private_Clean:") + KibOfProcess(pid, "smaps_rollup", "Private_Dirty:");
}

/// The value below which `share` of them lie.
inline double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto index = static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

}  // namespace bench
