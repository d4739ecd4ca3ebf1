// Rule 13 of the controller contract: a status may hold history that Diff reads. What was lost with it costs time or a
// question, never data.
#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "tests/reconciler/toy.h"

namespace tests {
namespace {

using api::Code;
using reconciler::Plan;
using reconciler::StepResult;
using std::chrono::minutes;

constexpr int kBudget = 3;

/// A toy that breaks whenever it is started. Its controller starts it three times, which it counts in the status, and
/// then leaves it to a person.
struct BudgetHarness : ToyHarness {
  BudgetHarness() {
    controller->diff = [this](const Toy& object, const ToyState& state, api::Time) {
      Plan plan;
      if (object.metadata.is_deleting() || state.have != "broken") return plan;
      if (StartsOf(object) >= kBudget) {
        plan.Blocked({Code::kForbidden, "Quarantined", "it broke three times; start it by hand"});
        return plan;
      }
      plan.Then({"start", object.metadata.name, "is broken"}, [this]() -> api::Expected<void> {
        ++starts;
        return api::Error{Code::kUnavailable, "Broken", "it broke again"};
      });
      return plan;
    };
    controller->history = [](const Toy& object, const reconciler::Results& results) {
      const auto started = std::count_if(results.steps.begin(), results.steps.end(), [](const StepResult& step) {
        return step.state == StepResult::State::kFailed;
      });
      return ToyStatus{.have = std::to_string(StartsOf(object) + static_cast<int>(started))};
    };
    world.texts = {{"a", "broken"}, {"b", "x"}};
    Put("a", {"x"});
    Put("b", {"x"});
    Settle();
    for (int i = 0; i < 10; ++i) Pass(minutes(6));
  }

  static int StartsOf(const Toy& object) { return object.status.have.empty() ? 0 : std::stoi(object.status.have); }

  /// As when a store is lost and its objects are made anew from git.
  void LoseStatus(const std::string& name) {
    auto object = api::codec::ParseObject((*client().Get({"toys.test.dev", "", name}))->text);
    REQUIRE(object);
    object->body["status"] = api::Json::EmptyObject();
    object->metadata.resource_version = {};
    REQUIRE(client().UpdateStatus(*object, {.actor = "test"}));
  }

  int starts = 0;
};

TEST_CASE("[ENGINE-13] contract: the history that a status holds is what the next Diff reads, over passes and time") {
  BudgetHarness h;
  CHECK(h.starts == kBudget);
  CHECK(h.Ready("a") == "False Quarantined");
  CHECK(h.Get<Toy>("a")->status.have == "3");
  h.Pass(minutes(60));
  CHECK(h.starts == kBudget);
}

TEST_CASE("[ENGINE-13] contract: a lost status costs the tries anew, and changes nothing that is") {
  BudgetHarness h;
  const int writes = h.world.writes;
  const auto texts = h.world.texts;
  const auto spec = h.Get<Toy>("a")->spec;
  h.LoseStatus("a");
  h.LoseStatus("b");
  for (int i = 0; i < 10; ++i) h.Pass(minutes(6));
  CHECK(h.starts == 2 * kBudget);  // Time.
  CHECK(h.Ready("a") == "False Quarantined");
  CHECK(h.Get<Toy>("a")->status.have == "3");
  CHECK(h.Get<Toy>("a")->spec == spec);
  CHECK(h.world.texts == texts);
  CHECK(h.world.writes == writes);
  // Of one without history everything is found anew.
  h.Pass(minutes(11));
  CHECK(h.Ready("b") == "True Reconciled");
  CHECK(h.Get<Toy>("b")->common.observed_generation == h.Get<Toy>("b")->metadata.generation);
}

}  // namespace
}  // namespace tests
