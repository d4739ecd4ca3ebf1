// What only the forge in a folder can meet.
#include "host/localforge/local_forge.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/libgit2/git.h"
#include "host/linux/processes.h"
#include "host/localforge/status_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::CommitState;
using host::CommitStatus;

constexpr const char* kRepository = "lhumina_code/hero_team";
constexpr const char* kStatuses = "lhumina_code/hero_team.git/hero/statuses";

template <class T>
std::optional<Code> CodeOf(const api::Expected<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

struct World {
  tests::TempDir dir;
  tests::FakeClock clock;
  host::linux::SpawnedProcesses processes;
  host::libgit2::LibGit2Git git{processes, clock};
  host::localforge::LocalForge forge{dir.Path() + "/", git, clock};
  std::string commit;

  World() {
    REQUIRE(git.MakeFirstCommit(dir / "lhumina_code/hero_team.git", {{"README.md", "hi"}}));
    commit = git.Heads(dir / "lhumina_code/hero_team.git")->at("main");
  }
  api::Expected<void> Post(const std::string& context, const std::string& text = "") {
    return forge.PostStatus(kRepository, commit,
                            {.context = context, .state = CommitState::kSuccess, .description = text}, {});
  }
  std::vector<CommitStatus> Read() { return forge.Statuses(kRepository, commit, {}).value_or({}); }
};

TEST_CASE("[SEC-53] local forge: half a line that a power cut left is passed over, and the next status stands") {
  World world;
  REQUIRE(world.Post("a"));
  const std::string whole = world.dir.Read(kStatuses);
  for (const std::string& left : {whole.substr(0, whole.size() / 2), std::string("no json\n"), std::string(3, '\0'),
                                  std::string("{\"commit\":1}\n"), std::string("[]\n")}) {
    world.dir.Write(kStatuses, whole + left);
    CHECK(world.Read().size() == 1);
    REQUIRE(world.Post("b", "one"));
    CHECK(world.Read().size() == 2);
  }
}

TEST_CASE("[HTB-17] local forge: the file of statuses does not grow for ever, and the newest stay") {
  World world;
  REQUIRE(world.Post("first"));
  const std::string line = world.dir.Read(kStatuses);
  std::string many;
  while (many.size() + line.size() < host::localforge::StatusLog::kFileBytesMax) many += line;
  world.dir.Write(kStatuses, many);
  REQUIRE(world.Post("second"));
  CHECK(world.dir.Read(kStatuses).size() < many.size() / 2 + 2 * line.size());
  CHECK(world.Read().size() == 2);
  world.dir.Write(kStatuses, many + many);  // By somebody else.
  CHECK(CodeOf(world.forge.Statuses(kRepository, world.commit, {})) == Code::kUnavailable);
}

TEST_CASE("[SEC-49] local forge: no link leads out of the folder") {
  World world;
  tests::TempDir outside;
  REQUIRE(world.git.MakeFirstCommit(outside / "victim.git", {{"a", "1"}}));
  fs::create_directory_symlink(outside.Path(), world.dir / "linked");
  fs::create_directory_symlink(outside / "victim.git", world.dir / "lhumina_code/victim.git");
  for (const std::string name : {"linked/victim", "lhumina_code/victim"}) {
    CAPTURE(name);
    CHECK(CodeOf(world.forge.Statuses(name, world.commit, {})) == Code::kForbidden);
    CHECK(CodeOf(world.forge.EnsurePrivateRepository(name, {{"a", "1"}}, {})) == Code::kForbidden);
    CHECK(CodeOf(world.forge.EnsureCollaborator(name, "alice", {})) == Code::kForbidden);
  }
  fs::remove_all(world.dir / "lhumina_code/hero_team.git/hero");
  fs::create_directory_symlink(outside.Path(), world.dir / "lhumina_code/hero_team.git/hero");
  CHECK(CodeOf(world.Post("a")) == Code::kForbidden);
  fs::remove(world.dir / "lhumina_code/hero_team.git/hero");
  world.dir.MakeDirectory("lhumina_code/hero_team.git/hero");
  fs::create_symlink(outside / "statuses", world.dir / kStatuses);
  CHECK_FALSE(world.Post("a"));
  CHECK_FALSE(fs::exists(outside / "statuses"));
  CHECK_FALSE(fs::exists(outside / "victim.git/hero"));
}

TEST_CASE("[HTB-12] local forge: a private repository that was begun is completed, one by hand gets its first commit") {
  World world;
  world.dir.MakeDirectory("private/begun.git/objects");
  REQUIRE(world.forge.EnsurePrivateRepository("private/begun", {{"a", "1"}}, {}));
  CHECK(world.git.Heads(world.dir / "private/begun.git").value_or({}).size() == 1);

  const host::Command init{.argv = {"git", "init", "-q", "--bare", "-b", "trunk", world.dir / "private/empty.git"},
                           .environment = {{"PATH", "/usr/bin:/bin"}},
                           .deadline = std::chrono::seconds(60)};
  REQUIRE(world.processes.Run(init, {}));
  REQUIRE(world.forge.EnsurePrivateRepository("private/empty", {{"a", "1"}}, {}));
  CHECK(world.git.Heads(world.dir / "private/empty.git").value_or({}).contains("trunk"));
  CHECK((fs::status(world.dir / "private/empty.git").permissions() & fs::perms(0077)) == fs::perms::none);
}

TEST_CASE("[HTB-17] local forge: a folder that is not there is named") {
  tests::TempDir dir;
  tests::FakeClock clock;
  host::linux::SpawnedProcesses processes;
  host::libgit2::LibGit2Git git(processes, clock);
  host::localforge::LocalForge forge(dir / "nowhere", git, clock);
  const auto absent = forge.Statuses(kRepository, std::string(40, 'a'), {});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message.find(dir / "nowhere") != std::string::npos);
  CHECK(absent.error().reason != "NoSuchRepository");
}

TEST_CASE("[HTB-19] local forge: two processes post to one repository and lose nothing") {
  World world;
  constexpr int kEach = 50;
  const auto post_all = [&world](const std::string& who) {
    for (int i = 0; i < kEach; ++i) {
      // Who finds the other at it asks again, as a task does.
      for (auto posted = world.Post(who + std::to_string(i)); !posted; posted = world.Post(who + std::to_string(i))) {
        if (posted.error().reason != "ForgeBusy") return false;
        std::this_thread::yield();
      }
    }
    return true;
  };
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(post_all("child") ? 0 : 1);
  CHECK(post_all("parent"));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(world.Read().size() == 2 * kEach);
}

}  // namespace
