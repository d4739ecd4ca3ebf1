#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/controller.h"
#include "tests/support/harness.h"

namespace tests {

struct ToySpec {
  std::string want{};
  std::vector<std::string> children{};

  bool operator==(const ToySpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("want", self.want);
    field("children", self.children);
  }
};

struct ToyStatus {
  std::string have{};

  static void Fields(auto& self, auto&& field) { field("have", self.have); }
};

struct Toy {
  static constexpr api::KindInfo kInfo{.group = "test.dev", .version = "v1", .kind = "Toy", .plural = "toys"};

  api::ObjectMeta metadata{};
  ToySpec spec{};
  ToyStatus status{};
  api::CommonStatus common{};
};

/// Owned by toys.
struct Part {
  static constexpr api::KindInfo kInfo{.group = "test.dev", .version = "v1", .kind = "Part", .plural = "parts"};

  api::ObjectMeta metadata{};
  ToySpec spec{};
  ToyStatus status{};
  api::CommonStatus common{};
};

struct ToyState {
  std::optional<std::string> have{};
  std::map<std::string, Part> parts{};
};

/// The world of toys: a text each, by name. Counts what is done to it.
struct ToyWorld {
  std::optional<std::string> Text(const std::string& name) {
    const std::lock_guard lock(mutex);
    const auto found = texts.find(name);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  }
  api::Expected<void> Set(const std::string& name, const std::string& text) {
    if (on_write) on_write();
    {
      const std::lock_guard lock(mutex);
      ++writes;
      texts[name] = text;
    }
    if (on_write) on_write();
    return {};
  }
  api::Expected<void> Remove(const std::string& name) {
    if (on_write) on_write();
    {
      const std::lock_guard lock(mutex);
      ++writes;
      texts.erase(name);
    }
    if (on_write) on_write();
    return {};
  }

  std::function<void()> on_write{};  ///< Before each change and after it; may throw.
  std::mutex mutex;
  // Guarded by mutex.
  std::map<std::string, std::string> texts;
  int writes = 0;
};

/// Well behaved by itself; a test replaces what is to misbehave.
class ToyController final : public reconciler::Controller<Toy, ToyState> {
 public:
  explicit ToyController(ToyWorld& world) : world_(world) {}

  void Watches(reconciler::Sources& sources) const override {
    sources.Owns<Part>();
    if (watches) watches(sources);
  }

  api::Expected<ToyState> Observe(const Toy& object, const reconciler::Reader& reader) const override {
    {
      const std::lock_guard lock(world_.mutex);
      ++looks[object.metadata.name];
    }
    ToyState state{.have = world_.Text(object.metadata.name)};
    auto parts = reader.ListOwned<Part>(object.metadata.uid);
    if (!parts) return parts.error();
    for (Part& part : *parts) state.parts.emplace(part.metadata.name, std::move(part));
    if (observe) {
      if (auto seen = observe(object, reader); !seen) return seen.error();
    }
    return state;
  }

  reconciler::Plan Diff(const Toy& object, const ToyState& state, api::Time now) const override {
    return diff ? diff(object, state, now) : Usual(object, state);
  }

  ToyStatus Report(const Toy& object, const ToyState& state, const reconciler::Results& results) const override {
    if (report) report(object);
    if (history) return history(object, results);
    return {.have = state.have.value_or("")};
  }

  api::Expected<std::vector<reconciler::Chain>> Inventory(const std::vector<Toy>& objects) const override {
    return inventory ? inventory(objects) : std::vector<reconciler::Chain>();
  }

  /// What a good controller does.
  reconciler::Plan Usual(const Toy& object, const ToyState& state) const {
    reconciler::Plan plan;
    const std::string& name = object.metadata.name;
    if (object.metadata.is_deleting()) {
      if (state.have)
        plan.Then({"erase", name, "its object is being deleted"},
                  [&world = world_, name] { return world.Remove(name); });
      return plan;
    }
    if (state.have != object.spec.want) plan.Add(Write(object, state.have ? "differs from the spec" : "is missing"));
    for (const std::string& child : object.spec.children) {
      const auto have = state.parts.find(child);
      const Part want{.metadata = {.name = child, .owner_references = {reconciler::OwnerOf(object)}},
                      .spec = {.want = object.spec.want}};
      reconciler::Chain chain;
      plan.Add(chain.Put(want, have == state.parts.end() ? nullptr : &have->second));
    }
    for (const auto& [part, have] : state.parts) {
      const auto& wanted = object.spec.children;
      if (have.metadata.is_deleting() || std::find(wanted.begin(), wanted.end(), part) != wanted.end()) continue;
      reconciler::Chain chain;
      plan.Add(chain.Remove(have, "is no longer wanted"));
    }
    return plan;
  }

  reconciler::Chain Write(const Toy& object, std::string reason) const {
    reconciler::Chain chain;
    chain.Then(
        {"write", object.metadata.name, std::move(reason), api::codec::Sha256Hex(object.spec.want)},
        [&world = world_, name = object.metadata.name, want = object.spec.want] { return world.Set(name, want); });
    return chain;
  }

  std::function<void(reconciler::Sources&)> watches{};  ///< Before it is added to the manager.
  std::function<api::Expected<void>(const Toy&, const reconciler::Reader&)> observe{};
  std::function<reconciler::Plan(const Toy&, const ToyState&, api::Time)> diff{};
  std::function<api::Expected<std::vector<reconciler::Chain>>(const std::vector<Toy>&)> inventory{};
  std::function<void(const Toy&)> report{};                                    ///< May throw.
  std::function<ToyStatus(const Toy&, const reconciler::Results&)> history{};  ///< A status made from the one before.
  mutable std::map<std::string, int> looks;  ///< By name. Guarded by world.mutex while threads run.

 private:
  ToyWorld& world_;
};

inline api::schema::Catalog ToyCatalog() {
  api::schema::Catalog catalog;
  for (const api::KindInfo& info : {Toy::kInfo, Part::kInfo}) (void)catalog.Add(api::schema::KindWithoutSchema(info));
  return catalog;
}

/// The engine with one toy controller.
struct ToyHarness : Harness {
  explicit ToyHarness(const reconciler::LoopOptions& options = {.name = "toy"},
                      const std::function<void(ToyController&)>& set_up = {},
                      reconciler::ManagerOptions manager_options = {})
      : Harness(ToyCatalog(), std::move(manager_options)) {
    auto made = std::make_unique<ToyController>(world);
    controller = made.get();
    if (set_up) set_up(*controller);
    manager().Add(std::move(made), options);
  }

  void Put(const std::string& name, ToySpec spec) {
    Harness::Put(Toy{.metadata = {.name = name}, .spec = std::move(spec)});
  }
  /// Until nothing is ready to be done.
  void Settle() {
    if (!ReconcileUntilIdle()) throw std::runtime_error("the engine does not come to rest");
  }
  void Pass(std::chrono::milliseconds time) {
    clock.Advance(time);
    Settle();
  }
  void Annotate(const std::string& name, const std::string& key, const std::string& value) {
    const auto patch = api::Json::Of({{"metadata", api::Json::Of({{"annotations", api::Json::Of({{key, value}})}})}});
    if (!PatchToy(name, patch)) throw std::runtime_error("annotate " + name);
  }
  bool PatchToy(const std::string& name, const api::Json& patch) {
    return client().Patch({"toys.test.dev", "", name}, patch, {.actor = "test"}).has_value();
  }
  std::string Ready(const std::string& name) { return ConditionOf<Toy>(name); }
  std::string Message(const std::string& name) {
    const auto toy = Get<Toy>(name);
    const api::Condition* ready = toy ? toy->common.Find(api::kReady) : nullptr;
    return ready ? ready->message : "";
  }

  ToyWorld world;
  ToyController* controller = nullptr;
};

}  // namespace tests
