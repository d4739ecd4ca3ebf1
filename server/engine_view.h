#pragma once

#include <functional>
#include <vector>

#include "api/meta/json.h"
#include "reconciler/journal.h"
#include "reconciler/manager.h"
#include "server/plan.h"

/// What the engine tells of itself. Times of day are RFC 3339 in UTC, lengths of time as `1h30m`, `250ms`.
///
/// GET /hero/v1/queue: what every controller has to do and is doing.
///   {"kind":"Queue",
///    "controllers":[{"controller":"user",
///                    "keys":[{"object":"alice","state":"waiting","priority":"normal","age":"2s","readyIn":"350ms",
///                             "failures":3}]}]}
/// `state` is ready, waiting (for `readyIn`) or processing; `age` counts from when it was added or taken.
///
/// GET /hero/v1/why?resource=users.hero.dev&name=alice (&namespace=…): the newest passes over an object, oldest first.
///   {"kind":"History",
///    "passes":[{"controller":"user","began":"2026-11-20T20:58:51.000000Z","took":"61ms","causes":["spec changed"],
///               "rounds":1,"outcome":"done","failures":"","nextIn":"10m","repeated":0,
///               "steps":[{"step":"create account alice: is missing","state":"done","took":"52ms"}]}]}
/// GET /metrics: Prometheus' text format, by the names that client-go and controller-runtime use.
///
/// A step of `why` that failed has `reason` and `message`. `repeated` passes after it found nothing to do either.
namespace server {

/// Whom the wire asks. All are thread-safe and outlive the surface.
struct EngineView {
  PlanFunction plan{};
  std::function<std::vector<reconciler::QueueReport>()> queues{};
  std::function<std::vector<reconciler::PassRecord>(const api::ObjectKey&)> history{};
  std::function<std::vector<reconciler::MetricFamily>()> metrics{};
  std::function<std::vector<reconciler::HealthCheck>()> readiness{};
};

api::Json QueueDocument(const std::vector<reconciler::QueueReport>& queues);
api::Json HistoryDocument(const std::vector<reconciler::PassRecord>& passes);

}  // namespace server
