#pragma once

#include <cstdint>
#include <string>

#include "api/meta/time.h"
#include "controllers/team/team_controller.h"
#include "host/forge.h"
#include "reconciler/plan.h"

namespace controllers {

/// What came of a commit, for whoever wrote it and for whoever runs the box.
struct TeamResult {
  std::int64_t users = 0;  ///< Files that declare one.
  std::int64_t templates = 0;
  std::int64_t problems = 0;  ///< Files that are wrong.
  host::CommitStatus status{};
  std::string comment{};  ///< Markdown. Foreign text stands in it as code alone, where it means nothing (SEC-57).
  std::string digest{};   ///< Equal when both say the same of the same commit.
};

/// Of a state whose head is known.
TeamResult ResultOf(const TeamState& state);

/// The line of reconcile.log: time, commit, counts, what the plan is about to do, problems.
std::string LogLine(const TeamState& state, const reconciler::Plan& plan, api::Time now);

}  // namespace controllers
