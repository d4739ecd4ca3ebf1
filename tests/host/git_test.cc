// Real repositories, made by the real git.
#include "host/git.h"

#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/libgit2/git.h"
#include "host/linux/clock.h"
#include "host/linux/processes.h"
#include "tests/host/git_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_git.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::TreeEntry;
using namespace std::chrono_literals;
using tests::Branches;
using tests::CodeOf;
using World = tests::GitWorld;

TEST_CASE("[HOST] git: heads are read packed and loose, with slashes, and straight from an origin") {
  World world;
  const std::string one = world.Push("main", {{"a", "1"}});
  world.Push("feature/x/y", {});
  world.Git({"-C", world.origin, "pack-refs", "--all"});
  const std::string two = world.Push("main", {{"a", "2"}});  // Loose again, over the packed one.
  const std::string three = world.Push("--upload-pack=touch${IFS}x", {});
  world.Git({"-C", world.origin, "symbolic-ref", "refs/heads/alias", "refs/heads/main"});
  world.Git({"-C", world.origin, "symbolic-ref", "refs/heads/dangling", "refs/heads/nowhere"});
  world.Git({"-C", world.origin, "tag", "v1", one});

  const Branches heads = world.HeadsOf(world.origin);
  CHECK(heads.size() == 4);
  CHECK(heads.at("main") == two);
  CHECK(heads.at("alias") == two);
  CHECK(heads.at("--upload-pack=touch${IFS}x") == three);
  CHECK(heads.contains("feature/x/y"));
}

TEST_CASE("[HOST] git: what is no repository is absent, what cannot be read is not") {
  World world;
  world.dir.MakeDirectory("empty");
  for (const std::string path : {"nowhere", "empty"})
    CHECK(CodeOf(world.git.Heads(world.dir / path)) == Code::kNotFound);
  world.Git({"init", "-q", "--bare", "--object-format=sha256", world.dir / "sha256.git"});
  const std::string sha256 = world.dir / "sha256.git";
  const std::string tree = world.Git({"-C", sha256, "hash-object", "-t", "tree", "-w", "/dev/null"});
  world.Git({"-C", sha256, "update-ref", "refs/heads/main", world.Git({"-C", sha256, "commit-tree", "-m", "x", tree})});
  CHECK(CodeOf(world.git.Heads(sha256)) == Code::kUnavailable);
  fs::create_directory_symlink("loop", world.dir / "loop");
  CHECK(CodeOf(world.git.Heads(world.dir / "loop")) == Code::kUnavailable);
}

TEST_CASE("[SEC-60] git: a branch that cannot be read is not taken for one that is gone") {
  World world;
  world.Push("main", {{"a", "1"}});
  for (const std::string broken :
       {"", "no id", "1111111111111111111111111111111111111111\n"}) {  // Power cuts leave the first.
    CAPTURE(broken);
    world.dir.Write("origin.git/refs/heads/main", broken);
    CHECK(CodeOf(world.git.Heads(world.origin)) == Code::kUnavailable);
  }
}

TEST_CASE("[HOST] git: repositories with the extensions that members' tools switch on can be read") {
  World world;
  const std::string head = world.Push("main", {{"a", "1"}});
  world.Git({"-C", world.origin, "config", "core.repositoryFormatVersion", "1"});
  world.Git({"-C", world.origin, "config", "extensions.worktreeConfig", "true"});
  CHECK(world.HeadsOf(world.origin).at("main") == head);
  world.Git({"-C", world.origin, "config", "extensions.partialClone", "origin"});
  CHECK(world.HeadsOf(world.origin).at("main") == head);
}

TEST_CASE("[HOST] git: a directory's entries are sorted by name and say what is a file") {
  World world;
  fs::create_symlink("README.md", world.dir / "work/link");
  world.dir.MakeDirectory("work/submodule");
  world.Git({"update-index", "--add", "--cacheinfo", "160000," + std::string(40, '1') + ",submodule"});
  const std::string head = world.Push("main", {{"README.md", "hi"},
                                               {"users/bob.toml", "b"},
                                               {"users/alice.toml", "a"},
                                               {"users/x/deep", "d"},
                                               {"users.toml", ""}});
  const auto top = world.git.ListTree(world.origin, head, "");
  REQUIRE(top);
  std::vector<std::pair<std::string, bool>> names;
  for (const TreeEntry& entry : *top) names.emplace_back(entry.name, entry.is_file);
  CHECK(names ==
        std::vector<std::pair<std::string, bool>>{
            {"README.md", true}, {"link", false}, {"submodule", false}, {"users", false}, {"users.toml", true}});

  const auto users = world.git.ListTree(world.origin, head, "users");
  REQUIRE(users);
  REQUIRE(users->size() == 3);
  CHECK((*users)[0].name == "alice.toml");
  CHECK((*users)[0].blob == world.Git({"rev-parse", "HEAD:users/alice.toml"}));
  CHECK((*users)[2] == TreeEntry{.name = "x", .blob = world.Git({"rev-parse", "HEAD:users/x"})});

  for (const std::string absent : {"nowhere", "users/nowhere", "README.md", "link"}) {
    CHECK(CodeOf(world.git.ListTree(world.origin, head, absent)) == Code::kNotFound);
  }
  CHECK(CodeOf(world.git.ListTree(world.origin, std::string(40, '1'), "")) == Code::kNotFound);
  CHECK(CodeOf(world.git.ListTree(world.origin, "main", "")) == Code::kInvalid);
}

TEST_CASE("[HOST] git: a blob is read whole, or not at all when it is too large") {
  World world;
  const std::string content = std::string("zero\0byte\n", 10);
  world.Push("main", {{"file", content}});
  const std::string blob = world.Git({"rev-parse", "HEAD:file"});
  CHECK(world.git.ReadBlob(world.origin, blob, 10).value_or("") == content);
  CHECK(CodeOf(world.git.ReadBlob(world.origin, blob, 9)) == Code::kInvalid);
  CHECK(CodeOf(world.git.ReadBlob(world.origin, std::string(40, '1'), 9)) == Code::kNotFound);
  CHECK(CodeOf(world.git.ReadBlob(world.origin, world.Git({"rev-parse", "HEAD"}), 9999)) == Code::kNotFound);
  CHECK(CodeOf(world.git.ReadBlob(world.origin, "HEAD:file", 9999)) == Code::kInvalid);
}

TEST_CASE("[SEC-10] git: a rewritten history does not contain what was there before") {
  World world;
  const std::string first = world.Push("main", {{"a", "1"}});
  const std::string second = world.Push("main", {{"a", "2"}});
  world.Git({"reset", "-q", "--hard", first});
  const std::string rewritten = world.Push("main", {{"a", "3"}});
  CHECK(world.git.Contains(world.origin, second, first).value_or(false));
  CHECK(world.git.Contains(world.origin, second, second).value_or(false));
  CHECK_FALSE(world.git.Contains(world.origin, first, second).value_or(true));
  CHECK_FALSE(world.git.Contains(world.origin, rewritten, second).value_or(true));
  CHECK(CodeOf(world.git.Contains(world.origin, rewritten, std::string(40, '1'))) == Code::kNotFound);
  CHECK(CodeOf(world.git.Contains(world.origin, std::string(40, '1'), first)) == Code::kNotFound);
}

TEST_CASE("[HOST] git: a mirror holds exactly the origin's branches, whatever they become") {
  World world;
  struct Row {
    std::string name;
    std::function<void()> act;
  };
  const Row rows[] = {
      {"no commit yet", [] {}},
      {"first branches",
       [&] {
         world.Push("main", {{"a", "1"}}), world.Push("feature/x", {});
       }},
      {"nothing new", [] {}},
      {"moved",
       [&] {
         world.Push("main", {{"a", "2"}});
       }},
      {"rewritten",
       [&] {
         world.Git({"reset", "-q", "--hard", "HEAD~1"}), world.Push("main", {{"a", "3"}});
       }},
      {"vanished",
       [&] {
         world.Git({"-C", world.origin, "update-ref", "-d", "refs/heads/feature/x"});
       }},
      {"a file becomes a directory",
       [&] {
         world.Push("topic", {});
         REQUIRE(world.Fetch());
         world.Git({"-C", world.origin, "update-ref", "-d", "refs/heads/topic"});
         world.Push("topic/a", {{"b", "1"}});
       }},
      {"and back",
       [&] {
         world.Git({"-C", world.origin, "update-ref", "-d", "refs/heads/topic/a"});
         world.Push("topic", {{"b", "2"}});
       }},
      {"hostile names",
       [&] { world.Push("--upload-pack=touch${IFS}x", {}), world.Push("$(id)", {}), world.Push("ünï", {}); }},
      {"tags are left",
       [&] {
         world.Git({"-C", world.origin, "tag", "v1", world.Push("main", {})});
       }},
      {"emptied",
       [&] {
         for (const auto& [branch, commit] : world.HeadsOf(world.origin)) {
           world.Git({"-C", world.origin, "update-ref", "-d", "refs/heads/" + branch});
         }
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    row.act();
    const auto fetched = world.Fetch();
    INFO((fetched ? "" : fetched.error().message));
    REQUIRE(fetched);
    CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
    CHECK_FALSE(fs::exists(world.mirror + "/refs/tags/v1"));
  }
}

TEST_CASE("[HOST] git: objects come as packs, which read faster than loose ones") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(world.mirror + "/objects")) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"info", "pack"});
}

TEST_CASE("[SEC-60] git: a failed fetch leaves the branches and says git's reason") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  const Branches before = world.HeadsOf(world.mirror);
  fs::rename(world.origin, world.dir / "moved.git");
  const auto gone = world.Fetch();
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == Code::kUnavailable);
  CHECK(gone.error().message ==
        "fetch " + world.url + ": '" + world.origin + "' does not appear to be a git repository");
  CHECK(world.HeadsOf(world.mirror) == before);

  world.dir.Write("origin.git", "no repository");
  CHECK(CodeOf(world.Fetch()) == Code::kUnavailable);
  CHECK(world.HeadsOf(world.mirror) == before);
}

TEST_CASE("[SEC-60] git: one branch that cannot be written leaves all of them") {
  World world;
  world.Push("a", {{"a", "1"}});
  world.Push("b", {});
  REQUIRE(world.Fetch());
  const Branches before = world.HeadsOf(world.mirror);
  world.Push("a", {{"a", "2"}});
  world.Push("b", {});
  world.dir.Write("mirror.git/refs/heads/b.lock", "");  // As if another git were at it.
  const auto failed = world.Fetch();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::kUnavailable);
  CHECK(world.HeadsOf(world.mirror) == before);
}

TEST_CASE("[SEC-53] git: what a killed run left does not stop the next one") {
  World world;
  world.Push("main", {{"a", "1"}});
  world.dir.MakeDirectory("mirror.git/refs");  // Ended within git init.
  REQUIRE(world.Fetch());
  world.Push("main", {{"a", "2"}});
  for (const std::string lock : {"mirror.git/refs/heads/main.lock", "mirror.git/packed-refs.lock"}) {
    world.dir.Write(lock, "");
    fs::last_write_time(world.dir / lock, fs::file_time_type::clock::now() - 1h);
  }
  REQUIRE(world.Fetch());
  CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
}

TEST_CASE("[SEC-51] git: other protocols, options and secrets in a URL are refused; hooks do not run") {
  World world;
  world.Push("main", {{"a", "1"}});
  for (const std::string url :
       {"", "--upload-pack=touch x", "ext::sh -c id", "ssh://host/x", "git://host/x", "http://host/x", "/tmp/x",
        "host:x", "https://", "https://token@host/x", "https://user:token@host/x", "file://host/x", "file:///x\ny"}) {
    CAPTURE(url);
    const auto refused = world.git.Fetch(url, world.mirror, {}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kInvalid);
    CHECK(refused.error().message.find("token@") == std::string::npos);
  }
  CHECK(CodeOf(world.git.Fetch(world.url, "mirror.git", {}, {})) == Code::kInvalid);
  CHECK_FALSE(fs::exists(world.mirror));

  REQUIRE(world.Fetch());
  const std::string hook =
      world.dir.Write("mirror.git/hooks/reference-transaction", "#!/bin/sh\ntouch " + (world.dir / "ran") + "\n");
  fs::permissions(hook, fs::perms::owner_all);
  world.Push("main", {{"a", "2"}});
  REQUIRE(world.Fetch());
  CHECK_FALSE(fs::exists(world.dir / "ran"));
}

TEST_CASE("[HOST] git: an origin that belongs to somebody else is read, and nothing else becomes trusted by that") {
  if (::geteuid() != 0) return;  // Only root can give a repository away.
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(::chmod(world.dir.Path().c_str(), 0755) == 0);
  for (const auto& entry : fs::recursive_directory_iterator(world.origin))
    REQUIRE(::lchown(entry.path().c_str(), 65534, 65534) == 0);
  REQUIRE(::chown(world.origin.c_str(), 65534, 65534) == 0);
  const auto fetched = world.Fetch();
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  CHECK(world.git.Heads(world.mirror).value_or({}) == world.git.Heads(world.origin).value_or({{"no", "heads"}}));
  CHECK(world.dir.Read("mirror.git/hero-safe-directory").find("directory = \"" + world.origin + "\"\n") !=
        std::string::npos);
}

/// Hangs as a silent server does, and remembers what it was asked to run.
class HangingProcesses final : public host::Processes {
 public:
  api::Expected<host::Finished> Run(const host::Command& command, std::stop_token stop) override {
    if (command.argv.back().starts_with("/")) return real_.Run(command, stop);  // git init
    host::Command hang = command;
    hang.argv = {"tail", "-f", "/dev/null"};
    asked = command;
    begun.set_value();
    return real_.Run(hang, stop);
  }

  host::Command asked;
  std::promise<void> begun;

 private:
  host::linux::SpawnedProcesses real_;
};

/// A git that is killed while it holds the lock of a branch.
class KilledProcesses final : public host::Processes {
 public:
  explicit KilledProcesses(const World& world) : world_(world) {}

  api::Expected<host::Finished> Run(const host::Command&, std::stop_token) override {
    world_.dir.Write("mirror.git/refs/heads/main.lock", "");
    return api::Error{Code::kUnavailable, "Stopped", "ended because we are stopping"};
  }

 private:
  const World& world_;
};

TEST_CASE("[SEC-53] git: the locks of a fetch that we killed are gone with it, not two minutes later") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  KilledProcesses killed(world);
  host::libgit2::LibGit2Git git(killed, world.clock);
  REQUIRE_FALSE(git.Fetch(world.url, world.mirror, {}, {}));
  CHECK_FALSE(fs::exists(world.dir / "mirror.git/refs/heads/main.lock"));
  world.Push("main", {{"a", "2"}});
  CHECK(world.Fetch());
}

TEST_CASE("[HOST] git: a fetch ends at its deadline, and when we stop") {
  World world;
  {
    HangingProcesses hanging;
    host::libgit2::LibGit2Git git(hanging, world.clock);
    const auto late = git.Fetch(world.url, world.mirror, {.deadline = 200ms}, {});
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Code::kTimeout);
    CHECK(hanging.asked.deadline <= 200ms);
    CHECK(hanging.asked.environment.at("GIT_TERMINAL_PROMPT") == "0");
  }
  HangingProcesses hanging;
  host::libgit2::LibGit2Git git(hanging, world.clock);
  std::stop_source stop;
  auto running =
      std::async(std::launch::async, [&] { return git.Fetch(world.url, world.mirror, {}, stop.get_token()); });
  hanging.begun.get_future().wait();
  stop.request_stop();
  REQUIRE(running.wait_for(60s) == std::future_status::ready);
  CHECK(CodeOf(running.get()) == Code::kUnavailable);
}

TEST_CASE("[HOST] git: readers and a fetch at the same time") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  std::jthread fetcher([&] {
    for (int i = 0; i < 5; ++i) CHECK(world.Fetch());
  });
  std::vector<std::jthread> readers;
  readers.reserve(4);
  for (int t = 0; t < 4; ++t) {
    readers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto heads = world.git.Heads(world.mirror);
        REQUIRE(heads);
        CHECK(world.git.ListTree(world.mirror, heads->at("main"), ""));
      }
    });
  }
}

TEST_CASE("[HTB-12] git: a first commit is made once, readable by git itself") {
  World world;
  const std::string path = world.dir / "below/secrets.git";
  CHECK(world.git.MakeFirstCommit(path, {{"a/b/c", "deep"}, {"d", std::string("\0", 1)}}).value_or(false));
  CHECK(world.Git({"-C", path, "fsck", "--strict", "--no-progress"}).empty());
  CHECK(world.Git({"-C", path, "show", "main:a/b/c"}) == "deep");
  CHECK(world.Git({"-C", path, "symbolic-ref", "HEAD"}) == "refs/heads/main");
  CHECK_FALSE(world.git.MakeFirstCommit(path, {{"other", ""}}).value_or(true));
  CHECK(world.Git({"-C", path, "rev-list", "--count", "main"}) == "1");
  for (const std::string wrong : {"../x", "a//b", ".git/config", "/etc/x"}) {
    CAPTURE(wrong);
    CHECK(CodeOf(world.git.MakeFirstCommit(world.dir / "other.git", {{wrong, "x"}})) == Code::kInvalid);
  }
  CHECK(CodeOf(world.git.MakeFirstCommit("below/relative.git", {{"a", "1"}})) == Code::kInvalid);
}

TEST_CASE("[SEC-53] git: what a run that was killed in the first commit left does not stop the next one") {
  World world;
  const std::string path = world.dir / "secrets.git";
  REQUIRE(world.Git({"init", "--quiet", "--bare", "--initial-branch=main", path}).empty());
  for (const std::string lock : {"secrets.git/refs/heads/main.lock", "secrets.git/HEAD.lock"}) {
    world.dir.Write(lock, "");
    fs::last_write_time(world.dir / lock, fs::file_time_type::clock::now() - 6s);
  }
  CHECK(world.git.MakeFirstCommit(path, {{"a", "1"}}).value_or(false));
  CHECK(world.Git({"-C", path, "rev-list", "--count", "main"}) == "1");
}

TEST_CASE("[HOST] fake git: writes are counted and the nth call fails") {
  tests::FakeGit git;
  git.Make("file:///origin");
  REQUIRE(git.Fetch("file:///origin", "/mirror", {}, {}));
  const std::string first = git.Commit("file:///origin", "main", {{"a", "1"}});
  CHECK(git.Heads("/mirror").value_or({{"no", "heads"}}).empty());
  REQUIRE(git.Fetch("file:///origin", "/mirror", {}, {}));
  CHECK(git.MakeFirstCommit("/made", {{"a", "1"}}).value_or(false));
  git.SetHead("file:///origin", "main", "");
  git.FailNth(1, {Code::kTimeout, "Broken", "too slow"});
  CHECK(CodeOf(git.Fetch("file:///origin", "/mirror", {}, {})) == Code::kTimeout);
  CHECK(git.Heads("/mirror").value_or({}) == Branches{{"main", first}});
  CHECK(git.writes() == 3);
}

}  // namespace
