#include "tests/simulation/sim_controllers.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "api/codec/object.h"
#include "reconciler/engine.h"

namespace tests {
namespace {

using api::Expected;
using reconciler::Chain;
using reconciler::Plan;
using reconciler::StepContext;
using std::chrono::seconds;

constexpr seconds kWorkDeadline{15};

/// Hands the loop to whoever changes the host by hand.
void Hook(SimWorld& world, const std::string& table, reconciler::Sources& sources) {
  sources.Host([&world, table](reconciler::Waker& waker) { world.wakers[table] = &waker; });
}

}  // namespace

void CheckSight(SimWorld& world, const std::string& controller, const api::ObjectKey& key,
                const api::ObjectMeta& seen) {
  if (!world.manager->is_synced())
    world.fibers.Fail("a pass over " + ToString(key) + " before the first lists were in");
  const auto own = world.own_writes.find("system:controller:" + controller + " " + ToString(key));
  if (own != world.own_writes.end() && seen.resource_version.value < own->second)
    world.fibers.Fail("a pass over " + ToString(key) + " saw " + std::to_string(seen.resource_version.value) +
                      ", before its own write " + std::to_string(own->second));
  const auto state = world.ledger.At(seen.resource_version.value);
  const auto object =
      state && state->has_suspension ? api::codec::ParseObject(state->text) : Expected<api::Object>(api::Error{});
  const api::Time now(std::chrono::duration_cast<std::chrono::microseconds>(world.fibers.wall()));
  const bool is_clock_new = world.clock_set_at && world.fibers.now() - *world.clock_set_at < std::chrono::minutes(1);
  if (object && !is_clock_new && reconciler::SuspensionOf(*object, now))
    world.fibers.Fail("a pass over " + ToString(key) + ", which is suspended");
}

void SimToyController::Watches(reconciler::Sources& sources) const {
  sources.Owns<Part>();
  Hook(world_, "text", sources);
}

Expected<ToyState> SimToyController::Observe(const Toy& object, const reconciler::Reader& reader) const {
  const std::string& name = object.metadata.name;
  CheckSight(world_, "toy", {"toys.test.dev", "", name}, object.metadata);
  world_.wanted_children[name] = {object.spec.children.begin(), object.spec.children.end()};
  auto text = world_.Read("text/" + name);
  if (!text) return text.error();
  ToyState state{.have = *text};
  auto parts = reader.ListOwned<Part>(object.metadata.uid);
  if (!parts) return parts.error();
  std::set<std::string> unwanted;
  for (Part& part : *parts) {
    if (!world_.wanted_children[name].contains(part.metadata.name) && !part.metadata.is_deleting())
      unwanted.insert(part.metadata.name);
    state.parts.emplace(part.metadata.name, std::move(part));
  }
  // Far beyond what may go without approval, so that no other count of all parts makes a difference.
  const std::size_t all = world_.truth->List("parts.test.dev", "").items.size();
  const bool is_big = unwanted.size() >= 2 && unwanted.size() * 2 > all;
  for (const auto& [part, have] : state.parts) world_.big_removals.erase(part);
  if (is_big) world_.big_removals.insert(unwanted.begin(), unwanted.end());
  return state;
}

Plan SimToyController::Diff(const Toy& object, const ToyState& state, api::Time) const {
  Plan plan;
  const std::string& name = object.metadata.name;
  if (object.metadata.is_deleting()) {
    if (state.have)
      plan.Then({"erase", name, "its object is being deleted"},
                [&world = world_, name] { return world.Erase("text/" + name); });
    return plan;
  }
  if (state.have != object.spec.want) {
    Chain chain;
    plan.Add(
        chain.Then({"write", name, "differs from the spec", api::codec::Sha256Hex(object.spec.want)},
                   [&world = world_, name, want = object.spec.want] { return world.Write("text/" + name, want); }));
  }
  if (const auto wish = reconciler::WishOf(object, "restart")) {
    Chain chain;
    plan.Add(chain.Then({.verb = "restart", .target = name, .reason = "was asked for", .handles = "restart"},
                        [&world = world_, name, value = *wish] { return world.Restart(name, value); }));
  }
  PlanParts(object, state, plan);
  return plan;
}

void SimToyController::PlanParts(const Toy& object, const ToyState& state, Plan& plan) const {
  const auto& wanted = object.spec.children;
  for (const std::string& child : wanted) {
    const auto have = state.parts.find(child);
    const Part want{.metadata = {.name = child, .owner_references = {reconciler::OwnerOf(object)}},
                    .spec = {.want = object.spec.want}};
    if (have != state.parts.end() && have->second.metadata.is_deleting()) continue;  // Its end wakes us.
    Chain chain;
    plan.Add(chain.Put(want, have == state.parts.end() ? nullptr : &have->second));
  }
  for (const auto& [part, have] : state.parts) {
    if (have.metadata.is_deleting() || std::find(wanted.begin(), wanted.end(), part) != wanted.end()) continue;
    Chain chain;
    plan.Add(chain.Remove(have, "is no longer wanted"));
  }
}

ToyStatus SimToyController::Report(const Toy&, const ToyState& state, const reconciler::Results&) const {
  return {.have = state.have.value_or("")};
}

void SimPartController::Watches(reconciler::Sources& sources) const { Hook(world_, "value", sources); }

Expected<SimPartState> SimPartController::Observe(const Part& object, const reconciler::Reader&) const {
  const std::string& name = object.metadata.name;
  CheckSight(world_, "part", {"parts.test.dev", "", name}, object.metadata);
  auto value = world_.Read("value/" + name);
  if (!value) return value.error();
  auto built = world_.Read("built/" + name);
  if (!built) return built.error();
  return SimPartState{
      .value = *value, .built = *built, .is_archived = world_.IsArchived(name, object.metadata.uid.value)};
}

Plan SimPartController::Diff(const Part& object, const SimPartState& state, api::Time) const {
  if (object.metadata.is_deleting()) return PlanEnd(object, state);
  Plan plan;
  const std::string& name = object.metadata.name;
  const std::string& want = object.spec.want;
  const std::string digest = api::codec::Sha256Hex(want);
  Chain chain;
  if (state.value != want) {
    if (want.starts_with("danger"))
      chain.Then({.verb = "endanger", .target = name, .reason = "differs", .desired = digest, .is_guarded = true},
                 [&world = world_, name, want] { return world.Endanger(name, want); });
    else
      chain.Then({"write", name, "differs", digest},
                 [&world = world_, name, want] { return world.Write("value/" + name, want); });
  }
  if (state.built != want)
    chain.Then({"build", name, "is not built", digest}, [&world = world_, name, want, digest](StepContext& context) {
      return context.Ensure(
          {.input = digest, .deadline = kWorkDeadline, .work = [&world, name, want](std::stop_token stop) {
             return world.Build(name, want, stop);
           }});
    });
  plan.Add(std::move(chain));
  return plan;
}

Plan SimPartController::PlanEnd(const Part& object, const SimPartState& state) const {
  Plan plan;
  const std::string& name = object.metadata.name;
  const std::string& uid = object.metadata.uid.value;
  Chain chain;
  if (state.value && !state.is_archived)
    chain.Then({"archive", name, "its object is being deleted"}, [&world = world_, name, uid](StepContext& context) {
      return context.Ensure(
          {.input = uid, .deadline = kWorkDeadline, .work = [&world, name, uid](std::stop_token stop) {
             return world.Archive(name, uid, stop);
           }});
    });
  if (state.built)
    chain.Then({"erase built", name, "its object is being deleted"},
               [&world = world_, name] { return world.Erase("built/" + name); });
  if (state.value)
    chain.Then({"erase", name, "its object is being deleted"},
               [&world = world_, name] { return world.Erase("value/" + name); });
  plan.Add(std::move(chain));
  return plan;
}

ToyStatus SimPartController::Report(const Part&, const SimPartState& state, const reconciler::Results&) const {
  return {.have = state.value.value_or("")};
}

/// Values that are of no part.
Expected<std::vector<Chain>> SimPartController::Inventory(const std::vector<Part>& objects) const {
  std::vector<Chain> chains;
  std::vector<std::string> strays;
  for (const auto& [path, text] : world_.host)
    if (path.starts_with("value/")) strays.push_back(path.substr(path.find('/') + 1));
  std::erase_if(strays, [&](const std::string& name) {
    return std::any_of(objects.begin(), objects.end(), [&](const Part& part) { return part.metadata.name == name; });
  });
  for (const std::string& name : strays) {
    Chain chain;
    chain.Then({"remove", name, "is of no part"}, [&world = world_, name] { return world.Erase("value/" + name); });
    chains.push_back(std::move(chain));
  }
  return chains;
}

}  // namespace tests
