// Writes a second of reconciler::Store beside raw fdatasync of 4 KB, in one run on one disk. For docs/adr/0003. From
// the top of the tree:
//   g++ -std=c++20 -O2 -I. docs/adr/measure/store_writes.cc reconciler/{store,database,event_queue,draft}.cc
//     api/meta/{expected,json,object}.cc api/codec/{json,number,text,time,names,object,fields}.cc -lsqlite3 -lcrypto
//     -lpthread -o /tmp/store_writes
//   /tmp/store_writes DIRECTORY
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "reconciler/store.h"

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSpan{3};

api::Object Sample(int writer, int number) {
  api::Object object{.api_version = "hero.dev/v1", .kind = "User"};
  object.metadata.name = "user-" + std::to_string(writer);
  object.metadata.uid = {"00000000-0000-4000-8000-000000000000"};
  object.body["spec"]["number"] = number;
  object.body["spec"]["keys"] = std::string(1800, 'k');  // Some 2 KB in all.
  return object;
}

void Print(const char* what, int writers, std::vector<double> took_ms, double seconds) {
  std::sort(took_ms.begin(), took_ms.end());
  std::printf("%-14s writers %3d  %8.0f /s  p50 %6.2f ms  p99 %6.2f ms\n", what, writers, took_ms.size() / seconds,
              took_ms[took_ms.size() / 2], took_ms[took_ms.size() * 99 / 100]);
}

void Raw(const std::string& directory) {
  const int fd = open((directory + "/raw").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const std::string block(4096, 'x');
  std::vector<double> took_ms;
  const auto began = Clock::now();
  while (Clock::now() - began < kSpan) {
    const auto from = Clock::now();
    if (write(fd, block.data(), block.size()) != 4096 || fdatasync(fd) != 0) return;
    took_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - from).count());
  }
  close(fd);
  Print("raw fdatasync", 1, took_ms, std::chrono::duration<double>(Clock::now() - began).count());
}

void Shared(const std::string& directory, int writers) {
  std::filesystem::remove(directory + "/store.db");
  auto store = reconciler::Store::Open({.path = directory + "/store.db"});
  std::vector<std::vector<double>> took_ms(static_cast<std::size_t>(writers));
  std::vector<std::jthread> threads;
  const auto began = Clock::now();
  for (int writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] {
      const api::ObjectKey key{"users.hero.dev", "", "user-" + std::to_string(writer)};
      api::ResourceVersion seen{};
      for (int number = 0; Clock::now() - began < kSpan; ++number) {
        const auto from = Clock::now();
        auto saved = (*store)->Commit({.draft = reconciler::MakeDraft(key, Sample(writer, number)), .expected = seen});
        if (!saved) return;
        seen = (*saved)->resource_version;
        took_ms[static_cast<std::size_t>(writer)].push_back(
            std::chrono::duration<double, std::milli>(Clock::now() - from).count());
      }
    });
  threads.clear();
  std::vector<double> all;
  for (const auto& each : took_ms) all.insert(all.end(), each.begin(), each.end());
  Print("store commit", writers, all, std::chrono::duration<double>(Clock::now() - began).count());
  std::printf("%-14s file %5.1f MB\n", "",
              static_cast<double>(std::filesystem::file_size(directory + "/store.db")) / 1e6);
}

// Leaves many superseded rows behind by full batches, then shows what one writer pays while its commits drop 100 each.
void Compaction(const std::string& directory) {
  std::filesystem::remove(directory + "/store.db");
  auto store = reconciler::Store::Open({.path = directory + "/store.db"});
  const auto write = [&](int writer, int number, api::ResourceVersion& seen) {
    const api::ObjectKey key{"users.hero.dev", "", "user-" + std::to_string(writer)};
    auto saved = (*store)->Commit({.draft = reconciler::MakeDraft(key, Sample(writer, number)), .expected = seen});
    if (saved) seen = (*saved)->resource_version;
  };
  const auto alone = [&](const char* what, int writer) {
    api::ResourceVersion seen{};
    std::vector<double> took_ms;
    const auto began = Clock::now();
    for (int number = 0; number < 100; ++number) {
      const auto from = Clock::now();
      write(writer, number, seen);
      took_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - from).count());
    }
    Print(what, 1, took_ms, std::chrono::duration<double>(Clock::now() - began).count());
  };
  alone("drops none", 1000);
  std::vector<std::jthread> threads;
  for (int writer = 0; writer < 256; ++writer)
    threads.emplace_back([&, writer] {
      api::ResourceVersion seen{};
      for (int number = 0; number < 400; ++number) write(writer, number, seen);
    });
  threads.clear();
  alone("drops 100 each", 1001);
}

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : ".";
  std::filesystem::create_directories(directory);
  for (const int writers : {1, 4, 16, 64, 128}) {
    Raw(directory);
    Shared(directory, writers);
  }
  Compaction(directory);
}
