#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/queue_stats.h"

namespace reconciler {

/// Numbers about the engine, by the names that dashboards of client-go and controller-runtime know. Whoever serves them
/// chooses the format.
struct MetricSample {
  std::vector<std::pair<std::string, std::string>> labels{};
  double value = 0;  ///< Of a counter or gauge.
  /// Of a histogram: (upper bound in seconds, observations up to it, the smaller ones included); the last is all.
  std::vector<std::pair<double, std::uint64_t>> buckets{};
  double sum_seconds = 0;
};

struct MetricFamily {
  enum class Type { kCounter, kGauge, kHistogram };

  std::string name{};
  std::string help{};
  Type type = Type::kGauge;
  std::vector<MetricSample> samples{};
};

/// What a loop has done so far.
struct LoopStats {
  /// controller-runtime's buckets from 5 ms to 60 s, the ones between 5 ms and 1 s that no reconcile of ours comes near
  /// left out.
  static constexpr std::array<double, 12> kBoundsSeconds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                            0.5,   1,    2.5,   5,    10,  60};

  std::uint64_t succeeded = 0;
  std::uint64_t waiting = 0;                                     ///< For long work or an approval.
  std::uint64_t failed = 0;                                      ///< All errors.
  std::uint64_t terminal = 0;                                    ///< Of these, what only another spec mends.
  std::uint64_t threw = 0;                                       ///< Of these, exceptions.
  std::uint64_t slow = 0;                                        ///< Observed for longer than allowed.
  std::int64_t active = 0;                                       ///< Workers that are reconciling now.
  std::array<std::uint64_t, kBoundsSeconds.size() + 1> times{};  ///< Of each bucket alone; the last has no bound.
  std::chrono::duration<double> time_sum{0};

  void CountTime(std::chrono::duration<double> took);
};

/// The families of one or more loops; `controller` is the label.
struct LoopMetrics {
  std::string controller{};
  int workers = 0;
  LoopStats loop{};
  QueueStats queue{};
};
std::vector<MetricFamily> MetricsOf(const std::vector<LoopMetrics>& loops);

}  // namespace reconciler
