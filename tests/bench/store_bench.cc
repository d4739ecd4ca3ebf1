// reconciler::Store beside raw fdatasync, in one run on one disk. store_bench DIRECTORY
#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <malloc.h>

#include "reconciler/store.h"
#include "tests/bench/bench.h"

namespace {

using api::ResourceVersion;
using reconciler::Store;

constexpr const char* kResource = "users.hero.dev";
constexpr std::size_t kMany = 100'000;
constexpr int kWrites = 2'000;  // A few seconds on a slow disk, and a p99 of twenty values.

api::ObjectKey KeyOf(std::size_t number) { return {kResource, "", "user-" + std::to_string(100'000 + number)}; }

/// Some 2 KB, as a member with keys, conditions and managed fields has.
reconciler::Mutation Write(std::size_t number, int generation, ResourceVersion expected) {
  api::Object object{.api_version = "hero.dev/v1", .kind = "User"};
  object.metadata.name = KeyOf(number).name;
  object.metadata.uid = {"00000000-0000-4000-8000-000000" + std::to_string(100'000 + number)};
  object.metadata.generation = {generation};
  object.metadata.labels = {{"team", "hero"}};
  object.body["spec"]["keys"] = std::string(1'600, 'k');
  object.body["spec"]["generation"] = generation;
  return {.draft = reconciler::MakeDraft(KeyOf(number), object), .expected = expected};
}

std::unique_ptr<Store> OpenAt(const std::string& path) {
  auto store = Store::Open({.path = path});
  if (!store) {
    std::fprintf(stderr, "store_bench: %s\n", store.error().message.c_str());
    std::exit(1);
  }
  return *std::move(store);
}

ResourceVersion MustCommit(Store& store, reconciler::Mutation mutation) {
  auto written = store.Commit(std::move(mutation));
  if (!written) {
    std::fprintf(stderr, "store_bench: %s\n", written.error().message.c_str());
    std::exit(1);
  }
  return (*written)->resource_version;
}

double MebibytesResident() { return bench::KibOfProcess(::getpid(), "status", "VmRSS:") / 1'024; }

/// One writer's put, the event it causes, and the disk alone, in turn: the disk changes its mind within seconds.
void Puts(const std::string& directory) {
  auto store = OpenAt(directory + "/put.db");
  auto watch = store->OpenWatch(kResource, {0});
  const int fd = ::open((directory + "/raw").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const std::string block(4'096, 'x');
  std::vector<double> put;
  std::vector<double> event;
  std::vector<double> get;
  std::vector<double> raw;
  ResourceVersion seen{};
  for (int i = 0; i < kWrites; ++i) {
    auto began = bench::Clock::now();
    if (::write(fd, block.data(), block.size()) != 4'096 || ::fdatasync(fd) != 0) std::exit(1);
    raw.push_back(bench::MillisecondsSince(began));
    reconciler::Mutation mutation = Write(0, i, seen);
    began = bench::Clock::now();
    seen = MustCommit(*store, std::move(mutation));
    put.push_back(bench::MillisecondsSince(began));
    while (true) {
      const auto next = (*watch)->Next(std::chrono::milliseconds(100), {});
      if (next && *next) break;
    }
    event.push_back(bench::MillisecondsSince(began));
    began = bench::Clock::now();
    if (!store->Get(KeyOf(0))) std::exit(1);
    get.push_back(bench::MillisecondsSince(began));
  }
  ::close(fd);
  bench::Print("raw-fdatasync-p50", bench::Percentile(raw, 0.5), "ms");
  bench::Print("raw-fdatasync-p99", bench::Percentile(raw, 0.99), "ms");
  bench::Print("store-put-over-raw", bench::Percentile(put, 0.99) / bench::Percentile(raw, 0.99), "x");
  bench::Print("store-put-p50", bench::Percentile(put, 0.5), "ms");
  bench::Print("store-put-p99", bench::Percentile(put, 0.99), "ms");
  bench::Print("store-event-p99", bench::Percentile(event, 0.99), "ms");
  bench::Print("store-get-p99", bench::Percentile(get, 0.99), "ms");
}

/// Writes that so many writers get done in half a second.
double WritesIn(Store& store, std::size_t writers, std::vector<ResourceVersion>& seen) {
  std::atomic<int> writes = 0;
  const auto began = bench::Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t writer = 0; writer < writers; ++writer)
      threads.emplace_back([&, writer] {
        reconciler::Mutation mutation = Write(writer, 1, {});  // Made once: making text is no part of a commit.
        for (; bench::SecondsSince(began) < 0.5; ++writes) {
          mutation.expected = seen[writer];
          seen[writer] = MustCommit(store, mutation);
        }
      });
  }
  return writes / bench::SecondsSince(began);
}

/// One writer and 64 in turn, because the disk changes its speed meanwhile.
void GroupCommit(const std::string& path) {
  constexpr std::size_t kWriters = 64;
  constexpr int kTurns = 6;
  auto store = OpenAt(path);
  std::vector<ResourceVersion> seen(kWriters);
  double alone = 0;
  double together = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    alone += WritesIn(*store, 1, seen) / kTurns;
    together += WritesIn(*store, kWriters, seen) / kTurns;
  }
  bench::Print("store-writes-alone", alone, "/s");
  bench::Print("store-writes-64-writers", together, "/s");
  bench::Print("store-group-commit", together / alone, "x");
}

/// What a list of all takes, joined to one body for the wire; so many times.
std::vector<double> TimesOfList(const Store& store, std::size_t objects, int times) {
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto began = bench::Clock::now();
    const auto list = store.List(kResource, "");
    std::string text;
    std::size_t size = 0;
    for (const auto& item : list.items) size += item->text.size() + 1;
    text.reserve(size);
    for (const auto& item : list.items) text.append(item->text).append(",");
    took.push_back(bench::MillisecondsSince(began));
    if (text.size() < objects * 1'600) std::exit(1);
  }
  return took;
}

void List() {
  constexpr std::size_t kObjects = 2'000;
  auto store = OpenAt(":memory:");
  for (std::size_t i = 0; i < kObjects; ++i) MustCommit(*store, Write(i, 1, {}));
  bench::Print("list-2000", bench::Percentile(TimesOfList(*store, kObjects, 200), 0.99), "ms");
}

/// From the call of Commit to the moment when each of a thousand watches was told; no disk.
void FanOut() {
  auto store = OpenAt(":memory:");
  std::vector<std::unique_ptr<reconciler::Watch>> watches;
  std::vector<double> took;
  bench::Clock::time_point began;
  for (int i = 0; i < 1'000; ++i) {
    watches.push_back(*store->OpenWatch(kResource, {0}));
    watches.back()->SetNotify([&] { took.push_back(bench::MillisecondsSince(began)); });
  }
  ResourceVersion seen{};
  for (int i = 0; i < 50; ++i) {
    reconciler::Mutation mutation = Write(0, i, seen);
    began = bench::Clock::now();
    seen = MustCommit(*store, std::move(mutation));
    for (const auto& watch : watches)
      if (const auto next = watch->Next(std::chrono::milliseconds(0), {}); !next || !*next) std::exit(1);
  }
  bench::Print("watchers-1000-in-process-p99", bench::Percentile(took, 0.99), "ms");
  for (const auto& watch : watches) watch->SetNotify({});
}

struct PutTimes {
  double p99 = 0;  // Milliseconds.
  double max = 0;
  int count = 0;
};

/// One writer, while `goes_on` says so.
template <class GoesOn>
PutTimes PutWhile(Store& store, std::vector<ResourceVersion>& seen, GoesOn goes_on) {
  std::vector<double> took;
  for (std::size_t i = 0; goes_on(took.size()); i = (i + 1) % seen.size()) {
    reconciler::Mutation mutation = Write(i, 2, seen[i]);
    const auto began = bench::Clock::now();
    seen[i] = MustCommit(store, std::move(mutation));
    took.push_back(bench::MillisecondsSince(began));
  }
  return {bench::Percentile(took, 0.99), bench::Percentile(took, 1), static_cast<int>(took.size())};
}

/// How long writes wait for a compaction that has 50 000 old states before it and never rests; herod's rests for a
/// second after each slice.
void CompactionPause(const std::string& path) {
  constexpr std::size_t kObjects = 1'000;
  constexpr std::size_t kRounds = 50;
  constexpr std::size_t kWriters = 64;
  std::vector<ResourceVersion> seen(kObjects);
  {
    auto keeper = Store::Open({.path = path, .history_max = kObjects * kRounds * 2, .history_bytes_max = 1u << 30});
    if (!keeper) std::exit(1);
    {
      std::vector<std::jthread> threads;
      for (std::size_t writer = 0; writer < kWriters; ++writer)
        threads.emplace_back([&, writer] {
          for (std::size_t round = 0; round <= kRounds; ++round)
            for (std::size_t i = writer; i < kObjects; i += kWriters)
              seen[i] = MustCommit(**keeper, Write(i, static_cast<int>(round), seen[i]));
        });
    }
    const PutTimes quiet = PutWhile(**keeper, seen, [](std::size_t done) { return done < kObjects; });
    bench::Print("compaction-none-put-p99", quiet.p99, "ms");
    bench::Print("compaction-none-put-max", quiet.max, "ms");
  }
  auto store = OpenAt(path);
  std::atomic<bool> is_done = false;
  const auto began = bench::Clock::now();
  const std::jthread compactor([&] {
    while (store->Compact()) std::this_thread::yield();
    is_done = true;
  });
  const PutTimes busy = PutWhile(*store, seen, [&](std::size_t) { return !is_done; });
  bench::Print("compaction", bench::SecondsSince(began), "s");
  bench::Print("compaction-puts", busy.count, "");
  bench::Print("compaction-put-p99", busy.p99, "ms");
  bench::Print("compaction-put-max", busy.max, "ms");
}

/// In a process of its own, so that nothing else is resident.
void Reopen(const std::string& path) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) ::execl("/proc/self/exe", "store_bench", "--reopen", path.c_str(), nullptr);
  int status = 0;
  ::waitpid(child, &status, 0);
}

void Hundredthousand(const std::string& path) {
  constexpr std::size_t kWriters = 64;
  auto store = OpenAt(path);
  const auto all = [&](const auto& each) {
    std::vector<std::jthread> threads;
    for (std::size_t writer = 0; writer < kWriters; ++writer)
      threads.emplace_back([&, writer] {
        for (std::size_t i = writer; i < kMany; i += kWriters) each(i);
      });
  };
  std::vector<ResourceVersion> seen(kMany);
  const auto create = [&](std::size_t i) { seen[i] = MustCommit(*store, Write(i, 1, {})); };
  const auto remove = [&](std::size_t i) {
    reconciler::Mutation mutation = Write(i, 1, seen[i]);
    mutation.is_removal = true;
    MustCommit(*store, std::move(mutation));
  };
  const auto began = bench::Clock::now();
  all(create);
  bench::Print("objects-100000-create", bench::SecondsSince(began), "s");
  store.reset();
  Reopen(path);
  store = OpenAt(path);
  // The first cycle spreads the objects over the heaps of 64 threads; from then on nothing may grow.
  const auto cycle = [&] {
    all(remove);
    all(create);
    ::malloc_trim(0);  // What is free in the heap is no growth of ours.
    return MebibytesResident();
  };
  const double first = cycle();
  for (int i = 0; i < 2; ++i) cycle();
  bench::Print("objects-100000-after-cycles", first, "MiB");
  bench::Print("objects-100000-growth", cycle() - first, "MiB");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--reopen") {
    const auto began = bench::Clock::now();
    const auto store = OpenAt(argv[2]);
    bench::Print("objects-100000-start", bench::SecondsSince(began), "s");
    bench::Print("objects-100000-resident", MebibytesResident(), "MiB");
    bench::Print("objects-100000-private", bench::PrivateKib(::getpid()) / 1'024, "MiB");
    bench::Print("list-100000", bench::Percentile(TimesOfList(*store, kMany, 5), 0.5), "ms");
    return 0;
  }
  const std::string directory = argc > 1 ? argv[1] : ".";
  std::filesystem::create_directories(directory);
  Puts(directory);
  GroupCommit(directory + "/group.db");
  List();
  FanOut();
  CompactionPause(directory + "/compaction.db");
  Hundredthousand(directory + "/many.db");
}
