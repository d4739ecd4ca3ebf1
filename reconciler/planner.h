#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/engine.h"
#include "reconciler/loop.h"
#include "reconciler/plan.h"

namespace reconciler {

/// Which objects to plan for; both empty: all.
struct PlanQuery {
  std::string resource{};  ///< `users.hero.dev`
  std::string namespace_{};
  std::string name{};
};

struct PlannedStep {
  std::string controller{};
  api::ObjectKey object{};
  std::size_t chain = 0;    ///< Steps of one chain need each other; chains do not.
  bool is_guarded = false;  ///< Waits for an approval that nobody has given yet.
  StepText text{};
};

/// Steps of one object that will wait for an operator.
struct PlannedApproval {
  std::string controller{};
  api::ObjectKey object{};
  std::string hash{};  ///< What `heroctl approve` takes, now or when they wait.
  std::size_t steps = 0;
};

struct PlannedProblem {
  std::string controller{};
  api::ObjectKey object{};
  api::Error error{};
};

/// What would be done now; upkeep such as a poll that is due is left out.
struct PlanReport {
  std::vector<PlannedStep> steps{};
  std::vector<PlannedApproval> approvals{};
  std::vector<PlannedProblem> problems{};
  bool is_incomplete = false;  ///< More follows that cannot be planned before these steps are done.
};

/// Plans by the controllers' own Observe and Diff on an overlay: object steps change the overlay and are planned on in
/// the objects that they make; host steps are listed. Changes nothing. For all loops, parents before children. Errors:
/// kNotFound when the query names an object that is not there.
api::Expected<PlanReport> MakePlan(const Engine& engine, const std::vector<std::unique_ptr<Loop>>& loops,
                                   const PlanQuery& query);

}  // namespace reconciler
