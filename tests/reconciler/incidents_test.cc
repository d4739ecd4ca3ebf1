// What has hurt the users of other engines, one test each. Those that belong to one part stand with it:
// - initial or resync work starved fresh events, or the reverse: work_queue, a low key waits at most the ageing time
// - a delayed retry ran again after the work was done: work_queue, an add at once replaces the delayed entry
// - after an outage every retry fired at once: work_queue, after an outage the retries …
// - everything was deleted while the git host was down: controllers/repository, controllers/team [SEC-60]
// - children were made anew under a parent that was being deleted: contract [ENGINE-15]
// - what is hidden in the diff is overwritten by the apply: contract [ENGINE-18]
// - a plan was reviewed and something else was applied: contract [ENGINE-17]
// - compaction blocked writers for minutes: store
#include <functional>
#include <utility>

#include <doctest/doctest.h>

#include "reconciler/collector.h"
#include "reconciler/informer.h"
#include "reconciler/registry.h"
#include "tests/reconciler/toy.h"
#include "tests/support/client_wrapper.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using reconciler::Event;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A watch that is asked in vain unless it is given time, or that never says anything again.
class SlowWatch final : public reconciler::Watch {
 public:
  SlowWatch(std::unique_ptr<reconciler::Watch> watch, const bool& is_slow, const bool& is_silent)
      : watch_(std::move(watch)), is_slow_(is_slow), is_silent_(is_silent) {}

  Expected<std::optional<Event>> Next(milliseconds wait, std::stop_token stop) override {
    if (is_silent_ || (is_slow_ && wait.count() == 0)) return std::optional<Event>();
    return watch_->Next(wait, std::move(stop));
  }
  void SetNotify(std::function<void()> notify) override { watch_->SetNotify(std::move(notify)); }

 private:
  std::unique_ptr<reconciler::Watch> watch_;
  const bool& is_slow_;
  const bool& is_silent_;
};

/// An API that answers as others do on a bad day.
class BadDay final : public ClientWrapper {
 public:
  using ClientWrapper::ClientWrapper;

  Expected<std::unique_ptr<reconciler::Watch>> OpenWatch(std::string_view resource,
                                                         api::ResourceVersion from) override {
    auto watch = ClientWrapper::OpenWatch(resource, from);
    if (!watch) return watch;
    return std::unique_ptr<reconciler::Watch>(std::make_unique<SlowWatch>(*std::move(watch), is_slow, is_silent));
  }
  Expected<reconciler::ObjectList> List(std::string_view resource, std::string_view namespace_) const override {
    if (resource == unlisted) return Error{Code::kUnavailable, "Down", "no answer"};
    return ClientWrapper::List(resource, namespace_);
  }

  bool is_slow = false;
  bool is_silent = false;
  std::string unlisted{};
};

/// The engine on such an API.
struct BadDayHarness : ToyHarness {
  BadDayHarness() {
    second = std::make_unique<reconciler::Manager>(
        api, *tasks, engine->catalog(),
        reconciler::Machine{.clock = clock, .entropy = entropy, .file_watch = &file_watch});
    auto made = std::make_unique<ToyController>(world);
    controller = made.get();
    second->Add(std::move(made), {.name = "toy"});
  }
  void Settle() const {
    for (int i = 0; i < kStepsMax; ++i)
      if (!second->Step()) return;
    throw std::runtime_error("the engine does not come to rest");
  }

  BadDay api{client()};
  const std::unique_ptr<reconciler::Store> tasks = *reconciler::Store::Open({.path = ":memory:"});
  std::unique_ptr<reconciler::Manager> second;  // The one that is tested.
};

TEST_CASE("[ENGINE-P14] incidents: a controller never acts on a read that is older than its own write") {
  BadDayHarness h;
  h.Settle();
  h.Put("a", {"x", {"p"}});
  h.Settle();
  h.api.is_slow = true;  // From now on a cache that does not wait does not see.
  h.Put("b", {"x", {"q"}});
  h.api.is_slow = false;
  h.Settle();
  h.api.is_slow = true;
  int stale = 0;
  h.controller->observe = [&](const Toy& toy, const reconciler::Reader& reader) -> Expected<void> {
    // What this controller has put is there in every later look.
    if (toy.spec.want == "y" && h.client().Get({"parts.test.dev", "", "late"}) && !reader.Get<Part>("late")) ++stale;
    return {};
  };
  h.api.is_slow = false;
  h.Put("a", {"y", {"p", "late"}});
  for (int i = 0; i < 50; ++i) {
    h.api.is_slow = i > 1;  // The change of the spec comes through; what follows from it is slow.
    h.second->Step();
  }
  CHECK(h.Get<Part>("late"));
  CHECK(stale == 0);
  CHECK(h.Ready("a") == "True Reconciled");
}

TEST_CASE("[ENGINE-P14] incidents: a pass that could only look at a stale cache is put off, and counted") {
  BadDayHarness h;
  h.Put("a", {"x"});
  h.Settle();
  const auto skips = [&] {
    for (const auto& family : h.second->Metrics())
      if (family.name == "stale_sync_skips_total") return family.samples.at(0).value;
    return -1.0;
  };
  CHECK(skips() == 0);
  h.controller->observe = [&](const Toy&, const reconciler::Reader&) -> Expected<void> {
    h.api.is_silent = true;  // The cache does not hear of the child that is made now.
    return {};
  };
  h.Put("a", {"x", {"p"}});
  for (int i = 0; i < 5; ++i) h.second->Step();
  CHECK(h.Get<Part>("p"));
  const double put_off = skips();
  CHECK(put_off > 0);
  h.controller->observe = {};
  h.api.is_silent = false;
  h.clock.Advance(minutes(6));
  h.Settle();
  CHECK(h.Ready("a") == "True Reconciled");
  CHECK(skips() == put_off);
}

TEST_CASE(
    "[ENGINE-P13] incidents: nothing is reconciled before every list is in, and a list that never comes is an error") {
  BadDayHarness h;
  h.Put("a", {"x"});
  h.api.unlisted = "parts.test.dev";
  for (int i = 0; i < 10; ++i) h.second->Step();
  CHECK(h.controller->looks.empty());
  CHECK(h.second->Plan({}).error().reason == "NotSynced");
  h.api.unlisted.clear();
  h.Settle();
  CHECK(h.controller->looks["a"] > 0);
}

TEST_CASE("[ENGINE-P15] incidents: a hundred equal events between two looks cost one look") {
  ToyHarness h({.name = "toy"}, [](ToyController& controller) {
    controller.observe = [](const Toy&, const reconciler::Reader& reader) -> Expected<void> {
      reader.Watch({.path = "/shared"});
      return {};
    };
  });
  h.Put("a", {"x"});
  h.Settle();
  const int looks = h.controller->looks["a"];
  for (int i = 0; i < 100; ++i) h.file_watch.Ring("/shared/file");
  h.Settle();
  CHECK(h.controller->looks["a"] == looks + 1);
}

TEST_CASE("[ENGINE] incidents: a watch that fell silent is found out by the next comparison, and counted") {
  ToyHarness h;
  BadDay api(h.client());
  reconciler::Informer informer(api, h.clock, "toys.test.dev");
  h.Put("a", {"x"});
  REQUIRE(informer.Step());
  api.is_silent = true;
  h.Put("b", {"x"});
  h.Put("a", {"y"});
  h.clock.Advance(minutes(4));
  REQUIRE(informer.Step());
  CHECK(informer.List().size() == 1);
  CHECK(informer.Stats().verified_ago == minutes(4));
  h.clock.Advance(minutes(1));
  REQUIRE(informer.Step());
  CHECK(informer.List().size() == 2);
  CHECK(informer.Stats().stale_found == 1);
  h.Delete<Toy>("b");
  h.clock.Advance(minutes(5));
  REQUIRE(informer.Step());
  CHECK(informer.List().size() == 1);
  CHECK(informer.Stats().stale_found == 2);
}

TEST_CASE("[ENGINE-P14] incidents: what was made and removed while a watch was silent keeps nobody waiting for ever") {
  ToyHarness h;
  BadDay api(h.client());
  reconciler::Informer informer(api, h.clock, "toys.test.dev");
  REQUIRE(informer.Step());
  api.is_silent = true;
  h.Put("a", {"x"});
  const api::ResourceVersion own_write = h.Get<Toy>("a")->metadata.resource_version;
  h.Delete<Toy>("a");  // Now the cache is as empty as a list.
  const auto behind = informer.CatchUp(own_write, milliseconds(1));
  REQUIRE_FALSE(behind);
  CHECK(behind.error().reason == "CacheBehind");
  h.clock.Advance(minutes(5));
  REQUIRE(informer.Step());
  CHECK(informer.CatchUp(own_write, milliseconds(1)));
  CHECK(informer.Stats().stale_found == 1);
}

TEST_CASE("[ENGINE-12] incidents: a wish is acknowledged over the newest status, and puts back no older one") {
  ToyHarness h;
  // Lands in the middle of a pass, as a write does whose answer was lost.
  const auto write_newer = [&h]() -> Expected<void> {
    auto toy = api::codec::ParseObject((*h.client().Get({"toys.test.dev", "", "a"}))->text);
    toy->body["status"]["have"] = "newer";
    REQUIRE(h.client().UpdateStatus(*std::move(toy), {.actor = "test"}));
    return {};
  };
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    reconciler::Plan plan = h.controller->Usual(object, state);
    if (!reconciler::WishOf(object, "restart")) return plan;
    reconciler::Chain chain;
    chain.Then({.verb = "restart", .target = "a", .reason = "was asked for", .handles = "restart"}, write_newer);
    plan.Add(std::move(chain));
    return plan;
  };
  std::string acknowledged;
  h.controller->observe = [&](const Toy&, const reconciler::Reader&) -> Expected<void> {
    const auto toy = h.Get<Toy>("a");
    if (acknowledged.empty() && toy->common.handled.contains("restart")) acknowledged = toy->status.have;
    return {};
  };
  h.Put("a", {"x"});
  h.Settle();
  h.Annotate("a", "test.dev/restart", "monday");
  h.Settle();
  CHECK(acknowledged == "newer");
  CHECK(h.Get<Toy>("a")->status.have == "x");  // The end of the pass, which looked again.
}

TEST_CASE("[ENGINE-12] incidents: a wish of an object that is gone is not acknowledged on the one made anew") {
  ToyHarness h;
  const auto make_anew = [&h]() -> Expected<void> {
    const auto toy = h.Get<Toy>("a");
    if (toy->spec.want == "anew") return {};
    api::Object bare = api::codec::ToObject(*toy);
    bare.metadata.finalizers.clear();
    REQUIRE(h.client().Update(std::move(bare), {.actor = "test"}));
    h.Delete<Toy>("a");
    h.Put("a", {"anew"});
    h.Annotate("a", "test.dev/restart", "monday");
    return {};
  };
  int restarts = 0;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    reconciler::Plan plan = h.controller->Usual(object, state);
    if (!reconciler::WishOf(object, "restart")) return plan;
    reconciler::Chain chain;
    chain.Then({.verb = "restart", .target = "a", .reason = "was asked for", .handles = "restart"},
               [&restarts, make_anew] {
                 ++restarts;
                 return make_anew();
               });
    plan.Add(std::move(chain));
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  h.Annotate("a", "test.dev/restart", "monday");
  h.Settle();
  h.Pass(minutes(11));
  CHECK(h.Get<Toy>("a")->common.handled.at("restart") == "monday");
  CHECK(restarts == 2);  // Each of the two objects was restarted.
}

TEST_CASE("[ENGINE] incidents: a healthy watch is not taken for a silent one") {
  ToyHarness h;
  reconciler::Informer informer(h.client(), h.clock, "toys.test.dev");
  for (int i = 0; i < 20; ++i) {
    h.Put("a" + std::to_string(i), {"x"});
    if (i > 3) h.Delete<Toy>("a" + std::to_string(i - 3));
    h.clock.Advance(minutes(3));
    REQUIRE(informer.Step());
  }
  CHECK(informer.Stats().stale_found == 0);
}

TEST_CASE("[ENGINE] incidents: a deletion passes every filter") {
  ToyHarness h({.name = "toy"}, [](ToyController& controller) {
    controller.watches = [](reconciler::Sources& sources) {
      sources.Maps<Part>(
          [](const Part&) {
            return std::vector<reconciler::Request>{{"", "a"}};
          },
          reconciler::On::kSpecChange);
    };
  });
  h.Put("a", {"x"});
  h.Harness::Put(Part{.metadata = {.name = "p"}});
  h.Settle();
  const int looks = h.controller->looks["a"];
  auto part = *h.Get<Part>("p");
  part.status.have = "news";
  REQUIRE(h.client().UpdateStatus(api::codec::ToObject(part), {.actor = "test"}));
  h.Settle();
  CHECK(h.controller->looks["a"] == looks);  // The filter holds back what it should.
  h.Delete<Part>("p");
  h.Settle();
  CHECK(h.controller->looks["a"] == looks + 1);
}

TEST_CASE("[ENGINE] incidents: one object that cannot be read does not stop the others, and says what is wrong") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Put("good", {"x"});
  h.Settle();
  REQUIRE(h.PatchToy("a", api::Json::Of({{"spec", api::Json::Of({{"want", 5}})}})));
  h.Put("good", {"y"});
  h.Settle();
  CHECK(h.Ready("good") == "True Reconciled");
  CHECK(h.world.texts["good"] == "y");
  CHECK(h.world.texts["a"] == "x");
  const auto object = api::codec::ParseObject((*h.client().Get({"toys.test.dev", "", "a"}))->text);
  const auto status = api::codec::CommonStatusOf(*object);
  REQUIRE(status.Find(api::kReady));
  CHECK(status.Find(api::kReady)->status == api::ConditionStatus::kFalse);
  CHECK(status.Find(api::kReady)->message.find("spec.want") != std::string::npos);
}

/// A part that `owner` owns.
Part OwnedBy(const Toy& owner, const std::string& name) {
  return {.metadata = {.name = name, .owner_references = {reconciler::OwnerOf(owner)}}};
}

TEST_CASE("[ENGINE] incidents: collection waits for every list, asks the API itself, and spares what has an owner") {
  ToyHarness h({.name = "toy", .has_finalizer = false});  // So nothing but the collector removes parts.
  h.Put("a", {"x"});
  h.Put("b", {"x"});
  h.Settle();
  Part shared = OwnedBy(*h.Get<Toy>("a"), "shared");
  shared.metadata.owner_references.push_back(reconciler::OwnerOf(*h.Get<Toy>("b")));
  shared.metadata.owner_references.back().is_controller = false;
  h.controller->diff = [](const Toy&, const ToyState&, api::Time) { return reconciler::Plan(); };
  h.Harness::Put(OwnedBy(*h.Get<Toy>("a"), "p"));
  h.Harness::Put(shared);
  h.Harness::Put(Part{.metadata = {.name = "free"}});

  BadDay api(h.client());
  api.unlisted = "toys.test.dev";
  reconciler::Informers informers(api, h.clock);
  reconciler::Collector collector(api, informers, h.engine->catalog());
  collector.Connect();
  h.Delete<Toy>("a");
  (void)informers.Step();
  CHECK(collector.Step() == 0);  // The graph is half known.
  CHECK(h.Get<Part>("p"));

  h.Settle();  // The engine's own collector has all lists.
  CHECK_FALSE(h.Get<Part>("p"));
  CHECK(h.Get<Part>("shared"));
  CHECK(h.Get<Part>("free"));
  h.Delete<Toy>("b");
  h.Settle();
  CHECK_FALSE(h.Get<Part>("shared"));
  CHECK(h.Get<Part>("free"));
}

/// Somebody adopts an object in the moment in which it is about to be deleted.
class Adopting final : public ClientWrapper {
 public:
  Adopting(reconciler::Client& client, std::function<void()> adopt) : ClientWrapper(client), adopt_(std::move(adopt)) {}
  Expected<reconciler::Written> Delete(const api::ObjectKey& key, const reconciler::DeleteOptions& options) override {
    if (adopt_) std::exchange(adopt_, {})();
    return ClientWrapper::Delete(key, options);
  }

 private:
  std::function<void()> adopt_;
};

TEST_CASE("[ENGINE] incidents: an orphan that is adopted while the collector reaches for it stays") {
  ToyHarness h({.name = "toy", .has_finalizer = false});
  h.Put("a", {"x"});
  h.Put("b", {"x"});
  h.Settle();
  const Toy gone = *h.Get<Toy>("a");
  h.Harness::Put(OwnedBy(gone, "p"));
  Adopting api(h.client(), [&] {
    Part part = *h.Get<Part>("p");
    part.metadata.owner_references.push_back(reconciler::OwnerOf(*h.Get<Toy>("b")));
    part.metadata.owner_references.back().is_controller = false;
    REQUIRE(h.client().Update(api::codec::ToObject(part), {.actor = "test"}));
  });
  reconciler::Informers informers(api, h.clock);
  for (const char* resource : {"toys.test.dev", "parts.test.dev"}) (void)informers.Of(resource);
  reconciler::Collector collector(api, informers, h.engine->catalog());
  collector.Connect();
  h.Delete<Toy>("a");
  REQUIRE(informers.Step());
  CHECK(collector.Step() == 0);
  CHECK(h.Get<Part>("p"));
  REQUIRE(informers.Step());
  CHECK(collector.Step() == 1);  // It has an owner now, and loses the one that is gone.
  REQUIRE(h.Get<Part>("p"));
  CHECK(h.Get<Part>("p")->metadata.owner_references.size() == 1);
  h.Delete<Toy>("b");
  REQUIRE(informers.Step());
  CHECK(collector.Step() == 1);
  CHECK_FALSE(h.Get<Part>("p"));
}

TEST_CASE("[ENGINE] incidents: an owner that was made anew under the old name is another one") {
  ToyHarness h({.name = "toy", .has_finalizer = false});
  h.Put("a", {"x"});
  h.Settle();
  h.controller->diff = [](const Toy&, const ToyState&, api::Time) { return reconciler::Plan(); };
  h.Harness::Put(OwnedBy(*h.Get<Toy>("a"), "p"));
  h.Delete<Toy>("a");
  h.Put("a", {"x"});
  h.Settle();
  CHECK_FALSE(h.Get<Part>("p"));
}

TEST_CASE("[ENGINE] incidents: the tasks of an object without a finalizer end with it") {
  ToyHarness h({.name = "toy", .has_finalizer = false});
  bool was_stopped = false;
  h.controller->diff = [&](const Toy& object, const ToyState& state, api::Time) {
    reconciler::Plan plan;
    if (state.have) return plan;
    plan.Then({"build", object.metadata.name, "is missing"}, [&](reconciler::StepContext& context) {
      return context.Ensure(
          {.input = "x", .deadline = minutes(1), .work = [&](std::stop_token stop) -> Expected<api::Json> {
             h.Delete<Toy>("a");
             h.manager().Step();
             was_stopped = stop.stop_requested();
             return Error{Code::kUnavailable, "Stopped", "stopped"};
           }});
    });
    return plan;
  };
  h.Put("a", {"x"});
  h.Settle();
  CHECK(was_stopped);
  CHECK(h.WritesDuring([&] { h.Pass(minutes(30)); }) <= 1);  // The one that forgets the task.
}

}  // namespace
}  // namespace tests
