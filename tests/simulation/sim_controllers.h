#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/controller.h"
#include "tests/reconciler/toy.h"
#include "tests/simulation/sim_world.h"

namespace tests {

/// What every pass has to be shown: everything listed, its own writes, and no object that is suspended.
void CheckSight(SimWorld& world, const std::string& controller, const api::ObjectKey& key, const api::ObjectMeta& seen);

/// A toy is a text on the host and parts that it owns; it can be restarted.
class SimToyController final : public reconciler::Controller<Toy, ToyState> {
 public:
  explicit SimToyController(SimWorld& world) : world_(world) {}

  void Watches(reconciler::Sources& sources) const override;
  api::Expected<ToyState> Observe(const Toy& object, const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const Toy& object, const ToyState& state, api::Time now) const override;
  ToyStatus Report(const Toy& object, const ToyState& state, const reconciler::Results&) const override;

 private:
  void PlanParts(const Toy& object, const ToyState& state, reconciler::Plan& plan) const;

  SimWorld& world_;
};

struct SimPartState {
  std::optional<std::string> value{};
  std::optional<std::string> built{};
  bool is_archived = false;
};

/// A part is a value on the host, which some changes of need approval, and what is built from it in long work. What it
/// held is archived before it goes.
class SimPartController final : public reconciler::Controller<Part, SimPartState> {
 public:
  explicit SimPartController(SimWorld& world) : world_(world) {}

  void Watches(reconciler::Sources& sources) const override;
  api::Expected<SimPartState> Observe(const Part& object, const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const Part& object, const SimPartState& state, api::Time now) const override;
  ToyStatus Report(const Part& object, const SimPartState& state, const reconciler::Results&) const override;
  api::Expected<std::vector<reconciler::Chain>> Inventory(const std::vector<Part>& objects) const override;

 private:
  reconciler::Plan PlanEnd(const Part& object, const SimPartState& state) const;

  SimWorld& world_;
};

}  // namespace tests
