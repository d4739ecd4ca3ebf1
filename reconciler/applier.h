#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <span>
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

  /// Chain by chain, step by step; but neighbours that only put objects are one write for the first steps of all of
  /// them, one for the second steps, and so on. A step that fails, is pending or is held ends its chain and no other.
  /// `held` are ids of steps that must not run. The results are in the order of the plan.
  std::vector<StepResult> Apply(const std::vector<Chain>& chains, const std::set<std::string>& held);

 private:
  /// A chain that is being tried.
  struct Attempt {
    const Chain* chain = nullptr;
    bool goes_on = true;
    std::vector<StepResult> results{};
  };

  void Run(Attempt& attempt, const std::set<std::string>& held);
  void RunTogether(std::span<Attempt> attempts, const std::set<std::string>& held);
  void PutTogether(const std::vector<Attempt*>& attempts);
  bool IsNext(Attempt& attempt, const std::set<std::string>& held) const;
  void Note(Attempt& attempt, const Step& step, const StepOutcome& outcome, std::chrono::microseconds took);
  StepOutcome RunEffect(const Step& step);
  void Tell(const Step& step, const StepResult& result);
  Tasks::Ended EndOf(const Step& step) const;
  WriteOptions write_options() const { return {.actor = "system:controller:" + options_.controller}; }
  std::string name() const { return options_.about ? options_.about->metadata.name : ""; }

  const Engine& engine_;
  OwnWrites& own_writes_;
  const Options options_;
  std::vector<Recorder::Line> events_;  // Of what was tried, not written yet.
};

/// What a guarded or only observed step looks like to people.
StepResult NotTried(const Step& step, StepResult::State state);

}  // namespace reconciler
