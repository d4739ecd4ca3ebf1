// Rules 16 to 18 of the controller contract: what waits for an operator, and what a plan shows of it.
#include "reconciler/approvals.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "tests/reconciler/toy.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using reconciler::Chain;
using std::chrono::minutes;

std::vector<reconciler::Approval> ApprovalsOf(ToyHarness& h) {
  std::vector<reconciler::Approval> all;
  const auto list = h.client().List("approvals.hero.dev");
  for (const auto& snapshot : list->items) all.push_back(*h.Get<reconciler::Approval>(snapshot->key.name));
  return all;
}

void Approve(ToyHarness& h, const std::string& hash) {
  const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
  REQUIRE(h.client().Patch({"approvals.hero.dev", "", hash}, yes, {.actor = "operator"}));
}

TEST_CASE("[ENGINE-16] contract: what is on the host without an object is removed, once an operator has approved it") {
  ToyHarness h({.name = "toy", .has_inventory = true});
  h.controller->inventory = [&](const std::vector<Toy>& objects) {
    std::vector<Chain> chains;
    for (const auto& [name, text] : h.world.texts) {
      const std::string found = name;
      if (std::any_of(objects.begin(), objects.end(), [&](const Toy& toy) { return toy.metadata.name == found; }))
        continue;
      chains.emplace_back().Then({"erase", found, "no object names it"}, [&h, found] { return h.world.Remove(found); });
    }
    return chains;
  };
  h.world.texts["orphan"] = "left behind";
  h.Put("a", {"x"});
  h.Settle();
  h.Pass(minutes(11));
  CHECK(h.world.texts.contains("orphan"));
  REQUIRE(ApprovalsOf(h).size() == 1);
  CHECK(ApprovalsOf(h)[0].spec.steps.at(0).target == "orphan");
  Approve(h, ApprovalsOf(h)[0].metadata.name);
  h.Settle();
  CHECK_FALSE(h.world.texts.contains("orphan"));
  CHECK(h.world.texts.contains("a"));
  h.Pass(minutes(11));
  CHECK(ApprovalsOf(h).empty());
}

struct FiveParts : ToyHarness {
  FiveParts() {
    Put("a", {"x", {"p1", "p2", "p3", "p4", "p5"}});
    Settle();
    REQUIRE(client().List("parts.test.dev")->items.size() == 5);
  }
  std::size_t parts() { return client().List("parts.test.dev")->items.size(); }
};

TEST_CASE("[ENGINE-17][SEC-49] contract: removing one is done, removing more than 30 % waits, and the rest goes on") {
  FiveParts h;
  h.Put("a", {"x", {"p2", "p3", "p4", "p5"}});
  h.Settle();
  CHECK(h.parts() == 4);
  h.Put("a", {"changed", {"p4", "p5"}});
  h.Settle();
  CHECK(h.parts() == 4);
  CHECK(h.world.texts["a"] == "changed");
  CHECK(h.Ready("a") == "False ApprovalNeeded");
  CHECK(h.ConditionOf<Toy>("a", api::kStalled) == "True ApprovalNeeded");
  const auto asked = ApprovalsOf(h);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].spec.object == "Toy a");
  CHECK(h.Message("a").starts_with("2 steps wait for an operator: heroctl approve " +
                                   asked[0].metadata.name.substr(0, 12)));
  h.Pass(minutes(30));
  CHECK(h.parts() == 4);  // Time approves nothing.
  const auto events = h.client().List("events");
  const auto told = std::count_if(events->items.begin(), events->items.end(), [](const auto& event) {
    return event->text.find("\"reason\":\"ApprovalNeeded\"") != std::string::npos &&
           event->text.find("\"count\":1,") != std::string::npos;
  });
  CHECK(told == 1);  // Once, however often it was looked at.
  Approve(h, asked[0].metadata.name);
  h.Settle();
  CHECK(h.parts() == 2);
  CHECK(h.Ready("a") == "True Reconciled");
  CHECK(ApprovalsOf(h).empty());
}

TEST_CASE("[ENGINE-17] contract: an approval is of one plan: another one asks anew, and the old answer is void") {
  FiveParts h;
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  const std::string first = ApprovalsOf(h).at(0).metadata.name;
  h.Put("a", {"x", {"p5"}});
  Approve(h, first);  // In the same moment.
  h.Settle();
  CHECK(h.parts() == 5);
  const auto asked = ApprovalsOf(h);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].metadata.name != first);
  CHECK_FALSE(asked[0].spec.approved);
}

TEST_CASE("[ENGINE-17] contract: an approval that is given before the plan is met holds for it, and is spent by it") {
  FiveParts h;
  std::vector<reconciler::HeldStep> steps;
  for (const char* part : {"p1", "p2", "p3"})
    steps.push_back(
        {.controller = "toy", .kind = "Toy", .name = "a", .verb = "remove", .target = "Part " + std::string(part)});
  const reconciler::Approval early{.metadata = {.name = reconciler::HashOf(steps)}, .spec = {.approved = true}};
  h.Harness::Put(early);
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  CHECK(h.parts() == 2);
  CHECK(ApprovalsOf(h).empty());
  h.Put("a", {"x", {"p1", "p2", "p3", "p4", "p5"}});
  h.Settle();
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  CHECK(h.parts() == 5);
}

TEST_CASE("[ENGINE-17] contract: an approval that nothing came of lapses after a week") {
  FiveParts h;
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  const std::string hash = ApprovalsOf(h).at(0).metadata.name;
  h.Put("a", {"x", {"p1", "p2", "p3", "p4", "p5"}});
  h.Settle();
  CHECK(ApprovalsOf(h).empty());
  h.Harness::Put(reconciler::Approval{.metadata = {.name = hash}, .spec = {.approved = true}});
  h.Pass(std::chrono::hours(24 * 7 + 1));
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  CHECK(h.parts() == 5);
  CHECK_FALSE(ApprovalsOf(h).at(0).spec.approved);
}

TEST_CASE("[ENGINE-17] contract: the hash is of what is done, not of its order or of the words around it") {
  const reconciler::HeldStep one{
      .controller = "team", .kind = "Team", .name = "team", .verb = "remove", .target = "User a"};
  reconciler::HeldStep two = one;
  two.target = "User b";
  CHECK(reconciler::HashOf({one, two}) == reconciler::HashOf({two, one}));
  CHECK(reconciler::HashOf({one, two}) != reconciler::HashOf({one}));
  reconciler::HeldStep reworded = one;
  reworded.reason = "in other words";
  CHECK(reconciler::HashOf({reworded}) == reconciler::HashOf({one}));
  // sha256 of the canonical JSON, by hand: keys sorted, nothing between them.
  CHECK(reconciler::HashOf({one}) ==
        api::codec::Sha256Hex(
            R"([{"controller":"team","desired":"","kind":"Team","name":"team","target":"User a","verb":"remove"}])"));
}

TEST_CASE("[ENGINE-18] contract: a plan is what the apply then does, its approval included, and changes nothing") {
  FiveParts h;
  h.Put("a", {"y", {"p4", "p5"}});
  auto plan = h.manager().Plan({});
  REQUIRE(plan);
  std::vector<std::string> planned;
  for (const auto& step : plan->steps)
    planned.push_back((step.is_guarded ? "guarded " : "") + step.text.verb + " " + step.text.target);
  CHECK(planned == std::vector<std::string>{"write a", "update Part p4", "update Part p5", "guarded remove Part p1",
                                            "guarded remove Part p2", "guarded remove Part p3"});
  CHECK(h.parts() == 5);
  CHECK(h.world.texts["a"] == "x");
  REQUIRE(plan->approvals.size() == 1);
  h.Settle();
  CHECK(ApprovalsOf(h).at(0).metadata.name == plan->approvals[0].hash);
}

/// Of a plan for everything: the steps that wait, and how many approvals it asks for.
std::pair<int, std::size_t> WaitingIn(ToyHarness& h) {
  const auto plan = h.manager().Plan({});
  REQUIRE(plan);
  const auto waiting = std::count_if(plan->steps.begin(), plan->steps.end(),
                                     [](const reconciler::PlannedStep& step) { return step.is_guarded; });
  return {static_cast<int>(waiting), plan->approvals.size()};
}

TEST_CASE("[ENGINE-18] contract: a plan says of approved steps that they will run, and asks no more for them") {
  FiveParts h;
  h.Put("a", {"x", {"p4", "p5"}});
  CHECK(WaitingIn(h) == std::pair{3, std::size_t{1}});
  SUBCASE("approved before they were asked for") {
    const std::string hash = h.manager().Plan({})->approvals.at(0).hash;
    h.Harness::Put(reconciler::Approval{.metadata = {.name = hash}, .spec = {.approved = true}});
  }
  SUBCASE("asked for, then approved") {
    h.Settle();
    CHECK(WaitingIn(h) == std::pair{3, std::size_t{1}});
    Approve(h, ApprovalsOf(h).at(0).metadata.name);
  }
  CHECK(WaitingIn(h) == std::pair{0, std::size_t{0}});
  CHECK(h.manager().Plan({})->steps.size() == 3);
  h.Put("a", {"x", {"p5"}});  // Another plan: the approval is not for it.
  CHECK(WaitingIn(h) == std::pair{4, std::size_t{1}});
  CHECK(h.parts() == 5);
}

TEST_CASE(
    "[ENGINE-16] contract: a removal that fails is tried ever more slowly, and a plan without it ends the question") {
  ToyHarness h({.name = "toy", .has_inventory = true});
  int tries = 0;
  bool is_there = true;
  h.controller->inventory = [&](const std::vector<Toy>&) {
    std::vector<Chain> chains;
    if (is_there)
      chains.emplace_back().Then({"erase", "orphan", "no object names it"}, [&]() -> Expected<void> {
        ++tries;
        return Error{Code::kUnavailable, "Busy", "device busy"};
      });
    return chains;
  };
  h.Settle();
  Approve(h, ApprovalsOf(h).at(0).metadata.name);
  for (int i = 0; i < 60; ++i) h.Pass(std::chrono::seconds(1));
  CHECK(tries > 3);
  CHECK(tries < 30);  // Doubling from 50 ms: some ten in a minute, jittered.
  CHECK(ApprovalsOf(h).size() == 1);
  is_there = false;
  h.Pass(minutes(11));
  CHECK(ApprovalsOf(h).empty());
}

TEST_CASE("[ENGINE-17] contract: a question that waited for weeks can still be answered") {
  FiveParts h;
  h.Put("a", {"x", {"p4", "p5"}});
  h.Settle();
  h.Pass(std::chrono::hours(24 * 20));
  Approve(h, ApprovalsOf(h).at(0).metadata.name);
  h.Settle();
  CHECK(h.parts() == 2);
  CHECK(ApprovalsOf(h).empty());
}

TEST_CASE("[ENGINE-17] contract: the question of an object that is gone goes with it, finalizer or not") {
  ToyHarness h({.name = "toy", .has_finalizer = false});
  h.Put("a", {"x", {"p1", "p2", "p3"}});
  h.Settle();
  h.Put("a", {"x", {}});
  h.Settle();
  REQUIRE(ApprovalsOf(h).size() == 1);
  h.Delete<Toy>("a");
  h.Settle();
  CHECK(ApprovalsOf(h).empty());
}

TEST_CASE("[SEC-49] contract: an approval of one object's steps is none for another's of the same name elsewhere") {
  const reconciler::HeldStep alices{
      .controller = "binding", .kind = "Binding", .name = "alice/slides", .verb = "drop", .target = "slides"};
  reconciler::HeldStep bobs = alices;
  bobs.name = "bob/slides";
  CHECK(reconciler::HashOf({alices}) != reconciler::HashOf({bobs}));
  ToyHarness h;
  reconciler::Approvals approvals(h.client(), h.clock);
  h.Harness::Put(reconciler::Approval{.metadata = {.name = reconciler::HashOf({alices})},
                                      .spec = {.controller = "other", .object = "Other o", .approved = true}});
  const auto may = approvals.May("binding", "Binding alice/slides", {alices}, "");
  CHECK_FALSE((may && *may));
}

}  // namespace
}  // namespace tests
