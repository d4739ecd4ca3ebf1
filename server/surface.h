#pragma once

#include <cstddef>
#include <semaphore>
#include <string_view>

#include "server/backend.h"
#include "server/documents.h"
#include "server/engine_view.h"
#include "server/http.h"
#include "server/refusals.h"
#include "server/request_times.h"
#include "server/route.h"

namespace server {

/// Everything that is answered: finds the handler, asks once whether the caller may, calls it. Knows no sockets.
/// Thread-safe.
class Surface {
 public:
  Surface(Backend backend, EngineView engine);

  /// True when the answer waits for the disk or for the host, or is as long as a list can be: it must not hold up
  /// others.
  bool MayBlock(const Request& request) const;

  Response Serve(const Request& request);

 private:
  Response Judge(const Request& request, const Route* route);
  Response ServeAs(const Caller& peer, const Request& request, const Route* route);
  Response Deny(const Caller& peer, const Caller& caller, std::string_view verb, const Route* route,
                const api::Error& error);
  Response ServeTokens(const Caller& peer, const Request& request);
  Response ServeFixed(const Request& request);
  Response ServeEngine(std::string_view document, const Request& request);
  Response ServePlan(const reconciler::PlanQuery& asked);

  static constexpr std::ptrdiff_t kPlansMax = 2;  // A plan observes every object; two keep one core each busy.

  // Constant after construction.
  const Backend backend_;
  const EngineView engine_;

  // Thread-safe.
  Refusals refusals_;
  RequestTimes times_;
  Documents documents_;
  std::counting_semaphore<kPlansMax> plans_{kPlansMax};
};

}  // namespace server
