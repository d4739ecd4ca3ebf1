// Rule 19 of the contract: killed before or after any write to the API or the host, the next start comes to the same
// end. The kills are where the run itself says that it writes, so a new step is covered without anyone thinking of it.
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "reconciler/builtin_kinds.h"
#include "reconciler/manager.h"
#include "reconciler/registry.h"
#include "reconciler/typed.h"
#include "tests/reconciler/toy.h"
#include "tests/support/kill_phases.h"
#include "tests/support/kill_switch.h"

namespace tests {
namespace {

using reconciler::Plan;

/// A store and a world that outlive every process, and a process.
struct Machine {
  Machine() {
    world.on_write = [this] { kill.Point(); };
    Start();
  }

  void Start() {
    process.reset();
    process = std::make_unique<reconciler::Manager>(client, *store, catalog,
                                                    reconciler::Machine{.clock = clock, .entropy = entropy});
    auto controller = std::make_unique<ToyController>(world);
    controller->diff = [this, usual = controller.get()](const Toy& object, const ToyState& state, api::Time) {
      Plan plan = usual->Usual(object, state);
      AddBuild(object, plan);
      AddRestart(object, plan);
      return plan;
    };
    process->Add(std::move(controller), {.name = "toy"});
  }

  /// Long work beside the usual steps.
  void AddBuild(const Toy& object, Plan& plan) {
    const std::string artifact = object.metadata.name + ".built";
    if (object.metadata.is_deleting() || world.Text(artifact) == object.spec.want) return;
    reconciler::Chain chain;
    chain.Then({"build", artifact, "is not built", object.spec.want},
               [this, artifact, want = object.spec.want](reconciler::StepContext& context) {
                 return context.Ensure({.input = want,
                                        .deadline = std::chrono::seconds(10),
                                        .work = [this, artifact, want](std::stop_token) -> api::Expected<api::Json> {
                                          if (auto set = world.Set(artifact, want); !set) return set.error();
                                          return api::Json(want);
                                        }});
               });
    plan.Add(std::move(chain));
  }

  /// A wish. Its effect is that the world says for which wish it was done: done twice for one, nothing differs.
  void AddRestart(const Toy& object, Plan& plan) {
    const auto wish = reconciler::WishOf(object, "restart");
    if (!wish) return;
    const std::string pid = object.metadata.name + ".pid";
    reconciler::Chain chain;
    chain.Then({.verb = "restart", .target = pid, .reason = "was asked for", .handles = "restart"},
               [this, pid, value = *wish] {
                 const std::string before = forgets_idempotence ? world.Text(pid).value_or("") : "";
                 return world.Set(pid, before + value);
               });
    plan.Add(std::move(chain));
  }

  /// Runs until nothing is to be done, retries included. False when the process was killed.
  bool Run() {
    try {
      for (int quiet = 0; quiet < 3; ++quiet) {
        int left = Harness::kStepsMax;
        while (process->Step()) REQUIRE(--left > 0);
        clock.Advance(std::chrono::minutes(6));  // Beyond every backoff.
      }
      return true;
    } catch (const Killed&) {
      return false;
    }
  }

  /// All that people can see afterwards, without what differs from life to life.
  std::string End() {
    std::string text;
    for (const auto& [name, value] : world.texts) text.append(name).append("=").append(value).append("\n");
    for (const char* resource : {"toys.test.dev", "parts.test.dev", "approvals.hero.dev"}) {
      const auto list = store->List(resource, "");
      for (const auto& snapshot : list.items) {
        const auto object = api::codec::ParseObject(snapshot->text);
        const auto common = api::codec::CommonStatusOf(*object);
        const api::Condition* ready = common.Find(api::kReady);
        text.append(snapshot->key.name).append(" ").append(ready ? ready->reason : "-").append(" ");
        text.append(api::codec::WriteJson(*object->body.Find("spec"))).append("\n");
      }
    }
    return text;
  }

  void Put(const std::string& name, ToySpec spec) {
    REQUIRE(reconciler::Put(registry, Toy{.metadata = {.name = name}, .spec = std::move(spec)}, {.actor = "test"}));
  }

  bool forgets_idempotence = false;  ///< The wish is fulfilled by adding to what is there.
  FakeClock clock;
  SeededEntropy entropy;
  KillSwitch kill;
  ToyWorld world;
  const api::schema::Catalog catalog = [] {
    auto kinds = ToyCatalog();
    for (auto& kind : reconciler::BuiltinKinds()) (void)kinds.Add(std::move(kind));
    return kinds;
  }();
  const std::unique_ptr<reconciler::Store> store = *reconciler::Store::Open({.path = ":memory:"});
  reconciler::Registry registry{*store, catalog, clock, entropy};
  KillingClient client{registry, kill};
  std::unique_ptr<reconciler::Manager> process;
};

const std::vector<Phase<Machine>>& Phases() {
  static const std::vector<Phase<Machine>> kPhases = {
      {"from nothing",
       [](Machine& m) {
         m.Put("a", {"one", {"p", "q"}});
       }},
      {"another spec",
       [](Machine& m) {
         m.Put("a", {"two", {"p", "q"}});
       }},
      {"one child less",
       [](Machine& m) {
         m.Put("a", {"two", {"q"}});
       }},
      {"a wish",
       [](Machine& m) {
         const auto patch = api::Json::Of(
             {{"metadata", api::Json::Of({{"annotations", api::Json::Of({{"test.dev/restart", "now"}})}})}});
         REQUIRE(m.registry.Patch({"toys.test.dev", "", "a"}, patch, {}));
       }},
      {"deleted",
       [](Machine& m) {
         REQUIRE(m.registry.Delete({"toys.test.dev", "", "a"}, {}));
       }},
  };
  return kPhases;
}

/// The end of a life up to that phase, as LiveThrough.
std::string EndOf(std::size_t phase, int at = -1, bool forgets_idempotence = false, int* points = nullptr) {
  Machine machine;
  machine.forgets_idempotence = forgets_idempotence;
  return LiveThrough(machine, Phases(), phase, at, points);
}

TEST_CASE("[ENGINE-19][HTB-18] crash: killed before and after every write of every phase, the end is the same") {
  const int kills = KillEverywhere(Phases());
  MESSAGE("phases × kills: " << Phases().size() << " phases, " << kills << " kills");
}

TEST_CASE("[ENGINE-9] crash: the same kills find a step of which twice is not once") {
  constexpr std::size_t kWish = 3;
  int points = 0;
  const std::string end = EndOf(kWish, -1, true, &points);
  int different = 0;
  for (int at = 0; at < points; ++at) different += EndOf(kWish, at, true) == end ? 0 : 1;
  CHECK(different > 0);
}

TEST_CASE("[ENGINE-19] crash: the phases are what they should be when nothing dies") {
  CHECK(EndOf(0) ==
        "a=one\na.built=one\na Reconciled {\"children\":[\"p\",\"q\"],\"want\":\"one\"}\n"
        "p - {\"children\":[],\"want\":\"one\"}\nq - {\"children\":[],\"want\":\"one\"}\n");
  CHECK(EndOf(3).starts_with("a=two\na.built=two\na.pid=now\na Reconciled"));
  CHECK(EndOf(4) == "a.built=two\na.pid=now\n");
}

}  // namespace
}  // namespace tests
