// The Repository controller on the real git.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "api/v1/repository.h"
#include "controllers/repository/repository_controller.h"
#include "crds/catalog.h"
#include "host/box_paths.h"
#include "tests/host/git_world.h"
#include "tests/support/harness.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using api::v1::Repository;
using std::chrono::minutes;

/// The real engine and git, and an origin that a test pushes to.
struct Box : Harness {
  Box() : Harness(*crds::LoadCatalog()) {
    manager().Add(std::make_unique<controllers::RepositoryController>(world.git, paths), {.name = "repository"});
    fs::create_directories(paths.mirrors);
  }

  void Declare() {
    Put(Repository{.metadata = {.name = "slides"}, .spec = {.url = world.url}});
    Settle();
  }
  void Settle() { REQUIRE(ReconcileUntilIdle()); }
  /// Rings as the kernel does after a push, and lets everything come to rest.
  void Ring() {
    file_watch.Ring(world.origin + "/refs/heads/main");
    Settle();
  }
  void PassAnHour() {
    for (int i = 0; i < 12; ++i) {
      clock.Advance(minutes(5));
      Settle();
    }
  }
  api::v1::RepositoryStatus Status() { return Get<Repository>("slides")->status; }
  std::string Ready() { return ConditionOf<Repository>("slides"); }

  GitWorld world;
  host::BoxPaths paths = host::PathsOf(world.dir.Path(), "driver");
};

TEST_CASE("[HTB-08] repository: a push to a local origin is in the status at once") {
  Box box;
  box.Declare();
  CHECK(box.Ready() == "True Reconciled");  // Nothing was ever pushed: that is no failure.
  CHECK(box.Status().heads.empty());
  const std::string first = box.world.Push("main", {{"a", "1"}});
  box.Ring();
  CHECK(box.Status().heads == Branches{{"main", first}});
  const std::string second = box.world.Push("main", {{"a", "2"}});
  box.Ring();
  CHECK(box.Status().heads == Branches{{"main", second}});
  CHECK(box.Status().rewritten.empty());
}

TEST_CASE("[SEC-10] repository: a rewritten branch is named with what it lost, until it has that again") {
  Box box;
  box.world.Push("other", {{"o", "1"}});
  const std::string first = box.world.Push("main", {{"a", "1"}});
  box.Declare();
  const std::string lost = box.world.Push("main", {{"a", "2"}});
  box.Ring();
  CHECK(box.Status().rewritten.empty());

  box.world.Git({"reset", "-q", "--hard", first});
  box.world.Push("main", {{"a", "3"}});
  box.Ring();
  CHECK(box.Status().rewritten == Branches{{"main", lost}});
  CHECK(box.Ready() == "True Reconciled");  // The mirror is what it should be; who builds on it decides.
  box.PassAnHour();
  CHECK(box.Status().rewritten == Branches{{"main", lost}});
  box.world.Push("main", {{"a", "4"}});
  box.Ring();
  CHECK(box.Status().rewritten == Branches{{"main", lost}});

  box.world.Git({"merge", "-q", "-s", "ours", "-m", "bring it back", lost});
  box.world.Push("main", {});
  box.Ring();
  CHECK(box.Status().rewritten.empty());

  box.world.Git({"reset", "-q", "--hard", first});
  box.world.Push("main", {});  // Set back: nothing new, and something lost.
  box.Ring();
  CHECK(box.Status().rewritten.contains("main"));
  box.world.Git({"-C", box.world.origin, "update-ref", "-d", "refs/heads/main"});
  box.Ring();
  CHECK(box.Status().rewritten.empty());
}

TEST_CASE("[SEC-10] repository: another origin is no rewritten history") {
  Box box;
  box.world.Push("main", {{"a", "1"}});
  box.Declare();
  GitWorld elsewhere;
  const std::string head = elsewhere.Push("main", {{"b", "1"}});
  box.Put(Repository{.metadata = {.name = "slides"}, .spec = {.url = elsewhere.url}});
  box.Settle();
  CHECK(box.Status().heads == Branches{{"main", head}});
  CHECK(box.Status().url == elsewhere.url);
  CHECK(box.Status().rewritten.empty());
}

TEST_CASE("[HTB-08] repository: a branch that vanished is gone from the status, the others stay") {
  Box box;
  const std::string head = box.world.Push("main", {{"a", "1"}});
  box.world.Push("gone", {{"a", "1"}});
  box.Declare();
  CHECK(box.Status().heads.size() == 2);
  box.world.Git({"push", "-q", box.world.origin, ":refs/heads/gone"});
  box.Ring();
  CHECK(box.Status().heads == Branches{{"main", head}});
  CHECK(box.Ready() == "True Reconciled");
}

TEST_CASE("[SEC-60] repository: an origin that cannot be read, or read whole, keeps the heads") {
  Box box;
  box.world.Push("other", {{"a", "1"}});
  box.world.Push("main", {{"a", "1"}});
  box.Declare();
  const Branches heads = box.Status().heads;
  REQUIRE(heads.size() == 2);
  struct Row {
    const char* name;
    const char* file;
    const char* content;
  };
  for (const Row& row :
       {Row{"a branch is empty", "origin.git/refs/heads/main", ""},
        Row{"a branch names nothing", "origin.git/refs/heads/main", "garbage\n"},
        Row{"its commit is missing", "origin.git/refs/heads/main", "1111111111111111111111111111111111111111\n"}}) {
    CAPTURE(row.name);
    const std::string whole = box.world.dir.Read(row.file);
    box.world.dir.Write(row.file, row.content);
    box.Ring();
    CHECK(box.Ready().starts_with("False"));
    CHECK(box.Status().heads == heads);
    box.world.dir.Write(row.file, whole);
    box.PassAnHour();
    CHECK(box.Ready() == "True Reconciled");
  }
  fs::rename(box.world.origin, box.world.origin + ".away");
  box.PassAnHour();
  CHECK(box.Ready().starts_with("False"));
  CHECK(box.Status().heads == heads);
  fs::rename(box.world.origin + ".away", box.world.origin);
  box.PassAnHour();
  CHECK(box.Ready() == "True Reconciled");
}

TEST_CASE("[SEC-60] repository: a mirror that broke is mirrored anew, and the heads stay meanwhile") {
  Box box;
  box.world.Push("other", {{"a", "1"}});
  box.world.Push("main", {{"a", "1"}});
  box.Declare();
  const Branches heads = box.Status().heads;
  std::ofstream(box.paths.Mirror("slides") + "/refs/heads/main", std::ios::trunc) << "";
  box.PassAnHour();
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Status().heads == heads);
  CHECK(box.Status().rewritten.empty());
  CHECK(box.world.git.Heads(box.paths.Mirror("slides")).value_or({}) == heads);

  std::ofstream(box.paths.Mirror("slides") + "/refs/heads/main", std::ios::trunc) << "";
  box.Delete<Repository>("slides");
  box.Settle();
  CHECK_FALSE(box.Get<Repository>("slides"));
  CHECK_FALSE(fs::exists(box.paths.Mirror("slides")));
}

}  // namespace
}  // namespace tests
