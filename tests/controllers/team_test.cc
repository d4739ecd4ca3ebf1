#include <set>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::v1::Team;
using api::v1::User;

TEST_CASE("[HTB-01][HTB-10] team: members appear with account, groups, keys and home") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice", "display_name = \"Alice Example\"\n")},
          {"test_user.toml", BoxHarness::UserFile("test_user")}});
  h.DeclareTeam();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.Ready("test-user") == "True Reconciled");
  const auto account = h.accounts.Get("alice");
  REQUIRE(account);
  CHECK(account->gecos == "Alice Example");
  CHECK(account->home == "/home/alice");
  CHECK(account->groups == std::vector<std::string>{"developers", "hero"});
  CHECK(h.accounts.Get("test_user"));
  CHECK(h.homes.Get("/home/alice").authorized_keys ==
        "# Written by herod from users/alice.toml; changes here are undone.\n" + std::string(kAliceKey) + "\n");
  CHECK(h.Get<User>("alice")->status.keys == 1);
  CHECK(h.Get<User>("alice")->status.uid == account->uid);
}

TEST_CASE("[HTB-10] team: what one commit declares is written at once, and not member by member") {
  BoxHarness h;
  std::map<std::string, std::string> users;
  for (int i = 0; i < 150; ++i) {
    const std::string name = "member" + std::to_string(i);
    users[name + ".toml"] = BoxHarness::UserFile(name);
  }
  h.Push(users);
  h.DeclareTeam();
  const auto reservations = h.client().List("uidreservations.hero.dev");
  REQUIRE(reservations);
  REQUIRE(reservations->items.size() == 150);
  std::set<std::int64_t> revisions;
  for (const auto& reservation : reservations->items) revisions.insert(reservation->resource_version.value);
  CHECK(*revisions.rbegin() - *revisions.begin() == 149);  // Nothing was written between them.
  CHECK(h.Get<Team>("team")->status.users == 150);
  CHECK(h.Ready("member149") == "True Reconciled");
}

TEST_CASE("[HTB-09] team: the status tells the commit, the count, and that all is well") {
  BoxHarness h;
  const std::string commit =
      h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  const auto team = h.Get<Team>("team");
  REQUIRE(team);
  CHECK(team->status.last_synced_commit == commit);
  CHECK(team->status.users == 2);
  CHECK(team->status.problems.empty());
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE("[HTB-18] team: an hour with nothing new changes no account, no home and no user") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const auto before = h.Get<User>("alice");
  const int writes = h.accounts.writes() + h.homes.writes();
  h.PassAnHour();
  CHECK(h.accounts.writes() + h.homes.writes() == writes);
  CHECK(h.Get<User>("alice")->metadata.resource_version == before->metadata.resource_version);
}

TEST_CASE("[HTB-19] team: a commit that leaves a member's file alone leaves the member alone") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const auto before = h.Get<User>("alice");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.Ready("bob") == "True Reconciled");
  CHECK(h.Get<User>("alice")->metadata.resource_version == before->metadata.resource_version);
}

TEST_CASE("[HTB-13] team: changed keys and groups are followed") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  h.Push(
      {{"alice.toml",
        "name = \"alice\"\nssh_pubkeys = []\ngroups = []\nbranch_suffix = \"alice\"\nmanifest_template = \"developer\"\n"}});
  CHECK(h.accounts.Get("alice")->groups == std::vector<std::string>{"hero"});
  CHECK(h.homes.Get("/home/alice").authorized_keys ==
        "# Written by herod from users/alice.toml; changes here are undone.\n");
  CHECK(h.Get<User>("alice")->status.keys == 0);
}

TEST_CASE("[HTB-15] team: a deactivated member keeps everything and may not log in, and comes back") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const auto uid = h.accounts.Get("alice")->uid;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice", "deactivated = true\n")}});
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK_FALSE(h.Get<User>("alice")->status.login_enabled);
  CHECK(h.homes.Get("/home/alice").exists);
  CHECK(h.archives.Names().empty());
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.accounts.Get("alice")->uid == uid);
}

TEST_CASE("[HTB-16] team: a removed member is expired and archived, and the home stays") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  h.archives.PutWork("/home/bob");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  CHECK_FALSE(h.Get<User>("bob"));
  CHECK(h.accounts.Get("bob")->is_expired);
  CHECK(h.archives.Names() == std::vector<std::string>{"bob-20261120T205851Z.tar.gz"});
  CHECK(h.homes.Get("/home/bob").exists);
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
}

TEST_CASE("[SEC-09][HTB-19] team: a broken file keeps what it said last, is named, and touches nobody else") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  const std::string commit = h.Push(
      {{"alice.toml", "name = \"alice\ngroups ="}, {"bob.toml", BoxHarness::UserFile("bob", "deactivated = true\n")}});
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("bob")->is_expired);
  const auto team = h.Get<Team>("team");
  CHECK(team->status.last_synced_commit == commit);
  REQUIRE(team->status.problems.size() == 1);
  CHECK(team->status.problems[0].path == "users/alice.toml");
  CHECK(team->status.problems[0].message.starts_with("users/alice.toml:1:"));
  CHECK(h.ConditionOf<Team>("team") == "False InvalidFile");
  CHECK(h.ConditionOf<Team>("team", api::kStalled) == "True InvalidFile");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE(
    "[SEC-49][HTB-19] team: a commit that removes half the team waits for an operator, and the rest of it is done") {
  BoxHarness h;
  const std::vector<std::string> names = {"alice", "bob", "carol", "dave"};
  std::map<std::string, std::string> files;
  for (const std::string& name : names) files[name + ".toml"] = BoxHarness::UserFile(name);
  h.Push(files);
  h.DeclareTeam();
  h.Push({{"alice.toml", BoxHarness::UserFile("alice", "deactivated = true\n")},
          {"bob.toml", BoxHarness::UserFile("bob")},
          {"erin.toml", BoxHarness::UserFile("erin")}});
  CHECK(h.Ready("carol") == "True Reconciled");
  CHECK(h.Ready("dave") == "True Reconciled");
  CHECK(h.Ready("erin") == "True Reconciled");
  CHECK_FALSE(h.Get<User>("alice")->status.login_enabled);
  CHECK(h.ConditionOf<Team>("team", api::kReady) == "False ApprovalNeeded");
  h.PassAnHour();
  CHECK(h.Ready("carol") == "True Reconciled");

  const auto asked = h.client().List("approvals.hero.dev");
  REQUIRE(asked);
  REQUIRE(asked->items.size() == 1);
  const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
  REQUIRE(h.client().Patch(asked->items[0]->key, yes, {.actor = "operator"}));
  h.Settle();
  CHECK_FALSE(h.Get<User>("carol"));
  CHECK_FALSE(h.Get<User>("dave"));
  CHECK(h.ConditionOf<Team>("team", api::kReady) == "True Reconciled");
}

TEST_CASE("[SEC-09] team: each host call of a sync failing once, nobody is lost and the end is the same") {
  for (int n = 1; n <= 25; ++n) {
    CAPTURE(n);
    BoxHarness h;
    h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
    h.DeclareTeam();
    const api::Error broken{api::Code::kUnavailable, "Broken", "broken for once"};
    h.git.FailNth(n, broken);
    h.accounts.FailNth(n, broken);
    h.homes.FailNth(n, broken);
    h.team_sync.FailNth(n, broken);
    h.Push({{"alice.toml", BoxHarness::UserFile("alice", "email = \"a@b\"\n")},
            {"carol.toml", BoxHarness::UserFile("carol")}});
    h.PassAnHour();
    h.PassAnHour();  // The nth call may be one of a late rescan.
    CHECK(h.Ready("alice") == "True Reconciled");
    CHECK(h.Ready("carol") == "True Reconciled");
    CHECK_FALSE(h.Get<User>("bob"));
    CHECK(h.accounts.Get("bob")->is_expired);
    CHECK_FALSE(h.accounts.Get("alice")->is_expired);
    CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  }
}

TEST_CASE("[SEC-09] team: a deleted team object loses nobody, and the next start takes its members over") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  h.Delete<Team>("team");
  h.PassAnHour();
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  h.DeclareTeam();
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  CHECK_FALSE(h.Get<User>("bob"));
  CHECK(h.Ready("alice") == "True Reconciled");
}

TEST_CASE("[SEC-09] team: a team object that is being deleted and held by somebody removes nobody") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const auto hold = api::codec::ParseJson(R"({"metadata": {"finalizers": ["example.dev/hold"]}})");
  REQUIRE(h.client().Patch({"teams.hero.dev", "", "team"}, *hold, {}));
  h.Delete<Team>("team");
  h.PassAnHour();
  CHECK(h.Get<Team>("team"));
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
}

TEST_CASE("[HTB-16] team: a member who is removed and declared again gets a fresh user on the old account") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  const auto uid = h.accounts.Get("alice")->uid;
  h.Push({{"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.accounts.Get("alice")->is_expired);
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.accounts.Get("alice")->uid == uid);
}

}  // namespace
}  // namespace tests
