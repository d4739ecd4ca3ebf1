#include "reconciler/store.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "tests/support/store_writes.h"
#include "tests/support/temp_dir.h"

namespace reconciler {
namespace {

using api::Code;
using api::ResourceVersion;
using std::chrono::milliseconds;

constexpr milliseconds kNow{0};

api::ObjectKey KeyOf(const std::string& name) { return tests::ThingKey(name); }

Mutation Write(const std::string& name, int value, ResourceVersion expected = {}) {
  return tests::WriteThing(name, value, expected);
}

std::unique_ptr<Store> InMemory(const StoreOptions& options = {}) { return tests::OpenStore(":memory:", options); }

/// "A1 M2 D3": type and revision of everything that the watch has now.
std::string Drain(Watch& watch) {
  std::string text;
  while (true) {
    auto event = watch.Next(kNow, {});
    if (!event) return text + (text.empty() ? "" : " ") + event.error().reason;
    if (!*event) return text;
    constexpr std::string_view kTypes = "AMDB";
    text += (text.empty() ? "" : " ") + std::string(1, kTypes[static_cast<std::size_t>((*event)->type)]) +
            std::to_string((*event)->revision.value);
  }
}

TEST_CASE("[ENGINE] store: a write gets the next revision, and its text says so") {
  auto store = InMemory();
  auto first = store->Commit(Write("a", 1));
  REQUIRE(first);
  CHECK((*first)->resource_version == ResourceVersion{1});
  auto object = api::codec::ParseObject((*first)->text);
  REQUIRE(object);
  CHECK(object->metadata.resource_version == ResourceVersion{1});
  auto second = store->Commit(Write("a", 2, {1}));
  REQUIRE(second);
  CHECK((*second)->resource_version == ResourceVersion{2});
  CHECK(tests::ValueOf(*store->Get(KeyOf("a"))) == 2);
}

TEST_CASE("[SEC-61] store: of two writers who start from one state the second is refused") {
  auto store = InMemory();
  REQUIRE(store->Commit(Write("a", 1)));
  REQUIRE(store->Commit(Write("a", 2, {1})));
  CHECK(store->Commit(Write("a", 3, {1})).error().code == Code::kConflict);
  CHECK(store->Commit(Write("a", 3)).error().code == Code::kAlreadyExists);
  CHECK(store->Commit(Write("b", 3, {2})).error().code == Code::kNotFound);
  CHECK(tests::ValueOf(*store->Get(KeyOf("a"))) == 2);
  CHECK(store->revision() == ResourceVersion{2});
}

TEST_CASE("[SEC-46] store: writes that come together stay within their namespace's quota, after a restart too") {
  const tests::TempDir dir;
  const Quota quota{.objects_max = 2, .bytes_max = 1000};
  const auto within = [&](Mutation mutation) {
    mutation.quota = quota;
    return mutation;
  };
  {
    auto store = tests::OpenStore(dir / "store.db");
    std::vector<Mutation> mutations;
    for (const char* name : {"a", "b", "c"}) mutations.push_back(within(Write(name, 1)));
    const auto results = store->CommitAll(std::move(mutations));
    CHECK(results[0]);
    CHECK(results[1]);
    REQUIRE_FALSE(results[2]);
    CHECK(results[2].error().code == Code::kForbidden);
    CHECK(store->revision() == ResourceVersion{2});  // What is refused has no revision.
  }
  auto store = tests::OpenStore(dir / "store.db");
  CHECK(store->Commit(within(Write("c", 1))).error().code == Code::kForbidden);
  REQUIRE(store->Commit(tests::RemoveThing("a", {1})));
  CHECK(store->Commit(within(Write("c", 1))));
  CHECK(store->Commit(within(tests::WriteThing("b", 1, {2}, std::string(1000, 'x')))).error().code == Code::kForbidden);
  CHECK(store->Commit(tests::WriteThing("b", 1, {2}, std::string(1000, 'x'))));  // Of whom no quota is asked.
  CHECK(store->Commit(within(Write("b", 2, store->revision()))));                // Less than there was.
}

TEST_CASE("[ENGINE] store: what comes together is one commit, in its order, and what is refused holds up nothing") {
  auto store = InMemory();
  REQUIRE(store->Commit(Write("taken", 1)));
  const auto before = store->Stats().commits;
  std::vector<Mutation> mutations;
  for (const char* name : {"a", "taken", "b"}) mutations.push_back(Write(name, 2));
  const auto results = store->CommitAll(std::move(mutations));
  REQUIRE(results.size() == 3);
  CHECK((*results[0])->resource_version == ResourceVersion{2});
  CHECK(results[1].error().code == Code::kAlreadyExists);
  CHECK((*results[2])->resource_version == ResourceVersion{3});
  CHECK(store->Stats().commits == before + 1);
  CHECK(store->CommitAll({}).empty());
}

TEST_CASE("[ENGINE] store: more than one commit may hold comes in as few as there can be") {
  auto store = tests::OpenStore(":memory:", {.batch_max = 10});
  std::vector<Mutation> mutations;
  mutations.reserve(25);
  for (int i = 0; i < 25; ++i) mutations.push_back(Write("thing" + std::to_string(i), i));
  for (const auto& result : store->CommitAll(std::move(mutations))) CHECK(result);
  CHECK(store->Stats().commits == 3);
  CHECK(store->revision() == ResourceVersion{25});
}

TEST_CASE("[ENGINE] store: a watch has every change after its revision, in order, and a deletion its own revision") {
  auto store = InMemory();
  REQUIRE(store->Commit(Write("a", 1)));
  auto early = store->OpenWatch("things.test.dev", {0});
  auto late = store->OpenWatch("things.test.dev", {1});
  auto other = store->OpenWatch("others.test.dev", {0});
  REQUIRE(store->Commit(Write("a", 2, {1})));
  REQUIRE(store->Commit(tests::RemoveThing("a", {2})));
  CHECK(Drain(**early) == "A1 M2 D3");
  CHECK(Drain(**late) == "M2 D3");
  CHECK(Drain(**other) == "");
  CHECK_FALSE(store->Get(KeyOf("a")));
}

TEST_CASE("[ENGINE] store: a slow watch loses its stream, not the writers their time") {
  auto store = InMemory({.history_max = 2, .watch_queue_max = 3});
  auto watch = store->OpenWatch("things.test.dev", {0});
  for (int i = 0; i < 4; ++i) REQUIRE(store->Commit(Write("a" + std::to_string(i), i)));
  CHECK(Drain(**watch) == "Expired");
}

TEST_CASE("[ENGINE] store: a watch from before the kept history, or from the future, is told to list") {
  auto store = InMemory({.history_max = 2});
  for (int i = 0; i < 5; ++i) REQUIRE(store->Commit(Write("a" + std::to_string(i), i)));
  CHECK(store->OpenWatch("things.test.dev", {2}).error().code == Code::kExpired);
  CHECK(store->OpenWatch("things.test.dev", {9}).error().code == Code::kExpired);
  auto watch = store->OpenWatch("things.test.dev", {3});
  REQUIRE(watch);
  CHECK(Drain(**watch) == "A4 A5");
}

TEST_CASE("[SEC-54] store: what is kept for watches has a bound in bytes too") {
  // 2 000 changes of one object of 3 MiB were 6 GB.
  auto store = InMemory({.history_bytes_max = 1'000});
  auto slow = store->OpenWatch("things.test.dev", {0});
  constexpr int kWrites = 40;
  for (int i = 0; i < kWrites; ++i) REQUIRE(store->Commit(Write("a" + std::to_string(i), i)));
  const std::size_t kept = store->Stats().history;
  CHECK(kept * store->Get(KeyOf("a0"))->get()->text.size() <= 1'000);
  CHECK(kept > 0);
  CHECK(store->OpenWatch("things.test.dev", {kWrites - static_cast<std::int64_t>(kept) - 1}).error().code ==
        Code::kExpired);
  CHECK(store->OpenWatch("things.test.dev", {kWrites - static_cast<std::int64_t>(kept)}));
  CHECK(Drain(**slow) == "Expired");
}

TEST_CASE("[ENGINE] store: notify comes when there is something, and at once when there is already") {
  auto store = InMemory();
  auto watch = store->OpenWatch("things.test.dev", {0});
  int calls = 0;
  (*watch)->SetNotify([&] { ++calls; });
  CHECK(calls == 0);
  REQUIRE(store->Commit(Write("a", 1)));
  CHECK(calls == 1);
  (*watch)->SetNotify([&] { calls += 10; });
  CHECK(calls == 11);
  (*watch)->SetNotify({});
  REQUIRE(store->Commit(Write("b", 1)));
  CHECK(calls == 11);
}

TEST_CASE("[HTB-89] store: what was acknowledged is there after a restart, with its revisions and its history") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  {
    auto store = tests::OpenStore(path);
    REQUIRE(store->Commit(Write("a", 1)));
    REQUIRE(store->Commit(Write("b", 1)));
    REQUIRE(store->Commit(Write("a", 2, {1})));
    REQUIRE(store->Commit(tests::RemoveThing("b", {2})));
  }
  auto store = tests::OpenStore(path);
  CHECK(store->revision() == ResourceVersion{4});
  CHECK(tests::ValueOf(*store->Get(KeyOf("a"))) == 2);
  CHECK((*store->Get(KeyOf("a")))->uid == api::Uid{"uid-a"});
  CHECK_FALSE(store->Get(KeyOf("b")));
  auto watch = store->OpenWatch("things.test.dev", {1});
  REQUIRE(watch);
  CHECK(Drain(**watch) == "A2 M3 D4");
}

TEST_CASE("[ENGINE] store: superseded states leave the disk once no watch can ask for them") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  {
    auto store = tests::OpenStore(path, {.history_max = 10});
    REQUIRE(store->Commit(Write("a", 0)));
    for (int i = 1; i <= 100; ++i) REQUIRE(store->Commit(Write("a", i, {i})));
  }
  auto store = tests::OpenStore(path, {.history_max = 10});
  CHECK(tests::ValueOf(*store->Get(KeyOf("a"))) == 100);
  CHECK(store->OpenWatch("things.test.dev", {90}).error().code == Code::kExpired);
  auto watch = store->OpenWatch("things.test.dev", {99});
  REQUIRE(watch);
  CHECK(Drain(**watch) == "M100 M101");
}

TEST_CASE("[SEC-61] store: a second process is refused with what to do") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  auto store = tests::OpenStore(path);
  auto second = Store::Open({.path = path});
  REQUIRE_FALSE(second);
  CHECK(second.error().reason == "StoreLocked");
  CHECK(second.error().message.find("stop the other herod first") != std::string::npos);
}

TEST_CASE("[ENGINE] store: a file that is no database is left alone, and the message says what to do") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  std::ofstream(path) << std::string(8192, 'x');
  auto store = Store::Open({.path = path});
  REQUIRE_FALSE(store);
  CHECK(store.error().reason == "StoreDamaged");
  CHECK(store.error().message.find("move it away") != std::string::npos);
  std::ifstream file(path);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == std::string(8192, 'x'));
}

TEST_CASE("[ENGINE] store: concurrent writers are all acknowledged, each once, and a watch sees each once") {
  auto store = InMemory({.watch_queue_max = 100'000, .batch_max = 16});
  auto watch = store->OpenWatch("things.test.dev", {0});
  constexpr std::int64_t kWriters = 8;
  constexpr std::int64_t kWrites = 200;
  std::atomic<int> unseen = 0;
  {
    std::vector<std::jthread> writers;
    writers.reserve(kWriters);
    for (std::int64_t writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        ResourceVersion expected{};
        for (int i = 0; i < kWrites; ++i) {
          auto written = store->Commit(Write("w" + std::to_string(writer), i, expected));
          if (!written) return;
          expected = (*written)->resource_version;
          // Acknowledged is visible: a writer was once let go while its batch was still on its way to the disk.
          const auto seen = store->Get(KeyOf("w" + std::to_string(writer)));
          if (!seen || (*seen)->resource_version != expected) ++unseen;
        }
      });
    }
  }
  CHECK(unseen == 0);
  CHECK(store->revision() == ResourceVersion{kWriters * kWrites});
  std::int64_t last = 0;
  for (auto event = (*watch)->Next(kNow, {}); event && *event; event = (*watch)->Next(kNow, {})) {
    CHECK((*event)->revision.value == last + 1);
    last = (*event)->revision.value;
  }
  CHECK(last == kWriters * kWrites);
  for (std::int64_t writer = 0; writer < kWriters; ++writer)
    CHECK(tests::ValueOf(*store->Get(KeyOf("w" + std::to_string(writer)))) == kWrites - 1);
}

}  // namespace
}  // namespace reconciler
