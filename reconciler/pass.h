#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/cache_reader.h"
#include "reconciler/conditions.h"
#include "reconciler/controller.h"
#include "reconciler/engine.h"

namespace reconciler {

struct PassOptions {
  std::string name{};            ///< The controller's: in logs, events and the actor of writes.
  std::string finalizer{};       ///< Empty: none.
  bool is_observe_only = false;  ///< Looks and reports, and changes nothing but the status.
  bool is_retry = false;         ///< The pass before failed.
  bool is_broken = false;        ///< It failed so often that it is now tried rarely.
  int rounds_max = 16;           ///< Observe-diff-apply turns (engine contract, rule 8).
  std::function<void()> wake{};  ///< Called when a task of the object ends, after the pass too.
  Waker* waker = nullptr;        ///< Whom changes of the host wake for the object.
};

/// What a pass came to. No error: the object is as it should be, or it waits for long work or a person.
struct PassOutcome {
  std::optional<api::Error> error{};                         ///< The worst of all.
  std::optional<std::chrono::milliseconds> recheck_after{};  ///< What the plan or pending work asks for.
  bool is_pending = false;                                   ///< Long work is under way.
  bool is_held = false;                                      ///< Steps wait for an approval, or are only observed.
  bool is_gone = false;                                      ///< It was deleted, and nothing holds it for us any more.
  bool is_ready = false;                                     ///< What Ready says now.
  bool is_slow = false;                                      ///< A look took longer than it may.
  bool is_stale = false;                                     ///< A cache was behind the controller's own writes.
  bool has_thrown = false;
  int rounds = 0;  ///< Looks that led to steps.
  Results results{};
  std::string failures{};  ///< All errors, in words.
};

/// One reconcile of one object: observe, diff and apply until there is nothing left to do, something fails, or long
/// work is under way; then the report. Used once, by one thread.
class Pass {
 public:
  /// Everything outlives the pass.
  Pass(const Engine& engine, const AnyController& controller, const PassOptions& options, OwnWrites& own_writes,
       api::Object object);

  PassOutcome Run();

 private:
  void Work();
  void RunRounds();
  bool Look();
  bool MakePlan();
  api::Expected<std::set<std::string>> HeldSteps();
  void TellHeld(std::string advice);
  bool Apply();
  void Acknowledge(const std::vector<StepResult>& results);
  api::Expected<void> WriteHandled();
  void Fail(const api::Error& error, std::string_view what);
  void FailThrown(const std::exception& exception);
  api::Expected<void> EnsureFinalizer();
  api::Expected<void> RemoveFinalizer();
  void WriteStatus();
  api::Json NextStatusJson() const;
  Verdict VerdictOfPass() const;
  bool IsDone() const;
  WriteOptions write_options() const { return {.actor = "system:controller:" + options_.name}; }

  const Engine& engine_;
  const AnyController& controller_;
  const PassOptions& options_;
  OwnWrites& own_writes_;
  const CacheReader reader_;

  api::Object object_;
  bool is_observe_only_ = false;
  std::unique_ptr<AnyController::Observation> look_;  // Of the last observe that succeeded.
  Plan plan_;                                         // Of the last diff; of a deletion, what goes before it.
  std::map<std::string, std::string> handled_;        // Wishes by verb.
  int rounds_ = 0;
  Results results_;
  std::string held_reason_;          // `ApprovalNeeded`, `ObserveOnly`.
  std::string held_advice_;          // What to do about it.
  std::optional<api::Error> error_;  // The one that decides the retry.
  std::string failures_;             // All of them, in words.
  bool has_children_ = false;        // Of a deleted object: they go first.
  bool is_slow_ = false;
  bool is_stale_ = false;
  bool has_thrown_ = false;
};

}  // namespace reconciler
