#include "reconciler/orphans.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reconciler/applier.h"
#include "reconciler/conditions.h"
#include "reconciler/guard.h"

namespace reconciler {

api::Expected<OrphanOutcome> RemoveOrphans(const Engine& engine, OwnWrites& own_writes, const OrphanOptions& options,
                                           const std::vector<Chain>& chains) {
  std::vector<const Step*> steps;
  std::set<std::string> wanted;
  for (const Chain& chain : chains)
    for (const Step& step : chain.steps) {
      steps.push_back(&step);
      wanted.insert(step.id());
    }
  const api::Uid tasks_of{options.controller};
  engine.tasks.Settle(tasks_of, wanted);
  OrphanOutcome outcome;
  outcome.is_held = options.is_observe_only && !steps.empty();
  if (steps.empty()) {
    if (!engine.tasks.Stop(tasks_of)) engine.tasks.Forget(tasks_of);
    if (options.is_observe_only) return outcome;
    if (auto settled = engine.approvals.Settle(options.controller, ""); !settled) return settled.error();
    return outcome;
  }
  if (!options.is_observe_only) {
    const auto asked = AsHeld(steps, options.controller, options.kind, "");
    auto may = engine.approvals.May(options.controller, "", asked, AdviceFor(asked));
    if (!may) return may.error();
    outcome.is_held = !*may;
  }
  const std::set<std::string> held = outcome.is_held ? wanted : std::set<std::string>();
  Applier applier(engine, own_writes, {.controller = options.controller, .wake = options.wake});
  outcome.steps = applier.Apply(chains, held);
  for (const StepResult& step : outcome.steps) {
    if (step.state == StepResult::State::kFailed)
      outcome.error = outcome.error ? Deciding(*outcome.error, step.error) : step.error;
    if (step.state == StepResult::State::kPending)
      outcome.pending = std::min(outcome.pending.value_or(step.deadline), step.deadline);
  }
  return outcome;
}

}  // namespace reconciler
