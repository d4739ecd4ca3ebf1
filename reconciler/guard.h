#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/approvals.h"
#include "reconciler/informer.h"
#include "reconciler/plan.h"

namespace reconciler {

/// Whether so many removals of a kind that has `all` objects wait for an operator: more than max(1, 30 %) (D-05).
bool IsTooMuch(std::size_t removals, std::size_t all);

/// `Team team`: what an approval says it is for.
std::string NameOf(const api::Object& object);

/// Of a plan, the steps that must not run without an operator's approval: those that say so, and removals of objects
/// when the plan removes more than max(1, 30 %) of their kind. In the plan's order.
std::vector<const Step*> GuardedSteps(const std::vector<Chain>& chains, const Informers& informers);

/// The same steps as approvals name them.
std::vector<HeldStep> AsHeld(const std::vector<const Step*>& steps, std::string_view controller, std::string_view kind,
                             std::string_view name);

/// Those of an object, by `namespace/name`.
std::vector<HeldStep> AsHeld(const std::vector<const Step*>& steps, std::string_view controller,
                             const api::Object& object);

/// What to do about `steps` that wait: names the command.
std::string AdviceFor(const std::vector<HeldStep>& steps);

}  // namespace reconciler
