#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/meta/object.h"
#include "reconciler/object_times.h"
#include "reconciler/queue_stats.h"
#include "reconciler/seconds_histogram.h"

namespace reconciler {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// Numbers about the engine, by the names that dashboards of client-go and controller-runtime know. Whoever serves them
/// chooses the format.
struct MetricSample {
  MetricLabels labels{};
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

/// The sample of a histogram.
MetricSample SampleOf(MetricLabels labels, const SecondsHistogram& histogram);

/// What a loop has done so far.
struct LoopStats {
  LoopStats();

  std::uint64_t succeeded = 0;
  std::uint64_t waiting = 0;   ///< For long work or an approval.
  std::uint64_t failed = 0;    ///< All errors.
  std::uint64_t terminal = 0;  ///< Of these, what only another spec mends.
  std::uint64_t threw = 0;     ///< Of these, exceptions.
  std::uint64_t slow = 0;      ///< Observed for longer than allowed.
  std::uint64_t stale = 0;     ///< Put off, because a cache was behind the controller's own writes.
  std::int64_t active = 0;     ///< Workers that are reconciling now.
  // How long the passes took, in the buckets of three tools.
  SecondsHistogram times;       ///< controller-runtime.
  SecondsHistogram gotk_times;  ///< Flux.
  SecondsHistogram argo_times;  ///< Argo CD.

  void CountTime(std::chrono::duration<double> took);
};

/// What there is of one kind, by what its status says.
struct ObjectCounts {
  std::size_t exist = 0;
  std::size_t ready = 0;
  std::size_t synced = 0;                                        ///< See Snapshot.
  std::vector<std::pair<std::string, std::string>> suspended{};  ///< Namespace and name; kSuspendedMax at most.

  /// A dashboard's list; who suspends more than that has stopped the box and knows it.
  static constexpr std::size_t kSuspendedMax = 1000;
};

/// The families of one or more loops; `controller` is the label.
struct LoopMetrics {
  std::string controller{};
  api::KindInfo kind{};  ///< Of its objects; a constant.
  int workers = 0;
  ObjectCounts objects{};
  ObjectTimeStats object_times{};
  LoopStats loop{};
  QueueStats queue{};
};
std::vector<MetricFamily> MetricsOf(const std::vector<LoopMetrics>& loops);

}  // namespace reconciler
