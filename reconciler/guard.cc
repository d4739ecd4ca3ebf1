#include "reconciler/guard.h"

#include <algorithm>
#include <map>

namespace reconciler {

std::string NameOf(const api::Object& object) {
  const std::string& namespace_ = object.metadata.namespace_;
  return object.kind + " " + (namespace_.empty() ? "" : namespace_ + "/") + object.metadata.name;
}

bool IsTooMuch(std::size_t removals, std::size_t all) { return removals > 1 && 10 * removals > 3 * all; }

std::vector<const Step*> GuardedSteps(const std::vector<Chain>& chains, const Informers& informers) {
  std::map<std::string, std::size_t> removals;  // By resource.
  for (const Chain& chain : chains)
    for (const Step& step : chain.steps)
      if (const auto* remove = std::get_if<RemoveObject>(&step.effect)) ++removals[remove->key.resource];
  std::map<std::string, bool> is_too_much;
  for (const auto& [resource, count] : removals) {
    const Informer* informer = informers.Find(resource);
    const std::size_t all = informer ? informer->List().size() : 0;
    is_too_much[resource] = IsTooMuch(count, all);
  }
  std::vector<const Step*> guarded;
  for (const Chain& chain : chains) {
    for (const Step& step : chain.steps) {
      const auto* remove = std::get_if<RemoveObject>(&step.effect);
      if (step.text.is_guarded || (remove && is_too_much[remove->key.resource])) guarded.push_back(&step);
    }
  }
  return guarded;
}

std::vector<HeldStep> AsHeld(const std::vector<const Step*>& steps, std::string_view controller, std::string_view kind,
                             std::string_view name) {
  std::vector<HeldStep> held;
  held.reserve(steps.size());
  for (const Step* step : steps)
    held.push_back({.controller = std::string(controller),
                    .kind = std::string(kind),
                    .name = std::string(name),
                    .verb = step->text.verb,
                    .target = step->text.target,
                    .desired = step->text.desired,
                    .reason = step->text.reason});
  return held;
}

std::vector<HeldStep> AsHeld(const std::vector<const Step*>& steps, std::string_view controller,
                             const api::Object& object) {
  const std::string& namespace_ = object.metadata.namespace_;
  return AsHeld(steps, controller, object.kind, (namespace_.empty() ? "" : namespace_ + "/") + object.metadata.name);
}

std::string AdviceFor(const std::vector<HeldStep>& steps) {
  return std::to_string(steps.size()) + (steps.size() == 1 ? " step waits" : " steps wait") +
         " for an operator: heroctl approve " + HashOf(steps).substr(0, 12);
}

}  // namespace reconciler
