#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

/// What keeps a team from losing anybody: trees that say nothing, histories that were rewritten, a state that was lost.
namespace tests {
namespace {

using api::v1::ManifestTemplate;
using api::v1::Team;
using api::v1::User;

struct GuardHarness : BoxHarness {
  std::vector<reconciler::SnapshotPtr> Approvals() { return client().List("approvals.hero.dev")->items; }

  /// What `heroctl approve` does.
  void ApproveAll() {
    const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
    for (const auto& approval : Approvals()) REQUIRE(client().Patch(approval->key, yes, {.actor = "operator"}));
    Settle();
  }

  /// A head without a past: what a force-push leaves.
  std::string Rewrite(const FakeGit::Files& files) {
    std::string commit = git.Commit("elsewhere", "development", files);
    git.SetHead(kUrl, "development", commit);
    git.SetHead(kOrigin, "development", commit);
    file_watch.Ring(kOrigin + "/packed-refs");
    Settle();
    return commit;
  }

  static FakeGit::Files Tree(const std::vector<std::string>& users) {
    FakeGit::Files files{{"README.md", "us"}, {"manifest_templates/developer.toml", kTemplate}};
    for (const std::string& user : users) files["users/" + user + ".toml"] = UserFile(user);
    return files;
  }

  std::string MessageOf(std::string_view team = "team") {
    return std::string(Get<Team>(team)->common.Find(api::kReady)->message);
  }
};

TEST_CASE("[HTB-16][SEC-09] team: the last member can leave, though git keeps no empty users/") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  h.PushFiles(GuardHarness::Tree({}));
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  CHECK(h.Get<Team>("team")->status.users == 0);
}

TEST_CASE("[SEC-09] team: a users/ that is gone with several members in it waits for an operator") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice", "bob", "carol"}));
  h.DeclareTeam();
  h.PushFiles(GuardHarness::Tree({}));
  h.PassAnHour();
  CHECK(h.ConditionOf<Team>("team") == "False ApprovalNeeded");
  for (const char* name : {"alice", "bob", "carol"}) CHECK_FALSE(h.accounts.Get(name)->is_expired);
  h.ApproveAll();
  for (const char* name : {"alice", "bob", "carol"}) CHECK(h.accounts.Get(name)->is_expired);
}

TEST_CASE("[SEC-09] team: a tree that is no hero_team, an empty commit and a vanished branch change nothing") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  const auto state = h.team_sync.state();
  h.PushFiles({{"src/main.cc", "int main() {}"}});
  CHECK(h.ConditionOf<Team>("team") == "False NotHeroTeam");
  h.PushFiles({});
  CHECK(h.ConditionOf<Team>("team") == "False NotHeroTeam");
  h.PushFiles({{"users", "a file"}, {"README.md", "us"}});
  CHECK(h.ConditionOf<Team>("team") == "False NotADirectory");
  h.git.SetHead(BoxHarness::kUrl, "development", "");
  h.git.SetHead(BoxHarness::kOrigin, "development", "");
  h.PassAnHour();
  CHECK(h.ConditionOf<Team>("team") == "False BranchMissing");
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.Get<ManifestTemplate>("developer"));
  CHECK(h.team_sync.state() == state);  // Top-level errors leave the commit, so the next tick tries again.
}

TEST_CASE("[SEC-10] team: a rewritten history is not followed until an operator agrees, then it is") {
  GuardHarness h;
  const std::string first = h.PushFiles(GuardHarness::Tree({"alice", "bob"}));
  h.DeclareTeam();
  const std::string head = h.Rewrite(GuardHarness::Tree({"alice", "mallory"}));
  h.PassAnHour();
  CHECK(h.ConditionOf<Team>("team") == "False HistoryRewritten");
  CHECK(h.ConditionOf<Team>("team", api::kStalled) == "True HistoryRewritten");
  CHECK(h.MessageOf().find(first.substr(0, 12)) != std::string::npos);
  CHECK(h.MessageOf().find("heroctl approve") != std::string::npos);
  CHECK_FALSE(h.Get<User>("mallory"));
  CHECK_FALSE(h.accounts.Get("bob")->is_expired);
  CHECK(h.team_sync.state()->last_synced_commit == first);
  CHECK(h.Approvals().size() == 1);

  h.ApproveAll();
  CHECK(h.Ready("mallory") == "True Reconciled");
  CHECK_FALSE(h.Get<User>("bob"));
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  CHECK(h.team_sync.state()->last_synced_commit == head);
  CHECK(h.team_sync.state()->accepted_commit.empty());
  CHECK(h.Approvals().empty());
}

TEST_CASE("[SEC-10] team: an approval of one rewritten head is none for another") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  h.Rewrite(GuardHarness::Tree({"alice", "mallory"}));
  const auto asked = h.Approvals();
  REQUIRE(asked.size() == 1);
  h.Rewrite(GuardHarness::Tree({"alice", "eve"}));
  const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
  (void)h.client().Patch(asked.front()->key, yes, {.actor = "operator"});
  h.PassAnHour();
  CHECK_FALSE(h.Get<User>("eve"));
  CHECK(h.ConditionOf<Team>("team") == "False HistoryRewritten");
}

TEST_CASE("[SEC-10] team: what is merged on top of the last commit is followed, and so is a return to it") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  const std::string second = h.PushFiles(GuardHarness::Tree({"alice", "bob"}));
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  h.Rewrite(GuardHarness::Tree({"alice"}));
  CHECK(h.ConditionOf<Team>("team") == "False HistoryRewritten");
  h.git.SetHead(BoxHarness::kUrl, "development", second);
  h.git.SetHead(BoxHarness::kOrigin, "development", second);
  h.file_watch.Ring(BoxHarness::kOrigin + "/packed-refs");
  h.Settle();
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  CHECK(h.Approvals().empty());
}

TEST_CASE("[HTB-09] team: state.toml has the commit, and reconcile.log one line for each, not one for each pass") {
  GuardHarness h;
  const std::string first = h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  REQUIRE(h.team_sync.state());
  CHECK(h.team_sync.state()->last_synced_commit == first);
  CHECK(h.team_sync.state()->url == BoxHarness::kUrl);
  CHECK(h.team_sync.state()->users == 1);
  CHECK(h.team_sync.lines() == std::vector<std::string>{"2026-11-20T20:58:51Z commit=" + first +
                                                        " users=1 templates=1 create=3 update=0 remove=0 problems=0"});
  h.PassAnHour();
  CHECK(h.team_sync.lines().size() == 1);

  FakeGit::Files files = GuardHarness::Tree({"alice", "bob"});
  files["users/alice.toml"] = "name = 3\n";
  const std::string second = h.PushFiles(files);
  REQUIRE(h.team_sync.lines().size() == 2);
  CHECK(h.team_sync.lines()[1].find("commit=" + second +
                                    " users=1 templates=1 create=2 update=1 remove=0 problems=1: "
                                    "users/alice.toml:1:1: name: must be string, not integer") != std::string::npos);
  CHECK(h.team_sync.state()->last_synced_commit == second);
}

TEST_CASE("[HTB-19][SEC-52] team: a member who cannot be made leaves the commit tried, and the member is tried again") {
  GuardHarness h;
  h.accounts.FailNth(2, {api::Code::kUnavailable, "Broken", "broken for once"});
  const std::string commit = h.PushFiles(GuardHarness::Tree({"alice", "bob"}));
  h.DeclareTeam();
  CHECK(h.team_sync.state()->last_synced_commit == commit);
  h.PassAnHour();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.Ready("bob") == "True Reconciled");
}

TEST_CASE("[HTB-09] team: a state that cannot be written is tried again, and nobody waits for it") {
  for (int n = 1; n <= 4; ++n) {
    CAPTURE(n);
    GuardHarness h;
    h.PushFiles(GuardHarness::Tree({"alice"}));
    h.team_sync.FailNth(n, {api::Code::kUnavailable, "DiskFull", "no space left"});
    h.DeclareTeam();
    h.PassAnHour();
    CHECK(h.Ready("alice") == "True Reconciled");
    CHECK(h.team_sync.state());
    CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  }
}

TEST_CASE(
    "[SEC-10][HTB-09] team: a state that is lost or garbled is written anew, and a rewritten history is seen all the same") {
  for (const bool is_garbled : {false, true}) {
    CAPTURE(is_garbled);
    GuardHarness h;
    const std::string first = h.PushFiles(GuardHarness::Tree({"alice"}));
    h.DeclareTeam();
    is_garbled ? h.team_sync.Garble() : h.team_sync.Lose();
    h.PassAnHour();
    CHECK(h.team_sync.state()->last_synced_commit == first);
    CHECK(h.ConditionOf<Team>("team") == "True Reconciled");

    is_garbled ? h.team_sync.Garble() : h.team_sync.Lose();
    h.Rewrite(GuardHarness::Tree({"mallory"}));
    h.PassAnHour();
    CHECK(h.ConditionOf<Team>("team") == "False HistoryRewritten");
    CHECK_FALSE(h.Get<User>("mallory"));
  }
}

TEST_CASE(
    "[SEC-10] team: another URL in herod.toml is the operator's word, its history owes nothing to the old one's") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  const std::string other = "file:///forge/moved/hero_team.git";
  const std::string commit = h.git.Commit(other, "development", GuardHarness::Tree({"alice", "bob"}));
  h.git.SetHead("/forge/moved/hero_team.git", "development", commit);
  h.Put(Team{.metadata = {.name = "team"}, .spec = {.url = other}});
  h.Settle();
  CHECK(h.Ready("bob") == "True Reconciled");
  CHECK(h.team_sync.state()->url == other);
}

TEST_CASE("[SEC-09] team: a broken file is a condition of its own member, who stays ready, and of nobody else") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice", "bob"}));
  h.DeclareTeam();
  const auto bob = h.Get<User>("bob");
  FakeGit::Files files = GuardHarness::Tree({"alice", "bob"});
  files["users/alice.toml"] = "name = \"alice\ngroups =";
  h.PushFiles(files);
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.ConditionOf<User>("alice", "SourceValid") == "False InvalidFile");
  CHECK(h.Get<User>("alice")->common.Find("SourceValid")->message.starts_with("users/alice.toml:1:"));
  CHECK(h.Get<User>("bob")->metadata.resource_version == bob->metadata.resource_version);
  CHECK(h.ConditionOf<User>("bob", "SourceValid").empty());
  const auto alice = h.Get<User>("alice");
  h.PassAnHour();
  CHECK(h.Get<User>("alice")->metadata.resource_version == alice->metadata.resource_version);

  h.PushFiles(GuardHarness::Tree({"alice", "bob"}));
  CHECK(h.ConditionOf<User>("alice", "SourceValid").empty());
  CHECK_FALSE(h.Get<User>("alice")->spec.source.problem);
}

TEST_CASE("[SEC-09] team: what is wrong with a file is still told while the member cannot be looked at") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  FakeGit::Files files = GuardHarness::Tree({"alice"});
  files["users/alice.toml"] = "name = 3\n";
  h.PushFiles(files);
  h.accounts.FailNth(1, {api::Code::kUnavailable, "Broken", "broken for once"});
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  CHECK(h.Ready("alice") == "False Broken");
  CHECK(h.ConditionOf<User>("alice", "SourceValid") == "False InvalidFile");
}

TEST_CASE("[HTB-06] team: a changed template changes no user; one that users still name is told when it goes") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  const auto before = h.Get<User>("alice");
  FakeGit::Files files = GuardHarness::Tree({"alice"});
  files["manifest_templates/developer.toml"] += "# More.\n";
  h.PushFiles(files);
  CHECK(h.Get<ManifestTemplate>("developer")->spec.text.ends_with("# More.\n"));
  CHECK(h.Get<User>("alice")->metadata.resource_version == before->metadata.resource_version);

  files.erase("manifest_templates/developer.toml");
  h.PushFiles(files);
  CHECK_FALSE(h.Get<ManifestTemplate>("developer"));
  CHECK(h.ConditionOf<Team>("team") == "False InvalidFile");
  CHECK(h.ConditionOf<User>("alice", "SourceValid") == "False InvalidFile");
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
}

TEST_CASE("[HTB-05] team: a template that breaks keeps what it said last") {
  GuardHarness h;
  h.PushFiles(GuardHarness::Tree({"alice"}));
  h.DeclareTeam();
  FakeGit::Files files = GuardHarness::Tree({"alice"});
  files["manifest_templates/developer.toml"] = "[[bind]\n";
  h.PushFiles(files);
  CHECK(h.Get<ManifestTemplate>("developer")->spec.text == BoxHarness::kTemplate);
  CHECK(h.Get<ManifestTemplate>("developer")->spec.source.problem->starts_with("manifest_templates/developer.toml:1:"));
  CHECK(h.ConditionOf<User>("alice", "SourceValid").empty());
  CHECK(h.Get<Team>("team")->status.problems.size() == 1);
}

TEST_CASE("[HTB-04] team: names of keys are checked once there is an OrgKey, and the status says whether they are") {
  GuardHarness h;
  FakeGit::Files files = GuardHarness::Tree({"bob"});
  files["users/alice.toml"] =
      BoxHarness::UserFile("alice", "[claude_org_key]\nenabled = true\nkey_secret_name = \"ORG_CLAUDE_KEY_1\"\n");
  h.PushFiles(files);
  h.DeclareTeam();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK_FALSE(h.Get<Team>("team")->status.org_keys_checked);

  h.Put(api::v1::OrgKey{.metadata = {.name = "two"}, .spec = {.slot = "ORG_CLAUDE_KEY_2"}});
  h.Settle();
  CHECK(h.Get<Team>("team")->status.org_keys_checked);
  CHECK(h.ConditionOf<Team>("team") == "False InvalidFile");
  CHECK(h.ConditionOf<User>("alice", "SourceValid") == "False InvalidFile");
  CHECK(h.Get<User>("alice")->spec.claude_org_key->key_secret_name == "ORG_CLAUDE_KEY_1");  // In force still.

  h.Put(api::v1::OrgKey{.metadata = {.name = "one"}, .spec = {.slot = "ORG_CLAUDE_KEY_1"}});
  h.Settle();
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

}  // namespace
}  // namespace tests
