#include "reconciler/applier.h"

#include <array>
#include <string_view>
#include <utility>

#include "host/log.h"
#include "reconciler/object_steps.h"

namespace reconciler {
namespace {

/// `create account` as `CreateAccount`: an event's reason is one word.
std::string ReasonOf(std::string_view verb) {
  std::string reason;
  bool starts_word = true;
  for (const char c : verb) {
    const bool is_lower = c >= 'a' && c <= 'z';
    if (c != ' ' && c != '-') reason += starts_word && is_lower ? static_cast<char>(c - 'a' + 'A') : c;
    starts_word = c == ' ' || c == '-';
  }
  return reason;
}

/// Binds a step's task to its object.
class TaskContext final : public StepContext {
 public:
  TaskContext(Tasks& tasks, api::Uid object, std::string step, Tasks::Ended ended)
      : tasks_(tasks), object_(std::move(object)), step_(std::move(step)), ended_(std::move(ended)) {}

  StepOutcome Ensure(TaskWish wish) override { return tasks_.Ensure(object_, step_, std::move(wish), ended_); }

 private:
  Tasks& tasks_;
  const api::Uid object_;
  const std::string step_;
  const Tasks::Ended ended_;
};

}  // namespace

StepResult NotTried(const Step& step, StepResult::State state) {
  return {.id = step.id(), .sentence = step.Sentence(), .is_upkeep = step.text.is_upkeep, .state = state};
}

std::vector<StepResult> Applier::Apply(const std::vector<Chain>& chains, const std::set<std::string>& held) {
  std::vector<StepResult> results;
  for (const Chain& chain : chains) {
    bool goes_on = true;
    for (const Step& step : chain.steps) {
      if (held.contains(step.id()))
        results.push_back(NotTried(step, StepResult::State::kHeld));
      else
        results.push_back(goes_on ? Run(step) : NotTried(step, StepResult::State::kSkipped));
      goes_on = goes_on && results.back().state == StepResult::State::kDone;
    }
  }
  return results;
}

StepResult Applier::Run(const Step& step) {
  const auto began = engine_.clock.SteadyNow();
  const StepOutcome outcome = RunEffect(step);
  StepResult result = NotTried(step, StepResult::State::kDone);
  result.handles = step.text.handles;
  result.took = std::chrono::duration_cast<std::chrono::microseconds>(engine_.clock.SteadyNow() - began);
  if (outcome.error()) {
    result.state = StepResult::State::kFailed;
    result.error = *outcome.error();
  } else if (outcome.pending()) {
    result.state = StepResult::State::kPending;
    result.deadline = *outcome.pending();
  }
  Tell(step, result);
  return result;
}

StepOutcome Applier::RunEffect(const Step& step) {
  if (const auto* action = std::get_if<HostAction>(&step.effect)) {
    TaskContext context(engine_.tasks, options_.about ? options_.about->metadata.uid : api::Uid{options_.controller},
                        step.id(), EndOf(step));
    return (*action)(context);
  }
  const WriteOptions as{.actor = "system:controller:" + options_.controller};
  auto written = std::holds_alternative<PutObject>(step.effect)
                     ? ApplyPut(engine_.client, std::get<PutObject>(step.effect), as)
                     : ApplyRemove(engine_.client, std::get<RemoveObject>(step.effect), as);
  if (!written) return written.error();
  if (written->object) own_writes_.Note(*written->object);
  return {};
}

void Applier::Tell(const Step& step, const StepResult& result) const {
  constexpr std::array<std::string_view, 5> kStates = {"done", "failed", "pending", "skipped", "held"};
  const std::string state(kStates[static_cast<std::size_t>(result.state)]);
  const std::string took = std::to_string(result.took.count());
  const bool is_failed = result.state == StepResult::State::kFailed;
  if (is_failed)
    host::log::Warning("step", {{"controller", options_.controller},
                                {"object", name()},
                                {"step", result.sentence},
                                {"state", state},
                                {"reason", result.error.reason},
                                {"error", result.error.message},
                                {"took_us", took}});
  else
    host::log::Info("step", {{"controller", options_.controller},
                             {"object", name()},
                             {"step", result.sentence},
                             {"state", state},
                             {"took_us", took}});
  // A task is in the audit when it ends: every look until then would say the same.
  const bool is_pending = result.state == StepResult::State::kPending;
  if (std::holds_alternative<HostAction>(step.effect) && !step.text.is_upkeep && !is_pending)
    engine_.audit.Write({.time = engine_.clock.Now(),
                         .actor = "system:controller:" + options_.controller,
                         .verb = step.text.verb,
                         .target = step.text.target,
                         .reason = step.text.reason,
                         .outcome = is_failed ? result.error.reason : state});
  if (!options_.about) return;
  if (is_failed)
    engine_.recorder.Warning(*options_.about, options_.controller, result.error.reason,
                             result.sentence + ": " + result.error.message);
  else if (result.state == StepResult::State::kDone && !step.text.is_upkeep)
    engine_.recorder.Normal(*options_.about, options_.controller, ReasonOf(step.text.verb), result.sentence);
}

/// A task that succeeded leaves nothing to plan, so its end is told here; one that failed is told by its step's next
/// try.
Tasks::Ended Applier::EndOf(const Step& step) const {
  return [&engine = engine_, wake = options_.wake, about = options_.about ? *options_.about : api::Object{},
          controller = options_.controller, text = step.text, sentence = step.Sentence()](const TaskState& state) {
    const bool is_done = state.phase == TaskState::Phase::kSucceeded;
    if (!text.is_upkeep)
      engine.audit.Write({.time = engine.clock.Now(),
                          .actor = "system:controller:" + controller,
                          .verb = text.verb,
                          .target = text.target,
                          .reason = text.reason,
                          .outcome = is_done ? "done" : state.error.reason});
    if (is_done && !text.is_upkeep && !about.metadata.uid.value.empty())
      engine.recorder.Normal(about, controller, ReasonOf(text.verb), sentence);
    host::log::Info("task ended", {{"controller", controller},
                                   {"object", about.metadata.name},
                                   {"step", sentence},
                                   {"state", is_done ? "done" : "failed"},
                                   {"error", state.error.message},
                                   {"took_us", std::to_string((state.ended - state.started).count())}});
    if (wake) wake();
  };
}

}  // namespace reconciler
