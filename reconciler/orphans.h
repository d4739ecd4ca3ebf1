#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/engine.h"
#include "reconciler/plan.h"

namespace reconciler {

struct OrphanOptions {
  std::string controller{};
  std::string kind{};
  bool is_observe_only = false;
  std::function<void()> wake{};  ///< Called when a task of a step ends.
};

/// What became of an inventory's steps.
struct OrphanOutcome {
  std::vector<StepResult> steps{};
  std::optional<api::Error> error{};                   ///< The one that decides the retry.
  std::optional<std::chrono::milliseconds> pending{};  ///< Long work is under way; looked at again by then.
  bool is_held = false;                                ///< They wait for an approval, or are only observed.
};

/// Removes what is on the host for no object, once an operator has approved it: an object that is missing may be a
/// mistake. Errors: those of asking.
api::Expected<OrphanOutcome> RemoveOrphans(const Engine& engine, OwnWrites& own_writes, const OrphanOptions& options,
                                           const std::vector<Chain>& chains);

}  // namespace reconciler
