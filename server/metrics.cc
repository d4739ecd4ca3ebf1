#include "server/metrics.h"

#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace server {
namespace {

prometheus::ClientMetric MetricOf(const reconciler::MetricSample& sample, reconciler::MetricFamily::Type type) {
  using Type = reconciler::MetricFamily::Type;
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
  if (type == Type::kCounter) metric.counter.value = sample.value;
  if (type == Type::kGauge) metric.gauge.value = sample.value;
  if (type != Type::kHistogram || sample.buckets.empty()) return metric;
  metric.histogram.sample_sum = sample.sum_seconds;
  metric.histogram.sample_count = sample.buckets.back().second;
  for (std::size_t i = 0; i < sample.buckets.size(); ++i) {
    const bool is_last = i + 1 == sample.buckets.size();
    metric.histogram.bucket.push_back(
        {sample.buckets[i].second, is_last ? std::numeric_limits<double>::infinity() : sample.buckets[i].first});
  }
  return metric;
}

prometheus::MetricType TypeOf(reconciler::MetricFamily::Type type) {
  using Type = reconciler::MetricFamily::Type;
  return type == Type::kCounter ? prometheus::MetricType::Counter
         : type == Type::kGauge ? prometheus::MetricType::Gauge
                                : prometheus::MetricType::Histogram;
}

}  // namespace

std::string MetricsText(const std::vector<reconciler::MetricFamily>& families) {
  std::vector<prometheus::MetricFamily> collected;
  for (const reconciler::MetricFamily& family : families) {
    prometheus::MetricFamily& next = collected.emplace_back();
    next.name = family.name;
    next.help = family.help;
    next.type = TypeOf(family.type);
    for (const auto& sample : family.samples) next.metric.push_back(MetricOf(sample, family.type));
  }
  return prometheus::TextSerializer().Serialize(collected);
}

}  // namespace server
