#include "reconciler/metrics.h"

#include <array>
#include <functional>
#include <set>

namespace reconciler {
namespace {

using Labels = MetricLabels;
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

/// controller-runtime's from 5 ms to 60 s, the ones between 5 ms and 1 s that no reconcile of ours comes near left out.
constexpr std::array kReconcileBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0};
constexpr std::array kGotkBounds = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1};
constexpr std::array kArgoBounds = {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0};

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
  counter("stale_sync_skips_total", "Reconciles put off, because a cache was behind the controller's own writes.",
          &LoopStats::stale);
  MetricFamily& times =
      families.Add("controller_runtime_reconcile_time_seconds", "How long a reconcile took.", Type::kHistogram);
  for (const LoopMetrics& loop : loops)
    times.samples.push_back(SampleOf({{"controller", loop.controller}}, loop.loop.times));
}

/// Flux and Argo CD label by object, too. Here a kind or all is one sample, so that their number is bounded; sums over
/// the missing labels say the same.
void AddGitOps(Families& families, const std::vector<LoopMetrics>& loops) {
  MetricFamily& durations =
      families.Add("gotk_reconcile_duration_seconds", "How long a reconcile took.", Type::kHistogram);
  for (const LoopMetrics& loop : loops)
    durations.samples.push_back(
        SampleOf({{"controller", loop.controller}, {"kind", std::string(loop.kind.kind)}}, loop.loop.gotk_times));
  MetricFamily& applications = families.Add(
      "argocd_app_reconcile", "How long a reconcile took, each object as an application.", Type::kHistogram);
  for (const LoopMetrics& loop : loops)
    applications.samples.push_back(
        SampleOf({{"controller", loop.controller}, {"dest_server", "in-cluster"}}, loop.loop.argo_times));
  MetricFamily& suspended = families.Add("gotk_suspend_status", "1 for each object that is suspended.", Type::kGauge);
  std::set<std::string_view> told;
  for (const LoopMetrics& loop : loops) {
    if (!told.insert(loop.kind.kind).second) continue;
    for (const auto& [namespace_, name] : loop.objects.suspended)
      suspended.samples.push_back(
          {.labels = {{"kind", std::string(loop.kind.kind)}, {"name", name}, {"namespace", namespace_}}, .value = 1});
  }
}

/// As Kubernetes writes a GroupVersionKind.
std::string GvkOf(const api::KindInfo& kind) {
  return std::string(kind.group) + "/" + std::string(kind.version) + ", Kind=" + std::string(kind.kind);
}

void AddManagedResources(Families& families, const std::vector<LoopMetrics>& loops) {
  const auto gauge = [&](const std::string& name, std::string help, std::size_t ObjectCounts::*field) {
    MetricFamily& family = families.Add("crossplane_managed_resource_" + name, std::move(help), Type::kGauge);
    std::set<std::string> told;  // Two controllers of one kind see the same objects.
    for (const LoopMetrics& loop : loops)
      if (const std::string gvk = GvkOf(loop.kind); told.insert(gvk).second)
        family.samples.push_back({.labels = {{"gvk", gvk}}, .value = Number(loop.objects.*field)});
  };
  gauge("exists", "Objects that there are.", &ObjectCounts::exist);
  gauge("ready", "Objects whose condition Ready is True.", &ObjectCounts::ready);
  gauge("synced", "Objects whose last pass saw their spec, did not fail and waits for nobody.", &ObjectCounts::synced);
  const auto histogram = [&](const std::string& name, std::string help, SecondsHistogram ObjectTimeStats::*field) {
    MetricFamily& family =
        families.Add("crossplane_managed_resource_" + name + "_seconds", std::move(help), Type::kHistogram);
    for (const LoopMetrics& loop : loops)
      family.samples.push_back(
          SampleOf({{"controller", loop.controller}, {"gvk", GvkOf(loop.kind)}}, loop.object_times.*field));
  };
  histogram("first_time_to_reconcile", "From the creation to the first pass.", &ObjectTimeStats::first_reconcile);
  histogram("first_time_to_readiness", "From the creation to the first pass that left it ready.",
            &ObjectTimeStats::first_readiness);
  histogram("drift", "From the last pass that found it right to the one that mended it.", &ObjectTimeStats::drift);
  histogram("deletion", "From the wish to delete it to its end.", &ObjectTimeStats::deletion);
}

}  // namespace

LoopStats::LoopStats() : times(kReconcileBounds), gotk_times(kGotkBounds), argo_times(kArgoBounds) {}

void LoopStats::CountTime(std::chrono::duration<double> took) {
  for (SecondsHistogram* histogram : {&times, &gotk_times, &argo_times}) histogram->Count(took);
}

MetricSample SampleOf(MetricLabels labels, const SecondsHistogram& histogram) {
  return {.labels = std::move(labels), .buckets = histogram.Cumulative(), .sum_seconds = histogram.sum_seconds()};
}

std::vector<MetricFamily> MetricsOf(const std::vector<LoopMetrics>& loops) {
  Families families(loops);
  AddQueues(families, loops);
  AddLoops(families, loops);
  AddGitOps(families, loops);
  AddManagedResources(families, loops);
  return std::move(families).Take();
}

}  // namespace reconciler
