#pragma once

#include <string_view>
#include <vector>

#include "reconciler/manager.h"
#include "server/http.h"

namespace server {

/// Whether a path is one of a probe: `/healthz`, `/livez` or `/readyz`, or one check of it, `/readyz/store`.
bool IsProbe(const std::vector<std::string>& segments);

/// What a probe is told: `ok`, or 500 with every check by its name. `verbose` shows them in any case, `exclude=NAME`
/// leaves some out. Alive is who answers: what a restart would not mend is no matter of `livez` and `healthz`. Ready is
/// who can do the work, by `readiness`.
Response ServeProbe(const Target& target, const std::vector<reconciler::HealthCheck>& readiness);

}  // namespace server
