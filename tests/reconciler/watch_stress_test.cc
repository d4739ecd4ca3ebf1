// Many writers and readers at once: what a watch tells is what happened, whole and in order.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "reconciler/embedded.h"
#include "reconciler/informer.h"
#include "reconciler/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/harness.h"
#include "tests/support/seed.h"

namespace reconciler {
namespace {

using api::Code;
using api::Object;
using api::ObjectKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kResource = "things.test.dev";
constexpr int kWriters = 4;
constexpr int kObjects = 20;  // Few, so that writers meet.
constexpr int kWatchers = 6;
constexpr const char* kLast = "last";  // Written when all is done: who has seen it has seen everything.

api::schema::Catalog Things() {
  api::schema::Catalog catalog;
  REQUIRE(catalog.Add(
      api::schema::KindWithoutSchema({.group = "test.dev", .version = "v1", .kind = "Thing", .plural = "things"})));
  return catalog;
}

ObjectKey KeyOf(const std::string& name) { return {std::string(kResource), "", name}; }

Object Thing(const std::string& name) {
  Object object{.api_version = "test.dev/v1", .kind = "Thing", .metadata = {.name = name}};
  object.body["spec"]["count"] = 0;
  return object;
}

/// A real store in memory and what goes wrong in its threads, for the one that asserts.
struct World {
  World() {
    auto opened = Store::Open({.path = ":memory:", .history_max = 200});
    REQUIRE(opened);
    store = *std::move(opened);
    registry = std::make_unique<Registry>(*store, catalog, clock, entropy);
  }
  void Fault(const std::string& text) {
    const std::lock_guard lock(mutex);
    if (faults.size() < 20) faults.push_back(text);
  }

  tests::FakeClock clock;
  tests::SeededEntropy entropy;
  api::schema::Catalog catalog = Things();
  std::unique_ptr<Store> store;
  std::unique_ptr<Registry> registry;
  std::atomic<std::int64_t> increments = 0;
  std::mutex mutex;
  std::vector<std::string> faults;  // Guarded by mutex.
};

/// Reads, adds one, writes back, again while somebody else was quicker. The state in its hand has to be the present
/// one.
void Increment(World& world, const std::string& name) {
  for (;;) {
    auto current = world.registry->Get(KeyOf(name));
    if (!current) return;
    auto object = api::codec::ParseObject((*current)->text);
    object->body["spec"]["count"] = *object->body.At({"spec", "count"})->integer() + 1;
    auto written = world.registry->Update(*std::move(object), {});
    if (written) ++world.increments;
    if (written || written.error().code != Code::kConflict) return;
  }
}

void WriteMany(World& world, unsigned seed, int count) {
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    Increment(world, "counter");
    const std::string name = "thing-" + std::to_string(random() % kObjects);
    const auto what = random() % 10;
    if (what < 3) {
      (void)world.registry->Create(Thing(name), {});
    } else if (what < 5) {
      (void)world.registry->Delete(KeyOf(name), {});
    } else {
      const auto patch = api::Json::Of({{"spec", api::Json::Of({{"by", std::int64_t{i}}})}});
      (void)world.registry->Patch(KeyOf(name), patch, {});
    }
  }
}

/// What somebody believes who lists once and then only listens, through losses of the line at random.
class Replay {
 public:
  Replay(World& world, unsigned seed) : world_(world), random_(seed) {}

  /// Until it has seen the last write.
  void Run(std::stop_token stop) {
    List();
    while (!stop.stop_requested() && !objects_.contains(kLast)) {
      if (!watch_ || random_() % 50 == 0) Reconnect();
      auto event = watch_ ? watch_->Next(milliseconds(100), stop) : api::Expected<std::optional<Event>>(api::Error{});
      if (!event) {
        watch_.reset();
        List();
      } else if (*event) {
        Apply(**event);
      }
    }
  }

  std::map<std::string, std::string> Texts() const {
    std::map<std::string, std::string> texts;
    for (const auto& [name, object] : objects_) texts[name] = object->text;
    return texts;
  }

 private:
  void List() {
    auto list = world_.registry->List(kResource);
    if (!list) return world_.Fault("list: " + list.error().message);
    if (list->revision < revision_) world_.Fault("a list is older than what was seen before");
    objects_.clear();
    for (const SnapshotPtr& item : list->items) objects_[item->key.name] = item;
    revision_ = list->revision;
  }

  void Reconnect() {
    auto opened = world_.registry->OpenWatch(kResource, revision_);
    if (opened) {
      watch_ = *std::move(opened);
      return;
    }
    watch_.reset();
    if (opened.error().code != Code::kExpired) world_.Fault("watch: " + opened.error().message);
    List();
  }

  void Apply(const Event& event) {
    if (event.revision <= revision_) world_.Fault("an event came twice, or out of order");
    revision_ = event.revision;
    if (event.type == EventType::kBookmark) return;
    const std::string& name = event.object->key.name;
    const auto known = objects_.find(name);
    const bool is_known = known != objects_.end();
    if (is_known != (event.type != EventType::kAdded)) world_.Fault("an event is of another state than the one before");
    if (event.object->resource_version != event.revision) world_.Fault("an object has not its event's version");
    if (is_known && event.previous && event.previous->text != known->second->text)
      world_.Fault("what was before is not what was told");
    if (event.type == EventType::kDeleted)
      objects_.erase(name);
    else
      objects_[name] = event.object;
  }

  World& world_;
  std::mt19937 random_;
  std::unique_ptr<Watch> watch_;
  std::map<std::string, SnapshotPtr> objects_;
  api::ResourceVersion revision_{};
};

std::map<std::string, std::string> TextsOf(const std::vector<SnapshotPtr>& items) {
  std::map<std::string, std::string> texts;
  for (const SnapshotPtr& item : items) texts[item->key.name] = item->text;
  return texts;
}

/// How many are still at work.
class Running {
 public:
  explicit Running(int count) : count_(count) {}

  void End() {
    const std::lock_guard lock(mutex_);
    --count_;
    changed_.notify_all();
  }
  /// False when that took too long.
  bool Wait(seconds deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_;  // Guarded by mutex_.
};

TEST_CASE("[ENGINE][D-03] watches: through writers, deletions and lost lines, each stream replayed is the store") {
  World world;
  const auto seed = static_cast<unsigned>(tests::Seed());
  CAPTURE(seed);
  const int count = tests::IsSoak() ? 40'000 : 400;
  REQUIRE(world.registry->Create(Thing("counter"), {}));

  std::vector<Replay> replays;
  replays.reserve(kWatchers);
  for (int i = 0; i < kWatchers; ++i) replays.emplace_back(world, seed + 100 + static_cast<unsigned>(i));
  Running running(kWatchers);
  std::vector<std::jthread> watchers;
  watchers.reserve(kWatchers);
  for (Replay& replay : replays)
    watchers.emplace_back([&replay, &running](const std::stop_token& stop) {
      replay.Run(stop);
      running.End();
    });
  Informer informer(*world.registry, world.clock, std::string(kResource));
  std::vector<std::jthread> writers;
  writers.reserve(kWriters);
  for (int i = 0; i < kWriters; ++i)
    writers.emplace_back([&world, seed, i, count] { WriteMany(world, seed + static_cast<unsigned>(i), count); });
  for (int i = 0; i < 50; ++i) CHECK(informer.Step());
  for (std::jthread& writer : writers) writer.join();
  REQUIRE(world.registry->Create(Thing(kLast), {}));

  CHECK(running.Wait(seconds(tests::IsSoak() ? 600 : 60)));
  watchers.clear();  // Stops those that have not seen the end.
  CHECK(informer.Step());
  const auto stored = TextsOf(world.registry->List(kResource)->items);
  for (const Replay& replay : replays) CHECK(replay.Texts() == stored);
  CHECK(TextsOf(informer.List()) == stored);
  CHECK(world.faults == std::vector<std::string>());
  CHECK(world.increments == kWriters * count);
  const auto counter = api::codec::ParseObject(stored.at("counter"));
  CHECK(*counter->body.At({"spec", "count"}) == api::Json(std::int64_t{kWriters} * count));
}

}  // namespace
}  // namespace reconciler
