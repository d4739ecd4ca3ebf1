// Makes 100 accounts from nothing, one after the other and by 16 threads. For docs/adr/0007. From the top of the tree:
//   g++ -std=c++20 -O2 -I. docs/adr/measure/accounts.cc host/passwd/{accounts,account_*,text_table}.cc
//     host/linux/{files,clock,entropy}.cc api/meta/{expected,json,object}.cc -lpthread -o /tmp/accounts
//   /tmp/accounts DIRECTORY
// and beside it, with passwd, group and shadow copied there before:
//   time sh -c 'for i in $(seq 100); do useradd -P DIRECTORY -K UID_MIN=20000 -K UID_MAX=29999 "m$i"; done'
#include "host/passwd/accounts.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "host/linux/clock.h"

constexpr int kAccounts = 100;

void Make(const std::string& etc, int threads) {
  std::filesystem::remove_all(etc);
  const host::linux::SystemClock clock;
  host::passwd::FileAccounts accounts(etc, clock, {.makes_missing_files = true});
  const auto ensure_all = [&](int first) {
    for (int i = first; i < kAccounts; i += threads) {
      const std::string name = "m" + std::to_string(i);
      const host::AccountWish wish{
          .name = name, .home = "/home/" + name, .shell = "/bin/bash", .groups = {"hero"}, .managed_groups = {"hero"}};
      if (!accounts.Ensure(wish)) std::printf("refused: %s\n", name.c_str());
    }
  };
  for (const char* what : {"from nothing", "nothing to do"}) {
    const auto rewrites = accounts.Rewrites();
    const auto began = std::chrono::steady_clock::now();
    {
      std::vector<std::jthread> workers;
      for (int first = 0; first < threads; ++first) workers.emplace_back(ensure_all, first);
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::printf("%2d threads, %s: %.0f ms, %ld rewrites\n", threads, what, took.count(),
                static_cast<long>(accounts.Rewrites() - rewrites));
  }
}

int main(int argc, char** argv) {
  const std::string etc = std::string(argc > 1 ? argv[1] : ".") + "/etc";
  Make(etc, 1);
  Make(etc, 16);
}
