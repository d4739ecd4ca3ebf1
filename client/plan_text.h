#pragma once

#include <string>

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace client {

/// A plan for people.
struct PlanText {
  std::string text{};  ///< Steps below their objects, then the problems; the last line counts.
  bool has_changes = false;
  bool has_problems = false;
};

/// From the document of GET /hero/v1/plan (server/plan.h). Errors: kInternal when it is none.
api::Expected<PlanText> FormatPlan(const api::Json& plan);

}  // namespace client
