#include "reconciler/conditions.h"

#include <doctest/doctest.h>

namespace reconciler {
namespace {

using api::Code;
using api::CommonStatus;
using api::Error;

const api::Time kThen{std::chrono::seconds(1'000)};
const api::Time kLater{std::chrono::seconds(2'000)};

std::string Said(const CommonStatus& status) {
  std::string text;
  for (const api::Condition& condition : status.conditions)
    text += (text.empty() ? "" : ", ") + condition.type + "=" + std::string(ToString(condition.status)) + " " +
            condition.reason;
  return text;
}

TEST_CASE("[ENGINE] conditions: each end of a reconcile has its own") {
  struct Row {
    const char* name;
    Verdict verdict;
    const char* said;
  };
  const Row rows[] = {
      {"as it should be", {}, "Ready=True Reconciled"},
      {"a retry may mend it",
       {.error = Error{Code::kUnavailable, "DiskFull", "m"}, .failures = "m"},
       "Ready=False DiskFull, Reconciling=True Retrying"},
      {"another spec is needed",
       {.error = Error{Code::kInvalid, "BadUrl", "m"}, .failures = "m"},
       "Ready=False BadUrl, Stalled=True BadUrl"},
      {"a person is needed",
       {.error = Error{Code::kForbidden, "NoToken", "m"}, .failures = "m"},
       "Ready=False NoToken, Stalled=True NoToken"},
      {"long work, never ready before",
       {.open_steps = "fetch x"},
       "Ready=Unknown Progressing, Reconciling=True Progressing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(Said(NextStatus({}, {1}, row.verdict, kThen)) == row.said);
  }
}

TEST_CASE("[ENGINE] conditions: long work for a spec that was ready leaves it ready") {
  const CommonStatus ready = NextStatus({}, {1}, {}, kThen);
  CHECK(Said(NextStatus(ready, {1}, {.open_steps = "archive x"}, kLater)) ==
        "Ready=True Reconciled, Reconciling=True Progressing");
  CHECK(Said(NextStatus(ready, {2}, {.open_steps = "archive x"}, kLater)) ==
        "Ready=Unknown Progressing, Reconciling=True Progressing");
}

TEST_CASE("[ENGINE] conditions: the time moves with the status, not with its reason") {
  const Verdict full{.error = Error{Code::kUnavailable, "DiskFull", "m"}, .failures = "m"};
  const Verdict slow{.error = Error{Code::kTimeout, "TooSlow", "m"}, .failures = "m"};
  const CommonStatus first = NextStatus({}, {1}, full, kThen);
  const CommonStatus second = NextStatus(first, {1}, slow, kLater);
  CHECK(second.Find(api::kReady)->last_transition == kThen);
  CHECK(NextStatus(second, {1}, {}, kLater).Find(api::kReady)->last_transition == kLater);
  CHECK(NextStatus(first, {1}, full, kLater) == first);
}

TEST_CASE("[ENGINE] conditions: wishes that were handled stay so") {
  const api::CommonStatus before{.handled = {{"hero.dev/reconcile-requested-at", "noon"}}};
  CHECK(NextStatus(before, {1}, {}, kLater).handled == before.handled);
}

TEST_CASE("[ENGINE] conditions: what a retry may mend decides before what waits for a person or a spec") {
  const Error retry{Code::kTimeout, "", ""};
  const Error person{Code::kForbidden, "", ""};
  const Error spec{Code::kInvalid, "", ""};
  CHECK(Deciding(spec, retry) == retry);
  CHECK(Deciding(retry, spec) == retry);
  CHECK(Deciding(spec, person) == person);
  CHECK(Deciding(person, retry) == retry);
}

}  // namespace
}  // namespace reconciler
