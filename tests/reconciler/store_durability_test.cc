// What the store owes its file and the file the store: kills, full disks, damage, compaction.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/seed.h"
#include "tests/support/store_writes.h"
#include "tests/support/temp_dir.h"

namespace reconciler {
namespace {

using api::Code;
using api::ResourceVersion;
using tests::OpenStore;
using tests::ThingKey;
using tests::ValueOf;
using tests::WriteThing;

/// What a child tells its parent once a write was acknowledged. Short enough to arrive whole.
struct Acknowledged {
  std::int32_t writer = 0;
  std::int32_t value = 0;
  std::int64_t revision = 0;
};

constexpr std::int32_t kWriters = 4;
constexpr int kPage = 4'096;  // SQLite's.

/// So many writers until somebody kills the process.
[[noreturn]] void WriteForEver(const std::string& path, int pipe, std::size_t count = kWriters) {
  auto store = OpenStore(path, {.history_max = 100'000});
  std::vector<std::jthread> writers;
  writers.reserve(count);
  for (std::int32_t writer = 0; std::cmp_less(writer, count); ++writer)
    writers.emplace_back([&, writer] {
      ResourceVersion seen{};
      for (std::int32_t value = 1;; ++value) {
        auto written = store->Commit(WriteThing("w" + std::to_string(writer), value, seen));
        if (!written) ::_exit(1);
        seen = (*written)->resource_version;
        const Acknowledged acknowledged{writer, value, seen.value};
        if (::write(pipe, &acknowledged, sizeof acknowledged) != sizeof acknowledged) ::_exit(1);
      }
    });
  writers.clear();
  ::_exit(1);
}

/// Starts a child with so many writers, and kills it after `count` acknowledgements; all that it told of.
std::vector<Acknowledged> KillAfter(const std::string& path, std::size_t writers, std::uint64_t count) {
  int ends[2] = {};
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) WriteForEver(path, ends[1], writers);
  ::close(ends[1]);
  std::vector<Acknowledged> told;
  Acknowledged next;
  // The rest of what it told is read as well: it was told, so it must be there.
  while (::read(ends[0], &next, sizeof next) == sizeof next) {
    told.push_back(next);
    if (told.size() == count) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  return told;
}

TEST_CASE("[HTB-89] store: P12 killed at any moment, it has every acknowledged write, in order, and no half one") {
  // One writer commits alone; of 4 and 32 those that come together share a commit, and die in the middle of one.
  constexpr std::size_t kWriterCounts[] = {1, 4, 32};
  const std::uint64_t seed = tests::Seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::size_t kills = tests::IsSoak() ? 300 : 6;
  for (std::size_t number = 0; number < kills; ++number) {
    const tests::TempDir dir;
    const std::size_t writers = kWriterCounts[number % std::size(kWriterCounts)];
    CAPTURE(number);
    const auto told = KillAfter(dir / "store.db", writers, 1 + random() % 300);
    auto store = OpenStore(dir / "store.db", {.history_max = 100'000});
    auto watch = store->OpenWatch(tests::kThings, {0});
    REQUIRE(watch);
    std::map<std::string, std::int64_t> replayed;
    std::vector<std::pair<std::string, std::int64_t>> log;  // The name and value of revision i + 1.
    for (auto event = (*watch)->Next({}, {}); event && *event; event = (*watch)->Next({}, {})) {
      const std::string& name = (*event)->object->key.name;
      log.emplace_back(name, ValueOf((*event)->object));
      CHECK((*event)->revision.value == std::ssize(log));  // No gap.
      CHECK(log.back().second == ++replayed[name]);        // Each once, in the order of its writer.
    }
    CHECK(store->revision().value == std::ssize(log));
    std::map<std::int32_t, std::int32_t> last;
    for (const Acknowledged& acknowledged : told) {
      last[acknowledged.writer] = acknowledged.value;
      REQUIRE(acknowledged.revision <= std::ssize(log));
      const std::pair<std::string, std::int64_t> written{"w" + std::to_string(acknowledged.writer), acknowledged.value};
      const bool stands_where_it_was_said = log[static_cast<std::size_t>(acknowledged.revision - 1)] == written;
      CHECK(stands_where_it_was_said);
    }
    for (const auto& [name, value] : replayed) {
      const std::int32_t known = last[std::stoi(name.substr(1))];
      CHECK(value >= known);
      CHECK(value <= known + 1);  // At most the one that it was waiting for.
      CHECK(ValueOf(*store->Get(ThingKey(name))) == value);
    }
    CHECK(replayed.size() >= last.size());
  }
}

TEST_CASE("[SEC-61] store: another process is refused while one holds the file, and let in once that was killed") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  int ends[2] = {};
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) WriteForEver(path, ends[1]);
  Acknowledged first;
  REQUIRE(::read(ends[0], &first, sizeof first) == sizeof first);  // It has the file now.
  const auto refused = Store::Open({.path = path});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "StoreLocked");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : ends) ::close(end);
  CHECK(Store::Open({.path = path}));
}

TEST_CASE("[ENGINE] store: on a full disk no writer is acknowledged, reads and watches go on, and writes work again") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  const tests::FakeClock clock;
  auto store = OpenStore(path, {.clock = &clock});
  REQUIRE(store->Commit(WriteThing("before", 1)));
  auto watch = store->OpenWatch(tests::kThings, {0});
  std::atomic<int> acknowledged = 0;
  std::atomic<int> refused = 0;
  {
    const tests::FileSizeLimit full(std::filesystem::file_size(path + "-wal"));
    std::vector<std::jthread> writers;
    writers.reserve(8);
    for (int writer = 0; writer < 8; ++writer)
      writers.emplace_back([&, writer] {
        const auto written = store->Commit(WriteThing("w" + std::to_string(writer), 1));
        if (written) ++acknowledged;
        if (!written && written.error().code == Code::kUnavailable && written.error().reason == "DiskFull" &&
            written.error().message.find("make room") != std::string::npos)
          ++refused;
      });
    writers.clear();
    CHECK(acknowledged == 0);
    CHECK(refused == 8);
    CHECK(store->revision() == ResourceVersion{1});
    CHECK(ValueOf(*store->Get(ThingKey("before"))) == 1);
    CHECK(store->List(tests::kThings, "").items.size() == 1);
    CHECK(store->OpenWatch(tests::kThings, {1}));
    CHECK_FALSE(store->Compact());
    CHECK(store->Stats().failed_commits >= 1);
    CHECK(store->Stats().failing == "DiskFull");
    CHECK(store->Stats().transactions.at("DiskFull").Cumulative().back().second == store->Stats().failed_commits);
    CHECK(store->Stats().transactions.at("").Cumulative().back().second == 1);
  }
  REQUIRE(store->Commit(WriteThing("after", 2)));
  CHECK(store->Stats().failing == "");
  CHECK((*(*watch)->Next({}, {}))->object->key.name == "before");
  CHECK((*(*watch)->Next({}, {}))->object->key.name == "after");
  watch->reset();
  store.reset();
  store = OpenStore(path);
  CHECK(store->revision() == ResourceVersion{2});
  CHECK(store->List(tests::kThings, "").items.size() == 2);
}

void Sql(const std::string& path, const std::string& sql) {
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &connection) == SQLITE_OK);
  REQUIRE(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
}

TEST_CASE("[ENGINE] store: a file that it cannot use is refused with what to do, and not changed by a byte") {
  struct Row {
    const char* name;
    void (*spoil)(const std::string& path);
    const char* reason;
    const char* remedy;
  };
  const Row rows[] = {
      {"of a newer version", [](const std::string& path) { Sql(path, "PRAGMA user_version=2"); }, "StoreTooNew",
       "run the newer herod"},
      {"damaged in the middle",
       [](const std::string& path) {
         std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
         file.seekp(5L * kPage);  // Behind the header, the map of pages and the schema.
         file << std::string(8UL * kPage, '\xa5');
       },
       "StoreDamaged", "move it away"},
      {"with an object that is none",
       [](const std::string& path) { Sql(path, "UPDATE log SET text='{' WHERE revision=7"); }, "StoreDamaged",
       "file away"},
      {"of another program",
       [](const std::string& path) {
         std::filesystem::remove(path);
         Sql(path, "CREATE TABLE songs(name TEXT)");
       },
       "StoreDamaged", "of another program"},
      {"cut off", [](const std::string& path) { std::filesystem::resize_file(path, 40); }, "StoreDamaged",
       "move it away"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const tests::TempDir dir;
    const std::string path = dir / "store.db";
    {
      auto store = OpenStore(path);
      for (int i = 0; i < 50; ++i)
        REQUIRE(store->Commit(WriteThing("a" + std::to_string(i), i, {}, std::string(2'000, 'b'))));
    }
    row.spoil(path);
    const std::string before = dir.Read("store.db");
    const auto store = Store::Open({.path = path});
    REQUIRE_FALSE(store);
    CHECK(store.error().code == Code::kUnavailable);
    CHECK(store.error().reason == row.reason);
    CHECK_MESSAGE(store.error().message.find(row.remedy) != std::string::npos, store.error().message);
    const bool is_unchanged = dir.Read("store.db") == before;
    CHECK(is_unchanged);
  }
}

TEST_CASE("[ENGINE] incident: a store at rest gives back what it no longer needs, slice by slice") {
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  const StoreOptions options{.history_max = 10};
  auto store = OpenStore(path, options);
  const std::string ballast(20'000, 'b');
  std::vector<ResourceVersion> seen;
  seen.reserve(300);
  for (int i = 0; i < 300; ++i)
    seen.push_back((*store->Commit(WriteThing("a" + std::to_string(i), i, {}, ballast)))->resource_version);
  for (int i = 1; i < 300; ++i)
    REQUIRE(store->Commit(tests::RemoveThing("a" + std::to_string(i), seen[static_cast<std::size_t>(i)])));
  const std::int64_t grown = store->Stats().file_bytes;
  CHECK(grown > 300 * 20'000);
  int slices = 1;
  while (store->Compact()) REQUIRE(++slices < 1'000);
  CHECK(slices > 5);  // None of them did all of it.
  const StoreStats stats = store->Stats();
  CHECK(stats.file_bytes < 2'000'000);  // One object, ten removals and a spare MiB.
  CHECK(stats.objects == 1);
  CHECK(stats.superseded <= 20);  // Of the ten revisions that a watch may still ask for.
  CHECK(stats.revision == ResourceVersion{599});
  CHECK_FALSE(store->Compact());
  CHECK(store->OpenWatch(tests::kThings, {589}));
  store.reset();
  store = OpenStore(path, options);
  CHECK(store->revision() == ResourceVersion{599});
  CHECK(ValueOf(*store->Get(ThingKey("a0"))) == 0);
  CHECK(store->List(tests::kThings, "").items.size() == 1);
}

TEST_CASE("[ENGINE] store: compaction beside writers loses no write of theirs, and they leave nothing behind") {
  constexpr std::int64_t kWrites = 150;
  const tests::TempDir dir;
  const std::string path = dir / "store.db";
  auto store = OpenStore(path, {.history_max = 20, .watch_queue_max = 100'000});
  auto watch = store->OpenWatch(tests::kThings, {0});
  REQUIRE(watch);
  std::atomic<int> refused = 0;
  {
    const std::jthread compactor([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) store->Compact();
    });
    std::vector<std::jthread> writers;
    writers.reserve(kWriters);
    for (std::int64_t writer = 0; writer < kWriters; ++writer)
      writers.emplace_back([&, writer] {
        const std::string name = "w" + std::to_string(writer);
        ResourceVersion expected{};
        for (std::int64_t i = 0; i < kWrites; ++i) {
          const auto written = store->Commit(WriteThing(name, i, expected, std::string(4'000, 'x')));
          refused += written ? 0 : 1;
          if (written) expected = (*written)->resource_version;
        }
      });
    writers.clear();
  }
  CHECK(refused == 0);
  while (store->Compact()) {
  }
  CHECK(store->Stats().superseded <= 20);  // What a watch may still ask for.
  std::int64_t seen = 0;
  for (auto event = (*watch)->Next({}, {}); event && *event; event = (*watch)->Next({}, {})) ++seen;
  CHECK(seen == kWriters * kWrites);
  watch->reset();
  store.reset();
  store = OpenStore(path);
  CHECK(store->revision() == ResourceVersion{kWriters * kWrites});
  for (std::int64_t writer = 0; writer < kWriters; ++writer)
    CHECK(ValueOf(*store->Get(ThingKey("w" + std::to_string(writer)))) == kWrites - 1);
}

TEST_CASE("[ENGINE] store: a refused write forgets no row that compaction has before it") {
  // It once did: the rows stayed on disk until the next start.
  auto store = OpenStore(":memory:", {.history_max = 0, .batch_max = 1});
  REQUIRE(store->Commit(WriteThing("a", 0)));
  REQUIRE(store->Commit(WriteThing("a", 1, {1})));
  const std::size_t superseded = store->Stats().superseded;
  CHECK(superseded == 1);  // The first state: the commit that made it useless could not drop it yet.
  CHECK_FALSE(store->Commit(WriteThing("a", 2, {1})));
  CHECK(store->Stats().superseded == superseded);
  REQUIRE(store->Commit(WriteThing("b", 0)));
  CHECK(store->Stats().superseded == 0);
}

TEST_CASE("[ENGINE] store: counts what it holds and does") {
  auto store = OpenStore(":memory:");
  REQUIRE(store->Commit(WriteThing("a", 1)));
  REQUIRE(store->Commit(WriteThing("b", 1)));
  CHECK_FALSE(store->Commit(WriteThing("b", 1)));
  const auto watch = store->OpenWatch(tests::kThings, {0});
  const StoreStats stats = store->Stats();
  CHECK(stats.objects == 2);
  CHECK(stats.revision == ResourceVersion{2});
  CHECK(stats.commits == 2);  // The refused one touched no disk.
  CHECK(stats.failed_commits == 0);
  CHECK(stats.history == 2);
  CHECK(stats.watches == 1);
}

}  // namespace
}  // namespace reconciler
