#include "reconciler/path_watches.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/recorded_log.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;

/// Writes down who was woken.
struct Woken final : reconciler::Waker {
  void Wake(const reconciler::Request& request, std::string_view) override { names.push_back(request.name); }
  void WakeAll(std::string_view) override { names.emplace_back("all"); }

  std::vector<std::string> names;
};

/// The host's watch with a mind of its own: what it answers, and what happens while it is asked.
struct MoodyWatch final : host::FileWatch {
  Expected<void> Add(const std::string& directory, bool recursive, Changed changed) override {
    asked.push_back(directory + (recursive ? "/**" : ""));
    if (meanwhile) std::exchange(meanwhile, {})(changed);
    if (refusal) return *refusal;
    callbacks[directory] = std::move(changed);
    return {};
  }
  void Remove(const std::string& directory) override { callbacks.erase(directory); }
  void Run(std::stop_token) override {}

  std::vector<std::string> asked;
  std::function<void(const Changed&)> meanwhile;  ///< During the next Add.
  std::optional<Error> refusal;
  std::map<std::string, Changed> callbacks;
};

/// Two objects that look at one directory.
struct Bench {
  MoodyWatch host;
  Woken waker;
  reconciler::PathWatches watches{&host};
  reconciler::PathWatches::Watcher alice{&waker, reconciler::Request{"", "alice"}};
  reconciler::PathWatches::Watcher bob{&waker, reconciler::Request{"", "bob"}};
};

TEST_CASE("[ENGINE] path watches: a second look at a directory does not replace the host's watch and lose its hints") {
  Bench b;
  CHECK(b.watches.Add(b.alice, {.path = "/d"}));
  CHECK_FALSE(b.watches.Add(b.bob, {.path = "/d"}));
  CHECK_FALSE(b.watches.Add(b.alice, {.path = "/d"}));
  CHECK(b.host.asked == std::vector<std::string>{"/d"});
  b.host.callbacks.at("/d")("/d/file");
  CHECK(b.waker.names == std::vector<std::string>{"alice", "bob"});
}

TEST_CASE("[ENGINE] path watches: a controller may say whom a change is about") {
  Bench b;
  std::optional<std::vector<reconciler::Request>> whom;
  const auto ask = [&whom] { return whom; };
  REQUIRE(b.watches.Add({.waker = &b.waker}, {.path = "/etc", .entries = {"passwd"}, .whom = ask}));
  const auto told = [&b](const std::string& path) {
    b.waker.names.clear();
    b.host.callbacks.at("/etc")(path);
    return b.waker.names;
  };
  CHECK(told("/etc/passwd") == std::vector<std::string>{"all"});  // Not known.
  whom = {{"", "alice"}, {"", "bob"}};
  CHECK(told("/etc/passwd") == std::vector<std::string>{"alice", "bob"});
  CHECK(told("/etc/motd").empty());
  whom->clear();
  CHECK(told("/etc/passwd").empty());
  CHECK(told("/etc") == std::vector<std::string>{"all"});  // Changes may have been missed.
}

TEST_CASE("[ENGINE] path watches: who wants the whole tree gets a new watch, and is told that it is one") {
  Bench b;
  REQUIRE(b.watches.Add(b.alice, {.path = "/d"}));
  CHECK(b.watches.Add(b.bob, {.path = "/d", .is_recursive = true}));
  CHECK_FALSE(b.watches.Add(b.alice, {.path = "/d"}));  // The tree's covers the top.
  CHECK(b.host.asked == std::vector<std::string>{"/d", "/d/**"});
}

TEST_CASE("[ENGINE] path watches: a directory that goes while it is asked for is asked for again by the next look") {
  Bench b;
  REQUIRE(b.watches.Add(b.alice, {.path = "/d"}));
  b.host.callbacks.at("/d")("/d");  // It is gone; who looked is woken.
  CHECK(b.waker.names == std::vector<std::string>{"alice"});
  // It is back, is asked for, and goes again before the host has answered.
  b.host.meanwhile = [](const host::FileWatch::Changed& changed) { changed("/d"); };
  (void)b.watches.Add(b.alice, {.path = "/d"});
  CHECK(b.waker.names == std::vector<std::string>{"alice", "alice"});
  CHECK(b.watches.Add(b.bob, {.path = "/d"}));
  CHECK(b.host.asked.size() == 3);
  b.host.callbacks.at("/d")("/d/file");
  CHECK(b.waker.names.size() == 4);
}

TEST_CASE("[ENGINE] path watches: a directory that cannot be watched is warned of once, until it could be") {
  Bench b;
  const RecordedLog log;
  const auto warnings = [&] { return log.Count({"warning not watched, only rescanned", "directory=/d"}); };
  b.host.refusal = Error{Code::kUnavailable, "WatchLimit", "raise fs.inotify.max_user_watches"};
  for (int i = 0; i < 3; ++i) CHECK_FALSE(b.watches.Add(b.alice, {.path = "/d"}));
  CHECK_FALSE(b.watches.Add(b.bob, {.path = "/d"}));
  CHECK(b.host.asked.size() == 4);  // Asked again each time, for the limit may have been raised.
  CHECK(warnings() == 1);
  b.host.refusal.reset();
  CHECK(b.watches.Add(b.alice, {.path = "/d"}));
  b.host.callbacks.at("/d")("/d");
  b.host.refusal = Error{Code::kUnavailable, "WatchLimit", "raise fs.inotify.max_user_watches"};
  CHECK_FALSE(b.watches.Add(b.alice, {.path = "/d"}));
  CHECK(warnings() == 2);
  b.host.refusal = Error{Code::kNotFound, "NotFound", "no such directory"};
  CHECK_FALSE(b.watches.Add(b.bob, {.path = "/absent"}));
  CHECK(log.Count({"directory=/absent"}) == 0);  // Absent is no fault.
}

}  // namespace
}  // namespace tests
