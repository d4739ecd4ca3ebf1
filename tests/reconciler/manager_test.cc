#include "reconciler/manager.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
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

/// Has no lists to give while it is down.
class EmptyHanded final : public ClientWrapper {
 public:
  using ClientWrapper::ClientWrapper;
  api::Expected<reconciler::ObjectList> List(std::string_view resource, std::string_view namespace_) const override {
    if (!is_down) return ClientWrapper::List(resource, namespace_);
    return api::Error{api::Code::kUnavailable, "Down", "no answer"};
  }

  bool is_down = true;
};

/// A manager whose lists do not come, with a host source that says when it was started.
struct DownHarness : ToyHarness {
  DownHarness() {
    auto made = std::make_unique<ToyController>(world);
    made->watches = [this](reconciler::Sources& sources) {
      sources.Host([this](reconciler::Waker&) { ++host_sources; });
    };
    late.Add(std::move(made), {.name = "late"});
  }

  EmptyHanded api{client()};
  const std::unique_ptr<reconciler::Store> tasks = *reconciler::Store::Open({.path = ":memory:"});
  int host_sources = 0;
  reconciler::Manager late{api, *tasks, engine->catalog(), {.clock = clock, .entropy = entropy}};
};

TEST_CASE("[ENGINE] manager: a stop before the first lists are in ends the start, and no source of the host begins") {
  DownHarness h;
  std::stop_source stop;
  stop.request_stop();
  CHECK(h.late.Run(stop.get_token()));
  CHECK(h.host_sources == 0);
  CHECK_FALSE(h.late.is_synced());
}

TEST_CASE("[ENGINE] manager: stepped while the first list fails, it starts the host's sources once the list comes") {
  DownHarness h;
  const auto unread = [&] { return h.late.Readiness().at(1).failure; };
  CHECK(unread() == "not begun yet");
  CHECK_FALSE(h.late.Step());
  CHECK(h.host_sources == 0);
  CHECK(unread().starts_with("not read yet: "));
  CHECK(unread().ends_with("toys.test.dev"));
  h.api.is_down = false;
  for (int i = 0; i < 3; ++i) (void)h.late.Step();
  CHECK(h.host_sources == 1);
  CHECK(unread() == "");
}

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

/// A seam that joins concurrent calls into one change, as that of the accounts does: nobody's call ends before
/// `size` are there. One bad member is refused alone.
class JoiningSeam {
 public:
  explicit JoiningSeam(int size) : size_(size) {}

  api::Expected<void> Change(const std::string& name) {
    std::unique_lock lock(mutex_);
    ++calls_;
    if (++inside_ >= size_) {
      is_open_ = true;
      joined_.notify_all();
    }
    const bool has_joined = joined_.wait_for(lock, seconds(20), [&] { return is_open_; });
    if (!has_joined) return api::Error{api::Code::kTimeout, "Alone", "nobody came to join " + name};
    if (name == "bad") return api::Error{api::Code::kInvalid, "Refused", "no such shell"};
    done_.insert(name);
    return {};
  }
  bool IsDone(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return done_.contains(name);
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable joined_;
  // Guarded by mutex_.
  int inside_ = 0;
  int calls_ = 0;
  bool is_open_ = false;
  std::set<std::string> done_;
};

TEST_CASE("[ENGINE-14] manager: as many workers as a seam joins are in it at once, and its bad member fails alone") {
  constexpr int kMembers = 8;
  JoiningSeam seam(kMembers);
  ToyHarness h({.name = "toy", .workers = kMembers});
  h.controller->diff = [&](const Toy& object, const ToyState&, api::Time) {
    reconciler::Plan plan;
    const std::string name = object.metadata.name;
    if (!seam.IsDone(name)) plan.Then({"join", name, "is missing"}, [&seam, name] { return seam.Change(name); });
    return plan;
  };
  for (const char* name : {"a", "b", "c", "bad", "d", "e", "f", "g"}) h.Put(name, {"x"});
  Running running(h.manager());
  auto watch = h.client().OpenWatch("toys.test.dev", {0});
  REQUIRE(watch);
  const auto is_told = [&] {
    const auto toys = h.client().List("toys.test.dev")->items;
    return std::all_of(toys.begin(), toys.end(), [&](const auto& toy) {
      return !h.Ready(toy->key.name).starts_with("U") && h.Ready(toy->key.name) != "";
    });
  };
  while (!is_told()) {
    auto event = (*watch)->Next(seconds(30), {});
    REQUIRE(event);
    REQUIRE(*event);
  }
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) CHECK(h.Ready(name) == "True Reconciled");
  CHECK(h.Ready("bad") == "False Refused");
  CHECK(seam.calls() == kMembers);  // Nobody was asked again because of the bad one.
}

}  // namespace
}  // namespace tests
