#include "reconciler/conditions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/codec/text.h"

namespace reconciler {
namespace {

using api::Code;
using api::Condition;
using api::ConditionStatus;

/// 0: a retry may mend it. 1: a person has to act, looked at again slowly. 2: only another spec helps.
int Patience(Code code) { return code == Code::kInvalid ? 2 : code == Code::kForbidden ? 1 : 0; }

void Set(api::CommonStatus& status, const api::CommonStatus& before, Condition condition, api::Time now) {
  condition.message = api::codec::Printable(condition.message);
  const Condition* old = before.Find(condition.type);
  condition.last_transition =
      old && old->status == condition.status ? old->last_transition : std::chrono::floor<std::chrono::seconds>(now);
  condition.observed_generation = status.observed_generation;
  status.conditions.push_back(std::move(condition));
}

/// Ready while long work runs: as it was when that work is for a spec that was ready before, otherwise not known yet.
Condition Progressing(const api::CommonStatus& before, api::Generation generation, const std::string& open_steps) {
  if (before.IsReady(generation)) return *before.Find(api::kReady);
  return {.type = std::string(api::kReady),
          .status = ConditionStatus::kUnknown,
          .reason = "Progressing",
          .message = open_steps};
}

}  // namespace

const api::Error& Deciding(const api::Error& left, const api::Error& right) {
  return Patience(right.code) < Patience(left.code) ? right : left;
}

api::CommonStatus NextStatus(const api::CommonStatus& before, api::Generation generation, const Verdict& verdict,
                             api::Time now) {
  api::CommonStatus next{.observed_generation = generation, .handled = before.handled};
  if (verdict.is_retry_under_way && before.observed_generation == generation && before.Find(api::kReady)) return before;
  if (verdict.error) {
    const api::Error& error = *verdict.error;
    const bool is_stalled = Patience(error.code) > 0 || verdict.is_broken;
    const std::string reason = Patience(error.code) > 0 ? error.reason : is_stalled ? "FailsAgainAndAgain" : "Retrying";
    Set(next, before,
        {.type = std::string(api::kReady),
         .status = ConditionStatus::kFalse,
         .reason = error.reason,
         .message = verdict.failures},
        now);
    Set(next, before,
        {.type = std::string(is_stalled ? api::kStalled : api::kReconciling),
         .status = ConditionStatus::kTrue,
         .reason = reason,
         .message = verdict.failures},
        now);
  } else if (!verdict.held_reason.empty()) {
    for (const auto& [type, status] :
         {std::pair{api::kReady, ConditionStatus::kFalse}, std::pair{api::kStalled, ConditionStatus::kTrue}})
      Set(next, before,
          {.type = std::string(type), .status = status, .reason = verdict.held_reason, .message = verdict.held}, now);
  } else if (!verdict.open_steps.empty()) {
    Set(next, before, Progressing(before, generation, verdict.open_steps), now);
    Set(next, before,
        {.type = std::string(api::kReconciling),
         .status = ConditionStatus::kTrue,
         .reason = "Progressing",
         .message = verdict.open_steps},
        now);
  } else {
    Set(next, before,
        {.type = std::string(api::kReady),
         .status = ConditionStatus::kTrue,
         .reason = "Reconciled",
         .message = "the box is as the spec says"},
        now);
  }
  for (const api::Condition& condition : verdict.conditions) Set(next, before, condition, now);
  return next;
}

}  // namespace reconciler
