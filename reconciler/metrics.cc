#include "reconciler/metrics.h"

#include <functional>

namespace reconciler {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;
using Type = MetricFamily::Type;

double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }
double Number(std::uint64_t count) { return static_cast<double>(count); }

MetricSample Histogram(Labels labels, const DurationHistogram& histogram) {
  MetricSample sample{.labels = std::move(labels), .sum_seconds = Seconds(histogram.sum)};
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < DurationHistogram::kBounds; ++i)
    sample.buckets.emplace_back(Seconds(DurationHistogram::Bound(i)), up_to += histogram.counts[i]);
  sample.buckets.emplace_back(0, histogram.count);
  return sample;
}

MetricSample Histogram(Labels labels, const LoopStats& stats) {
  MetricSample sample{.labels = std::move(labels), .sum_seconds = stats.time_sum.count()};
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < LoopStats::kBoundsSeconds.size(); ++i)
    sample.buckets.emplace_back(LoopStats::kBoundsSeconds[i], up_to += stats.times[i]);
  sample.buckets.emplace_back(0, up_to + stats.times.back());
  return sample;
}

/// One family with a sample of each loop.
class Families {
 public:
  explicit Families(const std::vector<LoopMetrics>& loops) : loops_(loops) {}

  /// Labelled as client-go does: by name and controller.
  void Queue(std::string name, std::string help, Type type, const std::function<double(const QueueStats&)>& value) {
    MetricFamily& family = Add(std::move(name), std::move(help), type);
    for (const LoopMetrics& loop : loops_)
      family.samples.push_back({.labels = QueueLabels(loop), .value = value(loop.queue)});
  }
  void QueueHistogram(std::string name, std::string help, DurationHistogram QueueStats::*field) {
    MetricFamily& family = Add(std::move(name), std::move(help), Type::kHistogram);
    for (const LoopMetrics& loop : loops_) family.samples.push_back(Histogram(QueueLabels(loop), loop.queue.*field));
  }
  void Loop(std::string name, std::string help, Type type, const std::function<double(const LoopMetrics&)>& value) {
    MetricFamily& family = Add(std::move(name), std::move(help), type);
    for (const LoopMetrics& loop : loops_)
      family.samples.push_back({.labels = {{"controller", loop.controller}}, .value = value(loop)});
  }
  MetricFamily& Add(std::string name, std::string help, Type type) {
    return families_.emplace_back(MetricFamily{std::move(name), std::move(help), type, {}});
  }

  static Labels QueueLabels(const LoopMetrics& loop) {
    return {{"controller", loop.controller}, {"name", loop.controller}};
  }
  std::vector<MetricFamily> Take() && { return std::move(families_); }

 private:
  const std::vector<LoopMetrics>& loops_;
  std::vector<MetricFamily> families_;
};

void AddQueues(Families& families, const std::vector<LoopMetrics>& loops) {
  MetricFamily& depth = families.Add("workqueue_depth", "Keys whose time has come.", Type::kGauge);
  for (const LoopMetrics& loop : loops)
    for (std::size_t level = 0; level < loop.queue.depth.size(); ++level) {
      Labels labels = Families::QueueLabels(loop);
      labels.emplace_back("priority", std::to_string(level));
      depth.samples.push_back({.labels = std::move(labels), .value = Number(loop.queue.depth[level])});
    }
  families.Queue("workqueue_adds_total", "Times that a key became ready.", Type::kCounter,
                 [](const QueueStats& queue) { return Number(queue.adds_total); });
  families.Queue("workqueue_retries_total", "Adds with a backoff.", Type::kCounter,
                 [](const QueueStats& queue) { return Number(queue.retries_total); });
  families.Queue("workqueue_unfinished_work_seconds", "Sum over the keys in hand.", Type::kGauge,
                 [](const QueueStats& queue) { return Seconds(queue.unfinished_work); });
  families.Queue("workqueue_longest_running_processor_seconds", "Of the keys in hand.", Type::kGauge,
                 [](const QueueStats& queue) { return Seconds(queue.longest_running); });
  families.Queue("workqueue_oldest_ready_seconds", "How long the first ready key has waited.", Type::kGauge,
                 [](const QueueStats& queue) { return Seconds(queue.oldest_ready_age); });
  families.QueueHistogram("workqueue_queue_duration_seconds", "From being ready to being handed out.",
                          &QueueStats::queue_duration);
  families.QueueHistogram("workqueue_work_duration_seconds", "From being handed out to done.",
                          &QueueStats::work_duration);
}

void AddLoops(Families& families, const std::vector<LoopMetrics>& loops) {
  MetricFamily& total =
      families.Add("controller_runtime_reconcile_total", "Reconciles, by what they came to.", Type::kCounter);
  for (const LoopMetrics& loop : loops)
    for (const auto& [result, count] :
         {std::pair{"success", loop.loop.succeeded}, {"requeue_after", loop.loop.waiting}, {"error", loop.loop.failed}})
      total.samples.push_back(
          {.labels = {{"controller", loop.controller}, {"result", result}}, .value = Number(count)});
  const auto counter = [&](std::string name, std::string help, std::uint64_t LoopStats::*field) {
    families.Loop(std::move(name), std::move(help), Type::kCounter,
                  [field](const LoopMetrics& loop) { return Number(loop.loop.*field); });
  };
  counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.", &LoopStats::failed);
  counter("controller_runtime_terminal_reconcile_errors_total", "Those that only another spec mends.",
          &LoopStats::terminal);
  counter("controller_runtime_reconcile_panics_total", "Those that threw.", &LoopStats::threw);
  counter("controller_runtime_reconcile_timeouts_total", "Looks that took longer than a second.", &LoopStats::slow);
  families.Loop("controller_runtime_max_concurrent_reconciles", "Workers.", Type::kGauge,
                [](const LoopMetrics& loop) { return static_cast<double>(loop.workers); });
  families.Loop("controller_runtime_active_workers", "Workers that reconcile now.", Type::kGauge,
                [](const LoopMetrics& loop) { return static_cast<double>(loop.loop.active); });
  MetricFamily& times =
      families.Add("controller_runtime_reconcile_time_seconds", "How long a reconcile took.", Type::kHistogram);
  for (const LoopMetrics& loop : loops)
    times.samples.push_back(Histogram({{"controller", loop.controller}}, loop.loop));
}

}  // namespace

void LoopStats::CountTime(std::chrono::duration<double> took) {
  std::size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && took.count() > kBoundsSeconds[bucket]) ++bucket;
  ++times[bucket];
  time_sum += took;
}

std::vector<MetricFamily> MetricsOf(const std::vector<LoopMetrics>& loops) {
  Families families(loops);
  AddQueues(families, loops);
  AddLoops(families, loops);
  return std::move(families).Take();
}

}  // namespace reconciler
