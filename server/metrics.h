#pragma once

#include <string>
#include <vector>

#include "reconciler/metrics.h"

namespace server {

/// Of the text that MetricsText writes.
inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// Prometheus' text format.
std::string MetricsText(const std::vector<reconciler::MetricFamily>& families);

}  // namespace server
