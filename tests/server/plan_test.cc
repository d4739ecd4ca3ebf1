#include "server/plan.h"

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace tests;

TEST_CASE("[WIRE] a plan is asked for by resource and name and sent as it is") {
  ApiBox box;
  box.plan = api::Json::Of({{"kind", "Plan"}, {"incomplete", false}});
  const auto response = box.Ask("GET", "/hero/v1/plan?resource=slots.hero.dev&namespace=alice&name=a");
  CHECK(response.status == 200);
  CHECK(response.body == R"({"incomplete":false,"kind":"Plan"})");
  CHECK(box.planned_for.resource == "slots.hero.dev");
  CHECK(box.planned_for.namespace_ == "alice");
  CHECK(box.planned_for.name == "a");
}

TEST_CASE("[WIRE] a plan for what there is not is refused") {
  ApiBox box;
  CHECK(box.Ask("GET", "/hero/v1/plan?name=a").status == 400);
  CHECK(box.Ask("GET", "/hero/v1/plan?resource=things.hero.dev").status == 404);
  CHECK(box.Ask("POST", "/hero/v1/plan").status == 405);
  box.plan = api::Error{api::Code::kNotFound, "NotFound", "users.hero.dev \"x\" not found"};
  const auto missing = box.Ask("GET", "/hero/v1/plan?resource=users.hero.dev&name=x");
  CHECK(missing.status == 404);
  CHECK(TextAt(JsonOf(missing), {"message"}) == "users.hero.dev \"x\" not found");
}

TEST_CASE("[WIRE] no more than two plans are made at once, the third is told to come again") {
  ApiBox box;
  int depth = 0;
  std::vector<int> statuses;
  server::Surface surface(
      {box.registry, box.catalog, box.clock, box.audit},
      {.plan = [&](const reconciler::PlanQuery&) -> api::Expected<api::Json> {
        // A plan that asks for a plan, as deep as it gets.
        if (++depth < 5) {
          const auto inner =
              surface.Serve({.method = "GET", .target = *server::ParseTarget("/hero/v1/plan"), .caller = box.caller});
          statuses.push_back(inner.status);
          if (inner.status == 429) CHECK(HeaderOf(inner, "Retry-After") == "1");
        }
        return api::Json::EmptyObject();
      }});
  CHECK(
      surface.Serve({.method = "GET", .target = *server::ParseTarget("/hero/v1/plan"), .caller = box.caller}).status ==
      200);
  CHECK(statuses == std::vector<int>{429, 200});
}

TEST_CASE("[WIRE] the engine's report becomes the documented plan") {
  reconciler::PlanReport report{.is_incomplete = true};
  report.steps.push_back(
      {.controller = "user",
       .object = {"users.hero.dev", "", "alice"},
       .chain = 1,
       .is_guarded = true,
       .text = {.verb = "create account", .target = "alice", .reason = "is missing", .desired = "ab12"}});
  report.approvals.push_back(
      {.controller = "team", .object = {"teams.hero.dev", "", "team"}, .hash = "cd34", .steps = 2});
  report.problems.push_back({.controller = "slot",
                             .object = {"slots.hero.dev", "bob", "b"},
                             .error = {api::Code::kInvalid, "InvalidKey", "the key has options"}});
  CHECK(
      api::codec::WriteJson(server::PlanDocument(report)) ==
      R"({"approvals":[{"controller":"team","hash":"cd34","object":"teams.hero.dev/team","steps":2}],)"
      R"("incomplete":true,"kind":"Plan","problems":[{"controller":"slot","message":"the key has options",)"
      R"("object":"slots.hero.dev/bob/b","reason":"InvalidKey"}],"steps":[{"chain":1,"controller":"user","desired":"ab12",)"
      R"("guarded":true,"object":"users.hero.dev/alice","reason":"is missing","target":"alice","verb":"create account"}]})");
}
