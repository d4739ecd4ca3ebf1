#include "reconciler/manager.h"

#include <future>
#include <thread>

#include <doctest/doctest.h>

#include "tests/reconciler/toy.h"
#include "tests/support/client_wrapper.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Runs the manager in a thread of its own.
struct Running {
  explicit Running(reconciler::Manager& manager)
      : done(std::async(std::launch::async, [this, &manager] { return manager.Run(stop.get_token()).has_value(); })) {}
  ~Running() { stop.request_stop(); }

  std::stop_source stop;
  std::future<bool> done;
};

TEST_CASE("[ENGINE] manager: a stop lets what is ready be done first, and ends within its time") {
  ToyHarness h({.name = "toy", .workers = 1});
  std::promise<void> first;
  std::promise<void> go_on;
  bool is_first = true;
  h.controller->observe = [&](const Toy&, const reconciler::Reader&) -> api::Expected<void> {
    if (!is_first) return {};
    is_first = false;
    first.set_value();
    go_on.get_future().wait();
    return {};
  };
  for (const char* name : {"a", "b", "c", "d"}) h.Put(name, {"x"});
  {
    Running running(h.manager());
    first.get_future().wait();
    running.stop.request_stop();
    go_on.set_value();
    CHECK(running.done.get());
  }
  CHECK(h.world.texts.size() == 4);
}

TEST_CASE("[ENGINE] manager: what hangs beyond the stop is named, with its object") {
  std::promise<std::string> stuck;
  std::promise<void> release;
  ToyHarness h({.name = "toy", .workers = 2}, {},
               {.drain_deadline = milliseconds(20),
                .stop_deadline = milliseconds(60),
                .on_stuck = [&](const std::string& what) { stuck.set_value(what); }});
  std::promise<void> hanging;
  h.controller->observe = [&](const Toy& toy, const reconciler::Reader&) -> api::Expected<void> {
    if (toy.metadata.name != "hangs") return {};
    hanging.set_value();
    release.get_future().wait();
    return {};
  };
  h.Put("hangs", {"x"});
  Running running(h.manager());
  hanging.get_future().wait();
  const auto queues = h.manager().Queues();
  REQUIRE(queues.size() == 1);
  REQUIRE(queues[0].keys.size() == 1);
  CHECK(queues[0].keys[0].state == reconciler::QueuedKey::State::kProcessing);
  running.stop.request_stop();
  CHECK(stuck.get_future().get().starts_with("toy with hangs"));
  release.set_value();
  CHECK(running.done.get());
}

/// Has no lists to give.
class EmptyHanded final : public ClientWrapper {
 public:
  using ClientWrapper::ClientWrapper;
  api::Expected<reconciler::ObjectList> List(std::string_view, std::string_view) const override {
    return api::Error{api::Code::kUnavailable, "Down", "no answer"};
  }
};

TEST_CASE("[ENGINE] manager: lists that do not come end the start with what is missing") {
  ToyHarness h;
  EmptyHanded api(h.client());
  const std::unique_ptr<reconciler::Store> tasks = *reconciler::Store::Open({.path = ":memory:"});
  reconciler::Manager manager(api, *tasks, h.engine->catalog(), {.clock = h.clock, .entropy = h.entropy},
                              {.sync_deadline = milliseconds(0)});
  const auto ran = manager.Run({});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().reason == "CacheSyncTimeout");
  CHECK(ran.error().message.find("no answer") != std::string::npos);
}

TEST_CASE("[ENGINE] manager: an index answers by what a controller says, planned objects included") {
  std::vector<std::string> found;
  ToyHarness h({.name = "toy"}, [&](ToyController& controller) {
    controller.watches = [](reconciler::Sources& sources) {
      sources.Index<Part>("by-want", [](const Part& part) { return std::vector<std::string>{part.spec.want}; });
    };
    controller.observe = [&](const Toy& toy, const reconciler::Reader& reader) -> api::Expected<void> {
      if (toy.metadata.name != "asks") return {};
      found.clear();
      auto parts = reader.ListBy<Part>("by-want", "x");
      if (!parts) return parts.error();
      for (const Part& part : *parts) found.push_back(part.metadata.name);
      return {};
    };
  });
  h.Put("asks", {"q"});
  for (const auto& [name, want] : {std::pair{"p", "x"}, {"q", "y"}, {"r", "x"}})
    h.Harness::Put(Part{.metadata = {.name = name}, .spec = {.want = want}});
  h.Settle();
  h.Annotate("asks", "test.dev/reconcile-requested-at", "1");
  h.Settle();
  CHECK(found == std::vector<std::string>{"p", "r"});
  h.Harness::Put(Part{.metadata = {.name = "p"}, .spec = {.want = "y"}});
  h.Delete<Part>("r");
  h.Harness::Put(Part{.metadata = {.name = "q"}, .spec = {.want = "x"}});
  h.Annotate("asks", "test.dev/reconcile-requested-at", "2");
  h.Settle();
  CHECK(found == std::vector<std::string>{"q"});
  // A plan in which "b" would make a part of that index sees it.
  h.Put("asks", {"z"});
  h.Put("a", {"x", {"planned"}});
  REQUIRE(h.manager().Plan({.resource = "toys.test.dev"}));
  CHECK(found == std::vector<std::string>{"planned", "q"});
}

TEST_CASE("[ENGINE] manager: with real threads a hundred objects become ready, are followed, and go") {
  ToyHarness h({.name = "toy", .workers = 4});
  h.controller->observe = {};
  Running running(h.manager());
  const auto wait_until = [&](const auto& is_so) {
    auto watch = h.client().OpenWatch("toys.test.dev", {0});
    REQUIRE(watch);
    while (!is_so()) {
      auto event = (*watch)->Next(seconds(20), {});
      REQUIRE(event);
      REQUIRE(*event);
    }
  };
  const auto all_are = [&](const std::string& text) {
    for (int i = 0; i < 100; ++i)
      if (h.Ready("t" + std::to_string(i)) != "True Reconciled" || h.world.Text("t" + std::to_string(i)) != text)
        return false;
    return true;
  };
  for (int i = 0; i < 100; ++i) h.Put("t" + std::to_string(i), {"one", {"p" + std::to_string(i)}});
  wait_until([&] { return all_are("one"); });
  for (int i = 0; i < 100; ++i) h.Put("t" + std::to_string(i), {"two", {"p" + std::to_string(i)}});
  wait_until([&] { return all_are("two"); });
  for (int i = 0; i < 100; ++i) h.Delete<Toy>("t" + std::to_string(i));
  wait_until([&] { return h.client().List("toys.test.dev")->items.empty(); });
  CHECK(h.client().List("parts.test.dev")->items.empty());
  CHECK_FALSE(h.world.Text("t0"));
}

}  // namespace
}  // namespace tests
