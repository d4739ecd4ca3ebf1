#include "reconciler/pass.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <set>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"
#include "reconciler/applier.h"
#include "reconciler/finalizers.h"
#include "reconciler/guard.h"
#include "reconciler/object_steps.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using std::chrono::milliseconds;
using State = StepResult::State;

constexpr milliseconds kChildrenDeadline{
    1000};  // Children that end wake their owner; this is for kinds that it does not watch.
constexpr milliseconds kObserveMax{1000};  // Contract, rule 2.
constexpr std::string_view kReconcileNow = "reconcile-requested-at";

/// The sentences of the steps in that state; upkeep says nothing about readiness.
std::string Sentences(const Results& results, State state) {
  std::string text;
  for (const StepResult& step : results.steps)
    if (step.state == state && !step.is_upkeep) text += (text.empty() ? "" : "; ") + step.sentence;
  return text;
}

api::Json AsJson(const std::map<std::string, std::string>& map) {
  api::Json json = api::Json::EmptyObject();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

/// A digest (SHA-1 and SHA-256 in hex) or a version number; empty: the step says it all.
bool IsDigest(std::string_view desired) {
  return desired.size() <= 64 && desired.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The soonest time at which a pending step has to be looked at; no value when none is pending.
std::optional<milliseconds> PendingDeadline(const Results& results) {
  std::optional<milliseconds> soonest;
  for (const StepResult& step : results.steps)
    if (step.state == State::kPending) soonest = std::min(soonest.value_or(step.deadline), step.deadline);
  return soonest;
}

/// What a controller said before, for a pass that could not look.
std::vector<api::Condition> ConditionsBeside(const api::CommonStatus& status) {
  std::vector<api::Condition> conditions = status.conditions;
  std::erase_if(conditions, [](const api::Condition& condition) {
    return condition.type == api::kReady || condition.type == api::kReconciling || condition.type == api::kStalled;
  });
  return conditions;
}

}  // namespace

Pass::Pass(const Engine& engine, const AnyController& controller, const PassOptions& options, OwnWrites& own_writes,
           api::Object object)
    : engine_(engine),
      controller_(controller),
      options_(options),
      own_writes_(own_writes),
      reader_(engine.informers, engine.tasks,
              CacheReader::Watching{engine.path_watches,
                                    {options.waker, Request{object.metadata.namespace_, object.metadata.name}}}),
      object_(std::move(object)),
      is_observe_only_(options.is_observe_only || IsObserveOnly(object_)),
      handled_(api::codec::CommonStatusOf(object_).handled) {}

PassOutcome Pass::Run() {
  // An exception is a bug. It is stopped here, so that it costs this object a retry and the others nothing, and is
  // seen.
  try {
    Work();
  } catch (const std::exception& exception) {
    FailThrown(exception);
  }
  for (const Error& problem : plan_.problems) Fail(problem, "");

  PassOutcome outcome{.recheck_after = plan_.recheck_after, .is_pending = PendingDeadline(results_).has_value()};
  const auto sooner = [&](milliseconds when) {
    outcome.recheck_after = std::min(outcome.recheck_after.value_or(when), when);
  };
  if (!IsDone()) {
    try {
      WriteStatus();
    } catch (const std::exception& exception) {
      FailThrown(exception);
      WriteStatus();  // Without a report.
    }
  } else if (engine_.tasks.Stop(object_.metadata.uid)) {
    // A task that still runs could make anew what was undone; its end wakes the object.
    outcome.is_pending = true;
    sooner(kChildrenDeadline);
  } else if (auto removed = RemoveFinalizer(); !removed) {
    Fail(removed.error(), "");
  } else {
    outcome.is_gone = true;
  }
  if (const auto deadline = PendingDeadline(results_)) sooner(*deadline);
  if (has_children_) sooner(kChildrenDeadline);
  outcome.error = error_;
  outcome.is_held = !held_reason_.empty();
  outcome.is_ready = !error_ && !outcome.is_gone && !outcome.is_held && VerdictOfPass().open_steps.empty();
  outcome.is_stale = is_stale_;
  outcome.is_slow = is_slow_;
  outcome.has_thrown = has_thrown_;
  outcome.rounds = rounds_;
  outcome.results = std::move(results_);
  outcome.failures = failures_;
  return outcome;
}

void Pass::FailThrown(const std::exception& exception) {
  look_.reset();  // Whatever threw is not asked to report.
  has_thrown_ = true;
  Fail({Code::kInternal, "Exception", std::string("a bug: ") + exception.what()}, "");
  engine_.recorder.Warning(object_, options_.name, "Exception", failures_);
}

/// A deleted object of which nothing is left.
bool Pass::IsDone() const {
  return object_.metadata.is_deleting() && !is_observe_only_ && !error_ && !has_children_ && plan_.empty();
}

void Pass::Work() {
  if (auto ready = EnsureFinalizer(); !ready) return Fail(ready.error(), "");
  RunRounds();
}

void Pass::RunRounds() {
  std::string previous;
  for (; rounds_ < options_.rounds_max; ++rounds_) {
    if (!Look()) return;
    if (plan_.empty()) {
      (void)HeldSteps();  // Nothing waits any more.
      return;
    }
    std::string plan = Describe(plan_);
    if (plan == previous)
      return Fail({Code::kInternal, "NoProgress", "the same plan twice, so its steps had no effect: " + plan}, "");
    previous = std::move(plan);
    if (!Apply()) return;
    if (error_ || PendingDeadline(results_)) {
      ++rounds_;
      // What the status says is what is there now, not what was there before the steps.
      std::vector<Chain> tried = std::move(plan_.chains);
      (void)Look();
      plan_.chains = std::move(tried);
      return;
    }
  }
  Fail({Code::kInternal, "NoProgress", "more to do after " + std::to_string(options_.rounds_max) + " rounds"}, "");
}

/// Observes and diffs. False when the world could not be read: nothing is done then, for unknown is not absent.
bool Pass::Look() {
  if (auto fresh = own_writes_.CatchUp(engine_.informers); !fresh) {
    is_stale_ = true;
    Fail(fresh.error(), "");
    return false;
  }
  if (object_.metadata.is_deleting() && !options_.finalizer.empty()) {
    // What it owns is to outlive it, once the collector has seen to it.
    const bool is_orphaning = HasFinalizer(object_.metadata, kOrphanFinalizer);
    Children children = is_orphaning ? Children{.is_any_left = true} : ChildrenOf(object_, engine_.informers);
    has_children_ = children.is_any_left;
    plan_ = {.chains = std::move(children.removals)};
    if (has_children_) return !plan_.empty();
  }
  const auto began = engine_.clock.SteadyNow();
  auto look = controller_.Observe(object_, reader_);
  reader_.EndOtherWatches();
  const auto took = std::chrono::duration_cast<milliseconds>(engine_.clock.SteadyNow() - began);
  is_slow_ = is_slow_ || took > kObserveMax;
  if (took > kObserveMax)
    host::log::Warning(
        "slow to observe",
        {{"controller", options_.name}, {"object", object_.metadata.name}, {"took_ms", std::to_string(took.count())}});
  if (!look) {
    Fail(look.error(), "observe");
    return false;
  }
  look_ = *std::move(look);
  return MakePlan();
}

/// False when the plan cannot be trusted; then it is empty.
bool Pass::MakePlan() {
  const api::Time now = engine_.clock.Now();
  plan_ = look_->Diff(now);
  std::set<std::string> wanted;
  std::optional<Error> mistake;
  for (const Chain& chain : plan_.chains)
    for (const Step& step : chain.steps) {
      if (!wanted.insert(step.id()).second)
        mistake = Error{Code::kInternal, "DuplicateStep", "a bug: two steps of one plan are called " + step.id()};
      if (engine_.checks_purity && !IsDigest(step.text.desired))
        mistake = Error{Code::kInternal, "NotDigest", "a bug: what is desired of " + step.id() + " is no digest"};
    }
  if (engine_.checks_purity && Describe(look_->Diff(now)) != Describe(plan_))
    mistake = Error{Code::kInternal, "NotPure", "a bug: Diff answers twice in different ways"};
  if (mistake) {
    plan_ = {};
    Fail(*mistake, "");
    return false;
  }
  if (!plan_.more) engine_.tasks.Settle(object_.metadata.uid, wanted);
  return true;
}

/// Of the plan, the steps that must not run now.
Expected<std::set<std::string>> Pass::HeldSteps() {
  std::set<std::string> held;
  if (is_observe_only_ && plan_.empty()) return held;
  if (is_observe_only_) {
    held_reason_ = "ObserveOnly";
    held_advice_ = "nothing is changed here, for it is only observed";
    for (const Chain& chain : plan_.chains)
      for (const Step& step : chain.steps) held.insert(step.id());
    return held;
  }
  held_reason_.clear();
  // Children follow their owner, whose removal was what had to be thought about.
  const auto guarded = has_children_ ? std::vector<const Step*>() : GuardedSteps(plan_.chains, engine_.informers);
  const std::string object = NameOf(object_);
  if (guarded.empty()) {
    if (auto settled = engine_.approvals.Settle(options_.name, object); !settled) return settled.error();
    return held;
  }
  const auto steps = AsHeld(guarded, options_.name, object_);
  auto may = engine_.approvals.May(options_.name, object, steps, AdviceFor(steps));
  if (!may) return may.error();
  if (*may) return held;
  held_reason_ = "ApprovalNeeded";
  TellHeld(AdviceFor(steps));
  for (const Step* step : guarded) held.insert(step->id());
  return held;
}

/// An event when something begins to wait: not in each round, and not in each pass.
void Pass::TellHeld(std::string advice) {
  const api::CommonStatus before = api::codec::CommonStatusOf(object_);
  const api::Condition* ready = before.Find(api::kReady);
  const bool is_told = advice == held_advice_ || (ready && ready->message.starts_with(advice));
  held_advice_ = std::move(advice);
  if (!is_told) engine_.recorder.Warning(object_, options_.name, held_reason_, held_advice_);
}

/// False when nothing of the plan could be tried.
bool Pass::Apply() {
  const auto held = HeldSteps();
  if (!held) {
    Fail(held.error(), "approvals");
    return false;
  }
  Applier applier(engine_, own_writes_, {.controller = options_.name, .wake = options_.wake, .about = &object_});
  std::vector<StepResult> results = applier.Apply(plan_.chains, *held);
  for (const StepResult& result : results)
    if (result.state == State::kFailed) Fail(result.error, result.sentence);
  std::erase_if(results_.steps, [](const StepResult& step) { return step.state == State::kHeld; });
  const bool is_any_tried = std::any_of(results.begin(), results.end(), [](const StepResult& step) {
    return step.state != State::kHeld && step.state != State::kSkipped;
  });
  Acknowledge(results);
  std::move(results.begin(), results.end(), std::back_inserter(results_.steps));
  return is_any_tried;
}

/// Before anything else happens: a wish that is forgotten after it was fulfilled would be fulfilled twice.
void Pass::Acknowledge(const std::vector<StepResult>& results) {
  bool is_any = false;
  for (const StepResult& step : results) {
    if (step.handles.empty() || step.state != State::kDone) continue;
    const auto wish = object_.metadata.annotations.find(WishPrefix(object_) + step.handles);
    if (wish == object_.metadata.annotations.end()) continue;
    handled_[step.handles] = wish->second;
    is_any = true;
  }
  if (!is_any) return;
  if (auto written = WriteHandled(); !written) Fail(written.error(), "acknowledge");
}

/// Over the status that is there: it is newer than the one that this pass began with when the answer to its write was
/// lost.
Expected<void> Pass::WriteHandled() {
  auto current =
      engine_.client.Get({api::ResourceName(controller_.kind()), object_.metadata.namespace_, object_.metadata.name});
  if (!current) return current.error();
  auto object = api::codec::ParseObject((*current)->text);
  if (!object) return object.error();
  if (object->metadata.uid != object_.metadata.uid)
    return Error{Code::kConflict, "Conflict", "it was deleted and made anew meanwhile"};
  object->body["status"]["handled"] = AsJson(handled_);
  object_.body["status"] = object->body["status"];
  object->metadata.resource_version = {};  // We are the only writer of this status.
  auto written = engine_.client.UpdateStatus(*std::move(object), write_options());
  if (!written) return written.error();
  own_writes_.Note(*written->object);
  return {};
}

void Pass::Fail(const Error& error, std::string_view what) {
  failures_ += (failures_.empty() ? "" : "; ") + std::string(what) + (what.empty() ? "" : ": ") + error.message;
  error_ = error_ ? Deciding(*error_, error) : error;
}

Expected<void> Pass::EnsureFinalizer() {
  const auto& finalizers = object_.metadata.finalizers;
  const bool has_it = std::find(finalizers.begin(), finalizers.end(), options_.finalizer) != finalizers.end();
  if (options_.finalizer.empty() || has_it || object_.metadata.is_deleting() || is_observe_only_) return {};
  api::Object next = object_;
  next.metadata.finalizers.push_back(options_.finalizer);
  auto written = engine_.client.Update(std::move(next), write_options());
  if (!written) return written.error();
  own_writes_.Note(*written->object);
  auto object = api::codec::ParseObject(written->object->text);
  if (!object) return object.error();
  object_ = *std::move(object);
  return {};
}

Expected<void> Pass::RemoveFinalizer() {
  engine_.tasks.Forget(object_.metadata.uid);
  if (auto settled = engine_.approvals.Settle(options_.name, NameOf(object_)); !settled) return settled;
  if (options_.finalizer.empty()) return {};
  std::erase(object_.metadata.finalizers, options_.finalizer);
  auto written = engine_.client.Update(object_, write_options());
  if (written) own_writes_.Note(*written->object);
  if (written || written.error().code == Code::kNotFound) return {};
  return written.error();
}

void Pass::WriteStatus() {
  api::Json status = NextStatusJson();
  const api::Json* had = object_.body.Find("status");
  if (had && *had == status) return;
  api::Object object = object_;
  object.metadata.resource_version = {};  // We are the only writer of this status: whatever else changed, it stands.
  object.body["status"] = std::move(status);
  auto written = engine_.client.UpdateStatus(std::move(object), write_options());
  if (written) own_writes_.Note(*written->object);
  if (!written && written.error().code != Code::kNotFound) Fail(written.error(), "write status");
}

Verdict Pass::VerdictOfPass() const {
  Verdict verdict{.error = error_, .failures = failures_, .open_steps = Sentences(results_, State::kPending)};
  if (has_children_ && verdict.open_steps.empty()) verdict.open_steps = "wait for the objects that it owns to go";
  // Work that failed and runs again is no news: the failure stands until it has ended well.
  verdict.is_retry_under_way = options_.is_retry && !error_ && PendingDeadline(results_);
  verdict.is_broken = options_.is_broken;
  verdict.held_reason = held_reason_;
  verdict.held = held_advice_ + " (" + Sentences(results_, State::kHeld) + ")";
  verdict.conditions = look_ ? plan_.conditions : ConditionsBeside(api::codec::CommonStatusOf(object_));
  return verdict;
}

/// The controller's report, or what it last reported when the world could not be read, with the engine's part.
api::Json Pass::NextStatusJson() const {
  api::CommonStatus next = NextStatus(api::codec::CommonStatusOf(object_), object_.metadata.generation, VerdictOfPass(),
                                      engine_.clock.Now());
  // Wishes that are no longer written on the object are forgotten, so that they can be wished again.
  const auto& annotations = object_.metadata.annotations;
  const std::string prefix = WishPrefix(object_);
  next.handled = handled_;
  std::erase_if(next.handled, [&](const auto& wish) { return !annotations.contains(prefix + wish.first); });
  if (const auto asked = annotations.find(prefix + std::string(kReconcileNow)); asked != annotations.end())
    next.handled[std::string(kReconcileNow)] = asked->second;
  const api::Json* had = object_.body.Find("status");
  api::Json status = look_ ? look_->Report(results_) : had ? *had : api::Json::EmptyObject();
  api::codec::PutCommonStatus(next, status);
  return status;
}

}  // namespace reconciler
