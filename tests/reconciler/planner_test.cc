#include "reconciler/planner.h"

#include <doctest/doctest.h>

#include "tests/reconciler/text_file.h"

namespace tests {
namespace {

std::string Planned(TextFileHarness& h, const reconciler::PlanQuery& query = {}) {
  auto report = h.manager().Plan(query);
  if (!report) return report.error().reason;
  std::string text;
  for (const auto& step : report->steps)
    text += step.object.name + ": " + step.text.verb + " " + step.text.target + "\n";
  for (const auto& problem : report->problems) text += problem.object.name + "! " + problem.error.reason + "\n";
  return text;
}

/// An engine that has come to rest with nothing to do.
struct PlanBench : TextFileHarness {
  PlanBench() {
    Put("calm", {"/calm", "x"});
    REQUIRE(ReconcileUntilIdle());
  }
};

TEST_CASE("[ENGINE] plan: nothing to do is an empty plan") {
  PlanBench h;
  CHECK(Planned(h) == "");
}

TEST_CASE("[ENGINE] plan: it lists what would be done, in planned children too, and changes nothing") {
  PlanBench h;
  h.Put("a", {"/a", "one", "b"});
  CHECK(h.WritesDuring([&] {
    CHECK(Planned(h) == "a: write /a\na: create TextFile b\nb: write /a.copy\n");
    CHECK(Planned(h) == "a: write /a\na: create TextFile b\nb: write /a.copy\n");
  }) == 0);
  CHECK(h.files.Text("/a") == std::nullopt);
  REQUIRE(h.ReconcileUntilIdle());
  CHECK(Planned(h) == "");
}

TEST_CASE("[ENGINE] plan: drift shows as what would mend it") {
  PlanBench h;
  h.files.texts["/calm"] = "by hand";
  CHECK(Planned(h) == "calm: write /calm\n");
}

TEST_CASE("[ENGINE] plan: of one object, of one kind, of one that is not there") {
  PlanBench h;
  h.Put("a", {"/a", "one"});
  h.files.texts.clear();
  CHECK(Planned(h, {.resource = "textfiles.test.dev", .name = "a"}) == "a: write /a\n");
  CHECK(Planned(h, {.resource = "textfiles.test.dev"}) == "a: write /a\ncalm: write /calm\n");
  CHECK(Planned(h, {.resource = "textfiles.test.dev", .name = "nobody"}) == "NotFound");
}

TEST_CASE("[ENGINE] plan: what a deletion would undo, and what cannot be read") {
  PlanBench h;
  h.Delete<TextFile>("calm");
  CHECK(Planned(h) == "calm: remove /calm\n");
}

TEST_CASE("[ENGINE] plan: before the first lists are in there is none") {
  TextFileHarness h;
  CHECK(Planned(h) == "NotSynced");
}

}  // namespace
}  // namespace tests
