#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "reconciler/plan.h"
#include "reconciler/reader.h"
#include "reconciler/sources.h"

namespace reconciler {

/// Of a kind of which there is nothing to say but its conditions.
struct NoStatus {
  static void Fields(auto&, auto&&) {}
};

/// Makes one kind true on this box: observes, diffs and reports, and the engine does the rest (applies, retries, logs,
/// writes events, conditions and finalizers). All functions are called from several threads, for different objects.
template <class KindT, class StateT>
class Controller {
 public:
  using Kind = KindT;
  using State = StateT;
  using Status = decltype(KindT::status);

  virtual ~Controller() = default;

  /// What is, for one object; changes nothing. Within 1 s, without network or exec. What cannot be read is an error,
  /// never absent.
  virtual api::Expected<State> Observe(const Kind& object, const Reader& reader) const = 0;

  /// What to do about it. Pure: equal arguments give equal plans. For an object that is being deleted: what to undo.
  virtual Plan Diff(const Kind& object, const State& state, api::Time now) const = 0;

  /// What to say about it, beside conditions. Pure. `state` is from after the steps, `results` are the steps'.
  virtual Status Report(const Kind& object, const State& state, const Results& results) const {
    (void)object, (void)state, (void)results;
    return {};
  }

  /// What wakes it beside its own objects.
  virtual void Watches(Sources&) const {}

  /// How to remove what is on the host for no object: `objects` are all that there are, from a complete view. Only with
  /// LoopOptions::has_inventory. Reads the host under the rules of Observe. Each of these steps waits for approval.
  virtual api::Expected<std::vector<Chain>> Inventory(const std::vector<Kind>& objects) const {
    (void)objects;
    return std::vector<Chain>();
  }
};

/// A controller whose types the engine does not know.
class AnyController {
 public:
  /// One look at one object.
  class Observation {
   public:
    virtual ~Observation() = default;
    virtual Plan Diff(api::Time now) const = 0;
    /// The status without what the engine adds.
    virtual api::Json Report(const Results& results) const = 0;
  };

  virtual ~AnyController() = default;
  virtual const api::KindInfo& kind() const = 0;
  virtual void Watches(Sources& sources) const = 0;
  virtual api::Expected<std::unique_ptr<Observation>> Observe(const api::Object& object,
                                                              const Reader& reader) const = 0;
  virtual api::Expected<std::vector<Chain>> Inventory(const std::vector<api::Object>& objects) const = 0;
};

template <class ControllerT>
class TypedController final : public AnyController {
 public:
  using Kind = typename ControllerT::Kind;
  using State = typename ControllerT::State;

  explicit TypedController(std::unique_ptr<ControllerT> controller) : controller_(std::move(controller)) {}

  const api::KindInfo& kind() const override { return Kind::kInfo; }
  void Watches(Sources& sources) const override { controller_->Watches(sources); }

  api::Expected<std::unique_ptr<Observation>> Observe(const api::Object& object, const Reader& reader) const override {
    auto typed = api::codec::FromObject<Kind>(object);
    if (!typed) return typed.error();
    auto state = controller_->Observe(*typed, reader);
    if (!state) return state.error();
    return std::unique_ptr<Observation>(new Look(*controller_, *std::move(typed), *std::move(state)));
  }

  api::Expected<std::vector<Chain>> Inventory(const std::vector<api::Object>& objects) const override {
    std::vector<Kind> kinds;
    kinds.reserve(objects.size());
    for (const api::Object& object : objects) {
      auto kind = api::codec::FromObject<Kind>(object);
      if (!kind) return kind.error().Within(object.metadata.name);  // Unknown is not absent.
      kinds.push_back(*std::move(kind));
    }
    return controller_->Inventory(kinds);
  }

 private:
  class Look final : public Observation {
   public:
    Look(const ControllerT& controller, Kind object, State state)
        : controller_(controller), object_(std::move(object)), state_(std::move(state)) {}
    Plan Diff(api::Time now) const override { return controller_.Diff(object_, state_, now); }
    api::Json Report(const Results& results) const override {
      return api::codec::Encode(controller_.Report(object_, state_, results));
    }

   private:
    const ControllerT& controller_;  // Outlives every look.
    Kind object_;
    State state_;
  };

  std::unique_ptr<ControllerT> controller_;
};

}  // namespace reconciler
