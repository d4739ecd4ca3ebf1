// The controller contract (docs/engine.md), rule by rule, with a toy controller that breaks it in every way.
#include <algorithm>
#include <stdexcept>

#include <doctest/doctest.h>

#include "tests/reconciler/toy.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using reconciler::Chain;
using reconciler::Plan;
using reconciler::StepContext;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A chain of steps that do nothing or fail, and write down that they ran.
Chain Steps(std::vector<std::string>& ran, const std::vector<std::pair<std::string, std::optional<Error>>>& steps) {
  Chain chain;
  for (const auto& [verb, error] : steps)
    chain.Then({verb, "x", "is asked for"}, [&ran, verb = verb, error = error]() -> Expected<void> {
      ran.push_back(verb);
      if (error) return *error;
      return {};
    });
  return chain;
}

TEST_CASE("[ENGINE-1] contract: nothing but its own object, what it watches and the rescan wakes a controller") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Settle();
  const int looks = h.controller->looks["a"];
  h.Put("b", {"y"});
  h.Harness::Put(Part{.metadata = {.name = "foreign"}});
  h.Pass(minutes(9));
  CHECK(h.controller->looks["a"] == looks);
  h.Pass(minutes(2));
  CHECK(h.controller->looks["a"] == looks + 1);
}

TEST_CASE("[ENGINE-2] contract: what cannot be read is unknown, so nothing is done because of it") {
  ToyHarness h;
  h.Put("a", {"x", {"p"}});
  h.Settle();
  h.controller->observe = [](const Toy&, const reconciler::Reader&) -> Expected<void> {
    return Error{Code::kUnavailable, "Unreadable", "the disk does not answer"};
  };
  h.Put("a", {"y", {}});
  h.Pass(minutes(10));
  CHECK(h.world.texts["a"] == "x");
  CHECK(h.Get<Part>("p"));
  CHECK(h.Ready("a") == "False Unreadable");
  CHECK(h.Get<Toy>("a")->status.have == "x");  // The rest of the status stays what was known.
}

TEST_CASE("[ENGINE-3] contract: a Diff that answers in two ways is not acted on") {
  ToyHarness h;
  int asked = 0;
  h.controller->diff = [&](const Toy& object, const ToyState&, api::Time) {
    Plan plan;
    plan.Add(h.controller->Write(object, std::to_string(++asked)));
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(h.Ready("a") == "False NotPure");
  CHECK(h.world.writes == 0);
}

TEST_CASE("[ENGINE-4] contract: a failure ends its chain and no other; each failed step is named, the worst decides") {
  ToyHarness h;
  std::vector<std::string> ran;
  h.controller->diff = [&](const Toy&, const ToyState&, api::Time) {
    Plan plan;
    plan.Add(Steps(ran, {{"one", std::nullopt}, {"two", Error{Code::kInvalid, "Bad", "no"}}, {"three", std::nullopt}}));
    plan.Add(Steps(ran, {{"four", Error{Code::kUnavailable, "Down", "later"}}, {"five", std::nullopt}}));
    plan.Add(Steps(ran, {{"six", std::nullopt}}));
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(ran == std::vector<std::string>{"one", "two", "four", "six"});
  CHECK(h.Ready("a") == "False Down");  // A retry may mend it, so it comes before what only another spec mends.
  CHECK(h.Message("a") == "two x: is asked for: no; four x: is asked for: later");
}

TEST_CASE("[ENGINE-5] contract: two steps of one name are a bug of the controller, and neither runs") {
  ToyHarness h;
  std::vector<std::string> ran;
  h.controller->diff = [&](const Toy&, const ToyState&, api::Time) {
    Plan plan;
    plan.Add(Steps(ran, {{"one", std::nullopt}}));
    plan.Add(Steps(ran, {{"one", std::nullopt}}));
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(ran.empty());
  CHECK(h.Ready("a") == "False DuplicateStep");
}

TEST_CASE("[ENGINE-6] contract: what a step writes stands in the plan as a digest; bytes of it are refused in tests") {
  const std::string content = "password = hunter2";
  struct Row {
    std::string desired;
    const char* ready;
  };
  const Row rows[] = {{content, "False NotDigest"},
                      {api::codec::Sha256Hex(content) + "00", "False NotDigest"},
                      {api::codec::Sha256Hex(content), "True Reconciled"},
                      {"17", "True Reconciled"},  // A vault's version.
                      {"", "True Reconciled"}};
  for (const auto& [desired, ready] : rows) {
    CAPTURE(desired);
    ToyHarness h;
    h.controller->diff = [&, want = desired](const Toy& object, const ToyState& state, api::Time) {
      Plan plan;
      if (!state.have)
        plan.Then({"write", object.metadata.name, "is missing", want},
                  [&h, name = object.metadata.name] { return h.world.Set(name, "x"); });
      return plan;
    };
    h.Put("a", {"x"});
    h.Settle();
    CHECK(h.Ready("a") == ready);
    for (const char* resource : {"toys.test.dev", "events"}) {
      const auto list = h.client().List(resource);
      for (const auto& object : list->items) CHECK(object->text.find("hunter2") == std::string::npos);
    }
    for (const std::string& line : h.audit_log.lines()) CHECK(line.find("hunter2") == std::string::npos);
  }
}

/// A plan of one step that wants long work until the world has the text.
auto LongWork(ToyWorld& world, int& runs, milliseconds deadline = seconds(10)) {
  return [&world, &runs, deadline](const Toy& object, const ToyState& state, api::Time) {
    Plan plan;
    if (state.have == object.spec.want || object.metadata.is_deleting()) return plan;
    const std::string name = object.metadata.name;
    plan.Then({"build", name, "is missing", api::codec::Sha256Hex(object.spec.want)},
              [&world, &runs, deadline, name, want = object.spec.want](StepContext& context) {
                return context.Ensure({.input = want,
                                       .deadline = deadline,
                                       .work = [&world, &runs, name, want](std::stop_token) -> Expected<api::Json> {
                                         ++runs;
                                         if (auto set = world.Set(name, want); !set) return set.error();
                                         return api::Json(want);
                                       }});
              });
    return plan;
  };
}

TEST_CASE("[ENGINE-7] contract: long work is pending, its end wakes the object, and it ran once") {
  ToyHarness h;
  int runs = 0;
  h.controller->diff = LongWork(h.world, runs);
  h.Put("a", {"x"});
  bool was_pending = false;
  while (h.manager().Step()) was_pending = was_pending || h.Ready("a") == "Unknown Progressing";
  CHECK(was_pending);
  CHECK(runs == 1);
  CHECK(h.Ready("a") == "True Reconciled");
}

TEST_CASE("[ENGINE-7] contract: work that hangs is asked to stop at its deadline though nobody looks") {
  ToyHarness h;
  std::stop_token token;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    Plan plan;
    if (state.have) return plan;
    plan.Then({"hang", object.metadata.name, "for ever"}, [&](StepContext& context) {
      return context.Ensure(
          {.input = "x", .deadline = seconds(10), .work = [&](std::stop_token stop) -> Expected<api::Json> {
             token = stop;
             h.clock.Advance(seconds(11));
             h.manager().Step();  // Somebody keeps house while it hangs.
             return Error{Code::kUnavailable, "Stopped", "asked to stop"};
           }});
    });
    return plan;
  };
  h.Put("a", {"x"});
  for (int i = 0; i < 20 && !token.stop_possible(); ++i) h.manager().Step();
  CHECK(token.stop_requested());
  h.Settle();
  CHECK(h.Ready("a") == "False DeadlineExceeded");
}

TEST_CASE("[ENGINE-7] contract: work that is no longer wished for is asked to stop") {
  ToyHarness h;
  bool was_stopped = false;
  bool is_wanted = true;
  h.controller->diff = [&](const Toy& object, const ToyState&, api::Time) {
    Plan plan;
    if (!is_wanted || object.spec.want == "nothing") return plan;
    plan.Then({"build", object.metadata.name, "is missing"}, [&](StepContext& context) {
      return context.Ensure(
          {.input = "x", .deadline = seconds(10), .work = [&](std::stop_token stop) -> Expected<api::Json> {
             h.Put("a", {"nothing"});
             h.manager().Step();
             was_stopped = stop.stop_requested();
             return api::Json();
           }});
    });
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(was_stopped);
  CHECK(h.Ready("a") == "True Reconciled");
}

TEST_CASE("[ENGINE-8] contract: a controller that fights itself is seen after two looks") {
  ToyHarness h;
  h.controller->diff = [&](const Toy& object, const ToyState&, api::Time) {
    Plan plan;
    plan.Add(h.controller->Write(object, "never enough"));
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(h.Ready("a") == "False NoProgress");
  CHECK(h.world.writes == 1);
}

TEST_CASE(
    "[ENGINE-8] contract: a controller that never finishes is stopped after 16 rounds, and others have their turn") {
  ToyHarness h;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time now) {
    if (object.metadata.name == "good") return h.controller->Usual(object, state);
    (void)now;
    Plan plan;
    const std::string next = state.have.value_or("") + "x";
    plan.Then({"write", object.metadata.name, "longer", api::codec::Sha256Hex(next)},
              [&h, name = object.metadata.name, next] { return h.world.Set(name, next); });
    return plan;
  };
  h.Put("a", {"x"});
  h.Put("good", {"y"});
  h.Settle();
  CHECK(h.Ready("a") == "False NoProgress");
  CHECK(h.world.texts["a"].size() == 16);
  CHECK(h.Ready("good") == "True Reconciled");
}

TEST_CASE("[ENGINE-9] contract: an effect that came about although its step said no is not repeated") {
  ToyHarness h;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    Plan plan;
    if (state.have == object.spec.want) return plan;
    plan.Then({"write", object.metadata.name, "is missing"}, [&h, object]() -> Expected<void> {
      if (auto set = h.world.Set(object.metadata.name, object.spec.want); !set) return set;
      return Error{Code::kTimeout, "DeadlineExceeded", "no answer"};
    });
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(h.Ready("a") == "False DeadlineExceeded");
  h.Pass(minutes(6));
  CHECK(h.Ready("a") == "True Reconciled");
  CHECK(h.world.writes == 1);
}

TEST_CASE("[ENGINE-10] contract: an unchanged status is not written, a changed one is, with its generation") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Settle();
  CHECK(h.WritesDuring([&] { h.Pass(minutes(30)); }) == 0);
  h.world.texts["a"] = "by hand";
  h.controller->diff = [](const Toy&, const ToyState&, api::Time) { return Plan(); };
  CHECK(h.WritesDuring([&] { h.Pass(minutes(11)); }) == 1);
  CHECK(h.Get<Toy>("a")->status.have == "by hand");
}

TEST_CASE("[ENGINE-12] contract: a wish is fulfilled once, acknowledged, and again when it is wished anew") {
  ToyHarness h;
  int restarts = 0;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    Plan plan = h.controller->Usual(object, state);
    if (const auto wish = reconciler::WishOf(object, "restart")) {
      Chain chain;
      chain.Then({.verb = "restart", .target = object.metadata.name, .reason = "was asked for", .handles = "restart"},
                 [&restarts]() -> Expected<void> {
                   ++restarts;
                   return {};
                 });
      plan.Add(std::move(chain));
    }
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(restarts == 0);
  h.Annotate("a", "test.dev/restart", "monday");
  h.Settle();
  CHECK(restarts == 1);
  CHECK(h.Get<Toy>("a")->common.handled.at("restart") == "monday");
  h.Pass(minutes(30));
  CHECK(restarts == 1);
  h.Annotate("a", "test.dev/restart", "tuesday");
  h.Settle();
  CHECK(restarts == 2);
  CHECK(h.Ready("a") == "True Reconciled");
}

TEST_CASE("[ENGINE-12] contract: a reconcile that is asked for happens now, and says which one it was") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Settle();
  h.world.texts["a"] = "by hand";  // Nobody tells.
  h.Annotate("a", "test.dev/reconcile-requested-at", "now");
  h.Settle();
  CHECK(h.world.texts["a"] == "x");
  CHECK(h.Get<Toy>("a")->common.handled.at("reconcile-requested-at") == "now");
}

TEST_CASE("[ENGINE] contract: of children that are written at once a refused one ends its chain and no other") {
  ToyHarness h;
  h.controller->diff = [](const Toy& toy, const ToyState& state, api::Time) {
    reconciler::Plan plan;
    const auto put = [&](reconciler::Chain& chain, const std::string& child) {
      const auto have = state.parts.find(child);
      chain.Put(Part{.metadata = {.name = child, .owner_references = {reconciler::OwnerOf(toy)}}},
                have == state.parts.end() ? nullptr : &have->second);
    };
    for (const auto& [first, second] : {std::pair("a1", "a2"), std::pair("Bad_Name", "never"), std::pair("c1", "c2")}) {
      reconciler::Chain chain;
      put(chain, first);
      put(chain, second);
      plan.Add(std::move(chain));
    }
    return plan;
  };
  h.Put("a", {"one"});
  h.Settle();
  std::string parts;
  const auto made = h.client().List("parts.test.dev");
  REQUIRE(made);
  for (const auto& part : made->items)
    parts += part->key.name + "@" + std::to_string(part->resource_version.value) + " ";
  CHECK(parts == "a1@3 a2@5 c1@4 c2@6 ");  // First those that come first.
  CHECK(h.Ready("a") == "False Invalid");
  CHECK(h.Message("a").starts_with("create Part Bad_Name: is missing: Part.test.dev \"Bad_Name\" is invalid"));
  const auto history = h.manager().History({"toys.test.dev", "", "a"});
  std::string steps;
  for (const auto& step : history.front().steps)
    steps += step.id + (step.state == reconciler::StepResult::State::kDone ? "; " : "! ");
  CHECK(steps ==
        "create Part a1; create Part a2; create Part Bad_Name! create Part never! create Part c1; create Part c2; ");
}

TEST_CASE("[ENGINE-15] contract: children go before their owner is undone, and none is made meanwhile") {
  ToyHarness h;
  h.Put("a", {"x", {"p", "q"}});
  h.Settle();
  REQUIRE(h.Get<Part>("p"));
  // Somebody holds one child back.
  auto held = *h.Get<Part>("p");
  held.metadata.finalizers = {"test.dev/somebody"};
  REQUIRE(h.client().Update(api::codec::ToObject(held), {.actor = "test"}));
  h.Delete<Toy>("a");
  h.Pass(seconds(5));
  CHECK_FALSE(h.Get<Part>("q"));
  CHECK(h.world.texts.contains("a"));  // Not undone while a child is there.
  CHECK(h.ConditionOf<Toy>("a", api::kReconciling) == "True Progressing");
  Part late{.metadata = {.name = "late", .owner_references = {reconciler::OwnerOf(*h.Get<Toy>("a"))}}};
  CHECK_FALSE(h.client().Create(api::codec::ToObject(late), {.actor = "test"}));
  held = *h.Get<Part>("p");
  held.metadata.finalizers.clear();
  REQUIRE(h.client().Update(api::codec::ToObject(held), {.actor = "test"}));
  h.Pass(seconds(5));
  CHECK_FALSE(h.Get<Toy>("a"));
  CHECK(h.world.texts.empty());
}

TEST_CASE("[ENGINE] contract: what is only observed is reported and not changed: one object, one controller") {
  SUBCASE("one object") {
    ToyHarness h;
    h.Harness::Put(Toy{.metadata = {.name = "a", .annotations = {{"test.dev/observe-only", "true"}}}, .spec = {"x"}});
    h.Put("b", {"x"});
    h.Settle();
    CHECK(h.world.texts == std::map<std::string, std::string>{{"b", "x"}});
    CHECK(h.Ready("a") == "False ObserveOnly");
    CHECK(h.Message("a") == "nothing is changed here, for it is only observed (write a: is missing)");
    h.Annotate("a", "test.dev/observe-only", "false");
    h.Settle();
    CHECK(h.Ready("a") == "True Reconciled");
  }
  SUBCASE("one controller") {
    ToyHarness h({.name = "toy", .is_observe_only = true});
    h.Put("a", {"x", {"p"}});
    h.Settle();
    CHECK(h.world.texts.empty());
    CHECK_FALSE(h.Get<Part>("p"));
    CHECK(h.Get<Toy>("a")->metadata.finalizers.empty());
    CHECK(h.Ready("a") == "False ObserveOnly");
    h.Put("a", {"x", {}});
    h.world.texts["a"] = "x";
    h.Pass(minutes(11));
    CHECK(h.Ready("a") == "True Reconciled");  // Nothing would be done.
  }
}

TEST_CASE("[ENGINE] contract: why something was done can be asked afterwards") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Settle();
  h.Put("a", {"y"});
  h.Settle();
  h.Pass(minutes(11));
  h.Pass(minutes(11));
  const auto passes = h.manager().History({"toys.test.dev", "", "a"});
  REQUIRE(passes.size() == 3);
  CHECK(passes[0].causes == std::vector<std::string>{"appeared"});
  CHECK(passes[1].causes == std::vector<std::string>{"spec changed"});
  CHECK(passes[1].steps.at(0).sentence == "write a: differs from the spec");
  CHECK(passes[1].outcome == "done");
  CHECK(passes[1].next == milliseconds(minutes(10)));
  CHECK(passes[2].steps.empty());
  CHECK(passes[2].repeated == 1);  // Two rescans that found nothing are one line.
}

TEST_CASE(
    "[ENGINE] contract: what fails again and again is stalled and tried rarely, until it is mended or asked for") {
  ToyHarness h;
  bool is_down = true;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    Plan plan = h.controller->Usual(object, state);
    if (is_down) {
      plan = {};
      plan.Blocked({Code::kUnavailable, "Down", "no answer"});
    }
    return plan;
  };
  h.Put("a", {"x"});
  h.Pass(seconds(1));
  CHECK(h.ConditionOf<Toy>("a", api::kStalled) == "");
  for (int i = 0; i < 600; ++i) h.Pass(seconds(1));
  CHECK(h.Ready("a") == "False Down");
  CHECK(h.ConditionOf<Toy>("a", api::kStalled) == "True FailsAgainAndAgain");
  const int looks = h.controller->looks["a"];
  for (int i = 0; i < 240; ++i) h.Pass(seconds(1));  // Less than half of the pause.
  CHECK(h.controller->looks["a"] <= looks + 1);
  is_down = false;
  h.Annotate("a", "test.dev/reconcile-requested-at", "now");
  h.Settle();
  CHECK(h.Ready("a") == "True Reconciled");
  CHECK(h.ConditionOf<Toy>("a", api::kStalled) == "");
}

double ValueOf(const std::vector<reconciler::MetricFamily>& families, const std::string& name,
               const std::string& label = "", const std::string& value = "") {
  for (const auto& family : families)
    for (const auto& sample : family.samples)
      if (family.name == name && (label.empty() || std::find(sample.labels.begin(), sample.labels.end(),
                                                             std::pair(label, value)) != sample.labels.end()))
        return sample.value;
  return -1;
}

TEST_CASE("[ENGINE] contract: what was reconciled is counted, by the names that dashboards know") {
  ToyHarness h;
  h.controller->observe = [](const Toy& toy, const reconciler::Reader&) -> Expected<void> {
    if (toy.metadata.name == "throws") throw std::logic_error("oops");
    if (toy.metadata.name == "bad") return Error{Code::kInvalid, "Bad", "no"};
    return {};
  };
  for (const char* name : {"a", "b", "bad", "throws"}) h.Put(name, {"x"});
  h.Settle();
  const auto metrics = h.manager().Metrics();
  CHECK(ValueOf(metrics, "controller_runtime_reconcile_total", "result", "success") == 2);
  CHECK(ValueOf(metrics, "controller_runtime_reconcile_total", "result", "error") == 2);
  CHECK(ValueOf(metrics, "controller_runtime_reconcile_panics_total") == 1);
  CHECK(ValueOf(metrics, "controller_runtime_terminal_reconcile_errors_total") == 1);
  CHECK(ValueOf(metrics, "controller_runtime_max_concurrent_reconciles", "controller", "toy") == 4);
  CHECK(ValueOf(metrics, "workqueue_retries_total", "name", "toy") == 1);
  CHECK(ValueOf(metrics, "leader_election_master_status") == 1);
  CHECK(ValueOf(metrics, "informer_objects", "resource", "toys.test.dev") == 4);
}

TEST_CASE("[SEC-54] contract: every change of the host and of an object is in the audit log, with who and what") {
  ToyHarness h;
  h.Put("a", {"x", {"p"}});
  h.Settle();
  h.Delete<Toy>("nobody");
  const auto lines = h.audit_log.lines();
  const auto has = [&](const std::string& part, const std::string& other) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos && line.find(other) != std::string::npos;
    });
  };
  CHECK(has(R"("actor":"test")", R"("target":"Toy a","time")"));
  CHECK(has(R"("actor":"system:controller:toy")", R"("verb":"write")"));
  CHECK(has(R"("actor":"system:controller:toy")", R"("target":"Part p")"));
  CHECK(has(R"("target":"toys.test.dev/nobody")", R"("outcome":"NotFound")"));
}

TEST_CASE("[ENGINE] contract: a watched directory wakes who looks at it, as long as it looks, and nobody else") {
  ToyHarness h({.name = "toy"}, [](ToyController& controller) {
    controller.watches = [](reconciler::Sources& sources) {
      sources.Directory({.path = "/etc", .entries = {"passwd"}});
    };
    controller.observe = [](const Toy& toy, const reconciler::Reader& reader) -> Expected<void> {
      if (toy.spec.want != "blind") reader.Watch({.path = "/home/" + toy.metadata.name});
      return {};
    };
  });
  h.Put("a", {"x"});
  h.Put("b", {"x"});
  h.Settle();
  h.world.texts = {{"a", "by hand"}, {"b", "by hand"}};
  h.file_watch.Ring("/home/a/file");
  h.Settle();
  CHECK(h.world.texts == std::map<std::string, std::string>{{"a", "x"}, {"b", "by hand"}});
  h.file_watch.Ring("/etc/motd");
  h.Settle();
  CHECK(h.world.texts["b"] == "by hand");
  h.file_watch.Ring("/etc/passwd");
  h.Settle();
  CHECK(h.world.texts["b"] == "x");
  h.Put("a", {"blind"});
  h.Delete<Toy>("b");
  h.Settle();
  CHECK_FALSE(h.file_watch.IsWatched("/home/a"));
  CHECK_FALSE(h.file_watch.IsWatched("/home/b"));
  CHECK(h.file_watch.IsWatched("/etc"));
}

TEST_CASE(
    "[ENGINE] contract: two objects that look at one directory are both woken, and it is watched until both left") {
  ToyHarness h({.name = "toy"}, [](ToyController& controller) {
    controller.observe = [](const Toy&, const reconciler::Reader& reader) -> Expected<void> {
      reader.Watch({.path = "/shared"});
      return {};
    };
  });
  h.Put("a", {"x"});
  h.Put("b", {"x"});
  h.Settle();
  h.world.texts = {{"a", "by hand"}, {"b", "by hand"}};
  h.file_watch.Ring("/shared/file");
  h.Settle();
  CHECK(h.world.texts == std::map<std::string, std::string>{{"a", "x"}, {"b", "x"}});
  h.Delete<Toy>("a");
  h.Settle();
  CHECK(h.file_watch.IsWatched("/shared"));
  h.Delete<Toy>("b");
  h.Settle();
  CHECK_FALSE(h.file_watch.IsWatched("/shared"));
}

}  // namespace
}  // namespace tests
