#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/engine.h"
#include "reconciler/plan.h"

namespace reconciler {

/// Runs the steps of a plan and tells everybody: log, audit, Events, results. Used by one thread.
class Applier {
 public:
  struct Options {
    std::string controller{};            ///< In logs, events and the actor of writes.
    std::function<void()> wake{};        ///< Called when a task of a step ends, after the applier too.
    const api::Object* about = nullptr;  ///< Whom the steps are for; null: for what has no object.
  };

  /// Everything outlives the applier.
  Applier(const Engine& engine, OwnWrites& own_writes, Options options)
      : engine_(engine), own_writes_(own_writes), options_(std::move(options)) {}

  /// Chain by chain, step by step. A step that fails, is pending or is held ends its chain and no other. `held` are ids
  /// of steps that must not run.
  std::vector<StepResult> Apply(const std::vector<Chain>& chains, const std::set<std::string>& held);

 private:
  StepResult Run(const Step& step);
  StepOutcome RunEffect(const Step& step);
  void Tell(const Step& step, const StepResult& result) const;
  Tasks::Ended EndOf(const Step& step) const;
  std::string name() const { return options_.about ? options_.about->metadata.name : ""; }

  const Engine& engine_;
  OwnWrites& own_writes_;
  const Options options_;
};

/// What a guarded or only observed step looks like to people.
StepResult NotTried(const Step& step, StepResult::State state);

}  // namespace reconciler
