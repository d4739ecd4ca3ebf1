#include "reconciler/plan.h"

#include <doctest/doctest.h>

#include "tests/reconciler/text_file.h"

namespace reconciler {
namespace {

using tests::TextFile;

TEST_CASE("[ENGINE] plan: a step reads like a sentence") {
  Plan plan;
  plan.Then({"write", "/etc/motd", "differs from the spec"}, [] { return api::Expected<void>(); });
  CHECK(plan.chains.at(0).steps.at(0).Sentence() == "write /etc/motd: differs from the spec");
  CHECK(plan.chains[0].steps[0].id() == "write /etc/motd");
}

TEST_CASE("[ENGINE] plan: a child that is as wanted needs no step, another one says in what it differs") {
  const TextFile parent{.metadata = {.name = "p", .uid = {"uid"}}};
  TextFile want{.metadata = {.name = "c", .owner_references = {OwnerOf(parent)}}, .spec = {"/c", "text"}};
  TextFile have = want;
  have.metadata.labels["of"] = "somebody else";
  Chain chain;
  chain.Put(want, &have);
  CHECK(chain.steps.empty());

  have.spec.content = "other";
  chain.Put(want, &have);
  REQUIRE(chain.steps.size() == 1);
  CHECK(chain.steps[0].Sentence() == "update TextFile c: differs in content");

  have = want;
  have.metadata.owner_references.clear();
  chain.Put(want, &have);
  CHECK(chain.steps.at(1).Sentence() == "update TextFile c: differs in metadata");

  chain.Put(want, static_cast<const TextFile*>(nullptr));
  CHECK(chain.steps.at(2).Sentence() == "create TextFile c: is missing");
}

TEST_CASE("[ENGINE] plan: what a parent no longer wants of a map is removed by name") {
  api::Json want = api::Json::Of({{"env", api::Json::Of({{"A", "1"}})}, {"list", api::Json::Array{"x"}}});
  const api::Json had = api::Json::Of({{"env", api::Json::Of({{"A", "0"}, {"B", "2"}})}, {"old", 1}});
  detail::NullRemoved(had, want);
  CHECK(want == api::Json::Of({{"env", api::Json::Of({{"A", "1"}, {"B", api::Json()}})},
                               {"list", api::Json::Array{"x"}},
                               {"old", api::Json()}}));
}

TEST_CASE("[ENGINE] plan: equal plans have equal bytes, and what will be written is part of them") {
  const TextFile one{.metadata = {.name = "c"}, .spec = {"/c", "one"}};
  const TextFile two{.metadata = {.name = "c"}, .spec = {"/c", "two"}};
  const auto planned = [](const TextFile& want) {
    Plan plan;
    Chain chain;
    chain.Put(want, static_cast<const TextFile*>(nullptr));
    plan.Add(std::move(chain));
    return Describe(plan);
  };
  CHECK(planned(one) == planned(one));
  CHECK(planned(one) != planned(two));
}

}  // namespace
}  // namespace reconciler
