#include "client/plan_text.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"

using namespace client;

TEST_CASE("[CTL] a plan reads as sentences below their objects, the last line counts") {
  const auto plan = FormatPlan(*api::codec::ParseJson(
      R"({"kind":"Plan","incomplete":true,"steps":[)"
      R"({"object":"users.hero.dev/alice","verb":"create account","target":"alice","reason":"is missing"},)"
      R"({"object":"users.hero.dev/alice","verb":"write","target":"/home/alice/.ssh/authorized_keys","reason":"differs from the spec"},)"
      R"({"object":"users.hero.dev/bob","verb":"expire","target":"bob","reason":""}],)"
      R"("problems":[{"object":"users.hero.dev/eve","reason":"InvalidKey","message":"the key has options"}]})"));
  REQUIRE(plan);
  CHECK(plan->text ==
        "users.hero.dev/alice\n"
        "  create account alice: is missing\n"
        "  write /home/alice/.ssh/authorized_keys: differs from the spec\n"
        "users.hero.dev/bob\n"
        "  expire bob\n"
        "users.hero.dev/eve\n"
        "  cannot plan: the key has options\n"
        "More will follow that cannot be planned before this is done.\n"
        "3 steps for 2 objects, 1 problem.\n");
  CHECK(plan->has_changes);
  CHECK(plan->has_problems);
}

TEST_CASE("[SEC-49] a plan marks what will wait for an operator, and says how to approve it now") {
  const auto plan = FormatPlan(*api::codec::ParseJson(
      R"({"steps":[{"object":"teams.hero.dev/team","verb":"remove","target":"User bob","reason":"","guarded":true},)"
      R"({"object":"teams.hero.dev/team","verb":"create","target":"User eve","reason":"","guarded":false}],)"
      R"("approvals":[{"object":"teams.hero.dev/team","hash":"ab12","steps":1}],"problems":[]})"));
  REQUIRE(plan);
  CHECK(plan->text ==
        "teams.hero.dev/team\n"
        "  remove User bob [waits for approval]\n"
        "  create User eve\n"
        "teams.hero.dev/team waits for an operator: heroctl approve ab12\n"
        "2 steps for 1 object.\n");
}

TEST_CASE("[HTB-18] an empty plan says so") {
  const auto plan = FormatPlan(*api::codec::ParseJson(R"({"steps":[],"problems":[],"incomplete":false})"));
  REQUIRE(plan);
  CHECK(plan->text == "Nothing to do.\n");
  CHECK_FALSE(plan->has_changes);
  CHECK_FALSE(FormatPlan(api::Json::EmptyObject()));
}

TEST_CASE("[SEC-57] a plan prints no control characters") {
  const auto plan = FormatPlan(*api::codec::ParseJson(
      R"({"steps":[{"object":"a\u001b","verb":"b","target":"c\nd","reason":"\u0007"}],"problems":[]})"));
  CHECK(plan->text == "a?\n  b c?d: ?\n1 step for 1 object.\n");
}
