#include "reconciler/applier.h"

#include <algorithm>
#include <array>
#include <iterator>
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

/// Other steps may need what stands before them in the plan to have been tried.
bool OnlyPuts(const Chain& chain) {
  return std::all_of(chain.steps.begin(), chain.steps.end(),
                     [](const Step& step) { return std::holds_alternative<PutObject>(step.effect); });
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
  std::vector<Attempt> attempts;
  attempts.reserve(chains.size());
  for (const Chain& chain : chains) attempts.push_back({.chain = &chain});
  for (std::size_t first = 0; first < attempts.size();) {
    std::size_t last = first;
    while (last < attempts.size() && OnlyPuts(*attempts[last].chain)) ++last;
    if (last == first)
      Run(attempts[last++], held);
    else
      RunTogether(std::span(attempts).subspan(first, last - first), held);
    first = last;
  }
  if (options_.about && !events_.empty()) engine_.recorder.Tell(*options_.about, options_.controller, events_);
  events_.clear();
  std::vector<StepResult> results;
  for (Attempt& attempt : attempts)
    std::move(attempt.results.begin(), attempt.results.end(), std::back_inserter(results));
  return results;
}

void Applier::Run(Attempt& attempt, const std::set<std::string>& held) {
  for (const Step& step : attempt.chain->steps) {
    if (!IsNext(attempt, held)) continue;
    const auto began = engine_.clock.SteadyNow();
    const StepOutcome outcome = RunEffect(step);
    Note(attempt, step, outcome,
         std::chrono::duration_cast<std::chrono::microseconds>(engine_.clock.SteadyNow() - began));
  }
}

void Applier::RunTogether(std::span<Attempt> attempts, const std::set<std::string>& held) {
  for (bool has_more = true; has_more;) {
    has_more = false;
    std::vector<Attempt*> turn;
    for (Attempt& attempt : attempts) {
      if (attempt.results.size() == attempt.chain->steps.size()) continue;
      has_more = true;
      if (IsNext(attempt, held)) turn.push_back(&attempt);
    }
    PutTogether(turn);
  }
}

/// The next step of each, in one write.
void Applier::PutTogether(const std::vector<Attempt*>& attempts) {
  const auto next = [](const Attempt* attempt) -> const Step& {
    return attempt->chain->steps[attempt->results.size()];
  };
  const auto began = engine_.clock.SteadyNow();
  std::vector<api::Object> objects;
  std::vector<StepOutcome> outcomes(attempts.size());
  std::vector<StepOutcome*> of_objects;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    auto object = ObjectOf(engine_.client, std::get<PutObject>(next(attempts[i]).effect));
    if (!object) {
      outcomes[i] = object.error();
      continue;
    }
    objects.push_back(*std::move(object));
    of_objects.push_back(&outcomes[i]);
  }
  const auto written = engine_.client.WriteAll(std::move(objects), write_options());
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (!written[i])
      *of_objects[i] = written[i].error();
    else
      own_writes_.Note(*written[i]->object);
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(engine_.clock.SteadyNow() - began);
  for (std::size_t i = 0; i < attempts.size(); ++i) Note(*attempts[i], next(attempts[i]), outcomes[i], took);
}

/// Whether the attempt's next step is to be tried; one that is not has its result then.
bool Applier::IsNext(Attempt& attempt, const std::set<std::string>& held) const {
  const Step& step = attempt.chain->steps[attempt.results.size()];
  const bool is_held = held.contains(step.id());
  if (!is_held && attempt.goes_on) return true;
  attempt.results.push_back(NotTried(step, is_held ? StepResult::State::kHeld : StepResult::State::kSkipped));
  attempt.goes_on = false;
  return false;
}

void Applier::Note(Attempt& attempt, const Step& step, const StepOutcome& outcome, std::chrono::microseconds took) {
  StepResult result = NotTried(step, StepResult::State::kDone);
  result.handles = step.text.handles;
  result.took = took;
  if (outcome.error()) {
    result.state = StepResult::State::kFailed;
    result.error = *outcome.error();
  } else if (outcome.pending()) {
    result.state = StepResult::State::kPending;
    result.deadline = *outcome.pending();
  }
  Tell(step, result);
  attempt.goes_on = result.state == StepResult::State::kDone;
  attempt.results.push_back(std::move(result));
}

StepOutcome Applier::RunEffect(const Step& step) {
  if (const auto* action = std::get_if<HostAction>(&step.effect)) {
    TaskContext context(engine_.tasks, options_.about ? options_.about->metadata.uid : api::Uid{options_.controller},
                        step.id(), EndOf(step));
    return (*action)(context);
  }
  auto written = std::holds_alternative<PutObject>(step.effect)
                     ? ApplyPut(engine_.client, std::get<PutObject>(step.effect), write_options())
                     : ApplyRemove(engine_.client, std::get<RemoveObject>(step.effect), write_options());
  if (!written) return written.error();
  if (written->object) own_writes_.Note(*written->object);
  return {};
}

void Applier::Tell(const Step& step, const StepResult& result) {
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
    events_.push_back(
        {.is_warning = true, .reason = result.error.reason, .message = result.sentence + ": " + result.error.message});
  else if (result.state == StepResult::State::kDone && !step.text.is_upkeep)
    events_.push_back({.reason = ReasonOf(step.text.verb), .message = result.sentence});
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
