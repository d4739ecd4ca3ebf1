#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "reconciler/metrics.h"
#include "server/http.h"
#include "server/route.h"

namespace server {

/// How long answers took, by Kubernetes' name, labels and buckets: apiserver_request_duration_seconds. A watch is not
/// counted: it ends when its reader likes. Series are bounded by what is served: a label never has a client's text.
/// Thread-safe.
class RequestTimes {
 public:
  /// `route` null: a path of no kind.
  void Count(const Request& request, const Route* route, std::chrono::duration<double> took);

  reconciler::MetricFamily Family() const;

 private:
  mutable std::mutex mutex_;
  std::map<reconciler::MetricLabels, reconciler::SecondsHistogram> times_;  // Guarded by mutex_.
};

}  // namespace server
