// A Team on real git: what only a real repository can be or hold.
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"
#include "tests/host/git_world.h"
#include "tests/support/ssh_signer.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using api::v1::Team;
using api::v1::User;

/// The real engine and git with the controllers of Team and Repository, on a hero_team that a test pushes to.
struct TeamBox : Harness {
  explicit TeamBox(const std::string& signers = "") : Harness(*crds::LoadCatalog()) {
    manager().Add(
        std::make_unique<controllers::TeamController>(
            controllers::TeamSeams{.git = world.git, .sync = sync, .numbers = accounts}, paths,
            controllers::TeamRules{.users = {.assignable_groups = {"developers"}, .check = BoxHarness::CheckSpec},
                                   .manifests = {.orgs = {"lhumina_code"}},
                                   .signers = signers.empty() ? "" : world.dir / signers}),
        {.name = "team", .workers = 1, .has_finalizer = false});
    manager().Add(std::make_unique<controllers::RepositoryController>(world.git, paths), {.name = "repository"});
    fs::create_directories(paths.mirrors);
  }

  void Declare() {
    Put(Team{.metadata = {.name = "team"}, .spec = {.url = world.url}});
    REQUIRE(ReconcileUntilIdle());
  }
  /// Rings as the kernel does after a push, and lets everything come to rest.
  void Ring() {
    file_watch.Ring(world.origin + "/refs/heads/development");
    REQUIRE(ReconcileUntilIdle());
  }
  std::string Push(const std::string& branch, const std::map<std::string, std::string>& files) {
    std::string commit = world.Push(branch, files);
    Ring();
    return commit;
  }
  static std::map<std::string, std::string> Tree() {
    return {{"README.md", "us"},
            {"manifest_templates/developer.toml", BoxHarness::kTemplate},
            {"users/alice.toml", BoxHarness::UserFile("alice")}};
  }

  std::string Ready() { return ConditionOf<Team>("team"); }
  std::string Message() { return Get<Team>("team")->common.Find(api::kReady)->message; }
  std::string ProblemOf(const std::string& path) {
    const auto problems = Get<Team>("team")->status.problems;
    for (const auto& problem : problems)
      if (problem.path == path) return problem.message;
    return "";
  }
  void ApproveAll() {
    const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
    const auto approvals = client().List("approvals.hero.dev");
    REQUIRE(approvals);
    for (const auto& approval : approvals->items) REQUIRE(client().Patch(approval->key, yes, {.actor = "operator"}));
    REQUIRE(ReconcileUntilIdle());
  }

  GitWorld world;
  FakeTeamSync sync;
  FakeAccounts accounts;
  host::BoxPaths paths = host::PathsOf(world.dir.Path(), "driver");
};

TEST_CASE("[HTB-08][SEC-60] team: an empty origin, a branch that is missing, and then the first commit") {
  TeamBox box;
  box.Declare();
  CHECK(box.Ready() == "False BranchMissing");
  CHECK(box.Message() == "hero_team has no branch development; it has: none");
  CHECK(box.ConditionOf<api::v1::Repository>("hero-team") == "True Reconciled");
  box.Push("main", {{"notes", "1"}});
  CHECK(box.Ready() == "False BranchMissing");
  CHECK(box.Message() == "hero_team has no branch development; it has: main");
  const std::string first = box.Push("development", TeamBox::Tree());
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Get<User>("alice"));
  CHECK(box.Get<Team>("team")->status.last_synced_commit == first);
  CHECK(box.sync.state()->last_synced_commit == first);
  // And away again: nobody goes with it.
  box.world.Git({"push", "-q", box.world.origin, ":refs/heads/development"});
  box.Ring();
  CHECK(box.Ready() == "False BranchMissing");
  CHECK(box.Get<User>("alice"));
}

TEST_CASE("[SEC-60] team: an origin that is not there yet, and then is") {
  TeamBox box;
  const std::string aside = box.world.dir / "aside.git";
  fs::rename(box.world.origin, aside);
  box.Declare();
  CHECK(box.Ready() == "False NotFetched");
  CHECK(box.Message() == "hero_team has not been fetched from " + box.world.url + " yet");
  fs::rename(aside, box.world.origin);
  box.Push("development", TeamBox::Tree());
  for (int i = 0; i < 12; ++i) {
    box.clock.Advance(std::chrono::minutes(5));
    REQUIRE(box.ReconcileUntilIdle());
  }
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Get<User>("alice"));
}

TEST_CASE(
    "[SEC-09][SEC-49] team: links, submodules, directories and bytes of any kind are wrong alone, as git has them") {
  TeamBox box;
  box.Declare();
  const std::string first = box.world.Push("other", {{"notes", "1"}});
  auto files = TeamBox::Tree();
  files["users/huge.toml"] = BoxHarness::UserFile("huge") + "# " + std::string(1 << 20, 'x') + "\n";
  files["users/deep.toml"] = BoxHarness::UserFile("deep") + "x = " + std::string(5'000, '[') + "\n";
  files["users/latin.toml"] = BoxHarness::UserFile("latin", "display_name = \"J\xfcrgen\"\n");
  files["users/dir.toml/inside"] = "x";
  files["users/J\xfcrgen.toml"] = BoxHarness::UserFile("jurgen");
  for (const auto& [path, content] : files) box.world.dir.Write("work/" + path, content);
  fs::create_symlink("alice.toml", box.world.dir / "work/users/link.toml");
  fs::create_symlink("/etc/passwd", box.world.dir / "work/users/outside.toml");
  box.world.Git({"add", "-A"});
  box.world.Git({"update-index", "--add", "--cacheinfo", "160000," + first + ",users/module.toml"});
  box.world.Git({"commit", "-q", "-m", "all kinds"});
  box.world.Git({"push", "-q", "-f", box.world.origin, "HEAD:refs/heads/development"});
  box.Ring();
  CHECK(box.Ready() == "False InvalidFile");
  CHECK(box.Get<User>("alice"));
  CHECK(box.client().List("users.hero.dev")->items.size() == 1);
  const std::string no_file = " is no regular file: a link, a directory or a submodule is not read";
  for (const char* name : {"link", "outside", "module", "dir"}) {
    CAPTURE(name);
    const std::string path = "users/" + std::string(name) + ".toml";
    CHECK(box.ProblemOf(path).find(no_file) != std::string::npos);
  }
  CHECK(box.ProblemOf("users/huge.toml").find("65536") != std::string::npos);
  CHECK(box.ProblemOf("users/deep.toml").starts_with("users/deep.toml:6:"));
  CHECK(box.ProblemOf("users/latin.toml") == "users/latin.toml:6:18: the text is no valid UTF-8");
  CHECK(box.Get<Team>("team")->status.problems.size() == 8);
}

TEST_CASE("[SEC-10] team: a head that no allowed signer has signed waits for an operator, and so does nobody's else") {
  TeamBox box("signers");
  const SshSigner alice(box.world.dir.Path(), "alice");
  const SshSigner mallory(box.world.dir.Path(), "mallory");
  box.world.dir.Write("signers", alice.AllowedLine());
  fs::permissions(box.world.dir / "signers", fs::perms::owner_read | fs::perms::owner_write);
  const auto push = [&](const std::vector<std::string>& settings, const std::string& user) {
    auto files = TeamBox::Tree();
    files["users/" + user + ".toml"] = BoxHarness::UserFile(user);
    for (const auto& [path, content] : files) box.world.dir.Write("work/" + path, content);
    box.world.Git({"add", "-A"});
    auto arguments = settings;
    arguments.insert(arguments.end(), {"commit", "-q", "-m", "a change"});
    box.world.Git(arguments);
    box.world.Git({"push", "-q", box.world.origin, "HEAD:refs/heads/development"});
    box.Ring();
    return box.world.Git({"rev-parse", "HEAD"});
  };
  box.Declare();
  const std::string first = push(alice.Settings(), "alice");
  CHECK(box.Ready() == "True Reconciled");
  const std::string second = push(mallory.Settings(), "bob");
  CHECK(box.Ready() == "False NotSigned");
  CHECK(box.Message().find("the head " + second.substr(0, 12) +
                           " of development is signed by none of the allowed signers; nothing is changed until an "
                           "operator agrees: heroctl get approvals, heroctl approve HASH") != std::string::npos);
  CHECK_FALSE(box.Get<User>("bob"));
  CHECK(box.sync.state()->last_synced_commit == first);
  box.ApproveAll();
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Get<User>("bob"));
  // What was approved was that commit alone.
  push({}, "carol");
  CHECK(box.Ready() == "False NotSigned");
  CHECK(box.Message().find("is not signed") != std::string::npos);
  CHECK_FALSE(box.Get<User>("carol"));
  push(alice.Settings(), "dave");
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Get<User>("carol"));
  CHECK(box.Get<User>("dave"));
  CHECK(box.WritesDuring([&] {
    box.clock.Advance(std::chrono::minutes(4));
    REQUIRE(box.ReconcileUntilIdle());
  }) == 0);
}

TEST_CASE("[SEC-10] team: without its file of signers nothing new is applied, and it goes on when the file is back") {
  TeamBox box("signers");
  const SshSigner alice(box.world.dir.Path(), "alice");
  box.Declare();
  for (const auto& [path, content] : TeamBox::Tree()) box.world.dir.Write("work/" + path, content);
  box.world.Git({"add", "-A"});
  auto arguments = alice.Settings();
  arguments.insert(arguments.end(), {"commit", "-q", "-m", "a change"});
  box.world.Git(arguments);
  box.world.Git({"push", "-q", box.world.origin, "HEAD:refs/heads/development"});
  box.Ring();
  CHECK(box.Ready() == "False SignersRefused");
  CHECK_FALSE(box.Get<User>("alice"));
  box.world.dir.Write("signers", alice.AllowedLine());
  fs::permissions(box.world.dir / "signers", fs::perms::owner_read | fs::perms::owner_write);
  for (int i = 0; i < 12; ++i) {
    box.clock.Advance(std::chrono::minutes(5));
    REQUIRE(box.ReconcileUntilIdle());
  }
  CHECK(box.Ready() == "True Reconciled");
  CHECK(box.Get<User>("alice"));
}

}  // namespace
}  // namespace tests
