#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

/// Numbers are given once (SEC-08).
namespace tests {
namespace {

using api::v1::Team;
using api::v1::UidReservation;
using api::v1::User;

struct NumbersHarness : BoxHarness {
  void PushUsers(const std::vector<std::string>& names, const std::string& more = "") {
    std::map<std::string, std::string> files;
    for (const std::string& name : names) files[name + ".toml"] = UserFile(name, more);
    Push(files);
  }
  std::int64_t Reserved(std::string_view name) {
    const auto reservation = Get<UidReservation>(name);
    return reservation ? reservation->spec.uid : 0;
  }
};

TEST_CASE("[SEC-08] numbers: each member's is reserved first, and the account gets that one") {
  NumbersHarness h;
  h.PushUsers({"alice", "bob", "test_user"});
  h.DeclareTeam();
  CHECK(h.Reserved("alice") == 20000);
  CHECK(h.Reserved("bob") == 20001);
  CHECK(h.Reserved("test-user") == 20002);
  CHECK(h.Get<UidReservation>("test-user")->spec.user == "test_user");
  for (const char* name : {"alice", "bob", "test-user"}) {
    CAPTURE(name);
    CHECK(h.Get<User>(name)->spec.uid == h.Reserved(name));
    CHECK(h.Get<UidReservation>(name)->metadata.resource_version.value <
          h.Get<User>(name)->metadata.resource_version.value);
  }
}

TEST_CASE("[SEC-08] numbers: a removed member's is never given again, and is the member's own on return") {
  NumbersHarness h;
  h.PushUsers({"alice", "bob"});
  h.DeclareTeam();
  h.PushUsers({"alice"});
  CHECK_FALSE(h.Get<User>("bob"));
  CHECK(h.Reserved("bob") == 20001);
  h.PushUsers({"alice", "carol"});
  CHECK(h.Reserved("carol") == 20002);
  h.PushUsers({"alice", "bob", "carol"});
  CHECK(h.Get<User>("bob")->spec.uid == 20001);
  CHECK(h.Ready("bob") == "True Reconciled");
}

TEST_CASE("[SEC-08] numbers: a reservation is not deleted, whoever asks, and the reason is told") {
  NumbersHarness h;
  h.PushUsers({"alice"});
  h.DeclareTeam();
  for (const bool is_dry_run : {true, false}) {
    const auto deleted =
        h.client().Delete({"uidreservations.hero.dev", "", "alice"}, {.actor = "root", .is_dry_run = is_dry_run});
    REQUIRE_FALSE(deleted);
    CHECK(deleted.error().code == api::Code::kForbidden);
    CHECK(deleted.error().message.find("never deleted: a number is given once") != std::string::npos);
  }
  CHECK(h.Reserved("alice") == 20000);
}

TEST_CASE("[SEC-08][HTB-07] numbers: an adopted account keeps its own, and the reservation follows it") {
  NumbersHarness h;
  h.accounts.Put({.name = "alice", .uid = 1001, .gid = 1001, .home = "/home/alice", .shell = "/bin/bash"});
  h.PushUsers({"alice"}, "adopt = true\n");
  h.DeclareTeam();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("alice")->uid == 1001);
  CHECK(h.Reserved("alice") == 1001);
  CHECK(h.Get<User>("alice")->spec.uid == 1001);
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE("[SEC-08] numbers: members of a box that had no reservations keep what they have") {
  NumbersHarness h;
  User old{.metadata = {.name = "bob",
                        .labels = {{"hero.dev/team", "team"}},
                        .annotations = {{"hero.dev/account-uid", "20007"}}},
           .spec = {.name = "bob"}};
  h.accounts.Put(
      {.name = "bob", .uid = 20007, .gid = 20007, .home = "/home/bob", .shell = "/bin/bash", .groups = {"hero"}});
  h.Put(old);
  h.Settle();
  h.PushUsers({"alice", "bob"});
  h.DeclareTeam();
  CHECK(h.Reserved("bob") == 20007);
  CHECK(h.Reserved("alice") == 20008);  // Above all that were given.
}

host::Account ByHand(const std::string& name, std::int64_t uid, std::int64_t gid) {
  return {.name = name, .uid = uid, .gid = gid, .home = "/srv/" + name, .shell = "/bin/sh"};
}

TEST_CASE("[SEC-05][SEC-08] numbers: those of accounts and groups that somebody made by hand are passed over") {
  NumbersHarness h;
  h.accounts.Put(ByHand("guest", 20000, 100));
  h.accounts.Put(ByHand("robot", 999, 20002));  // A group has it.
  h.PushUsers({"alice", "bob"});
  h.DeclareTeam();
  CHECK(h.Reserved("alice") == 20001);
  CHECK(h.Reserved("bob") == 20003);
  for (const char* name : {"alice", "bob"}) CHECK(h.Ready(name) == "True Reconciled");

  h.accounts.Remove("guest");  // What it had was never a member's, and is not needed.
  h.PushUsers({"alice", "bob", "carol"});
  CHECK(h.Reserved("carol") == 20004);
}

TEST_CASE("[SEC-05][SEC-08] numbers: one that was taken between its reservation and the account is given up") {
  NumbersHarness h;
  h.Put(UidReservation{.metadata = {.name = "alice"}, .spec = {.uid = 20000, .user = "alice"}});
  h.accounts.Put(ByHand("guest", 20000, 20000));
  h.PushUsers({"alice", "bob"});
  h.DeclareTeam();
  CHECK(h.Reserved("alice") > 20000);
  CHECK(h.Get<User>("alice")->spec.uid == h.Reserved("alice"));
  CHECK(h.accounts.Get("alice")->uid == h.Reserved("alice"));
  CHECK(h.accounts.Get("guest")->uid == 20000);
  CHECK(h.Reserved("alice") != h.Reserved("bob"));
  for (const char* name : {"alice", "bob"}) CHECK(h.Ready(name) == "True Reconciled");
  const std::int64_t given = h.Reserved("alice");
  h.PassAnHour();
  CHECK(h.Reserved("alice") == given);
}

TEST_CASE("[SEC-08] numbers: a member's own that somebody took while the account was away stays the member's") {
  NumbersHarness h;
  h.PushUsers({"alice", "bob"});
  h.DeclareTeam();
  h.accounts.Remove("alice");
  h.accounts.Put(ByHand("guest", 20000, 20000));
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  // Her files have that number: only a person knows whose they are to be.
  CHECK(h.Reserved("alice") == 20000);
  CHECK(h.Ready("alice") == "False UidTaken");
  CHECK(h.Ready("bob") == "True Reconciled");

  h.accounts.Remove("guest");
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  CHECK(h.accounts.Get("alice")->uid == 20000);
  CHECK(h.Ready("alice") == "True Reconciled");
}

TEST_CASE("[SEC-08] numbers: when all are given a new member waits, and nobody else") {
  NumbersHarness h;
  h.PushUsers({"alice"});
  h.DeclareTeam();
  h.Put(UidReservation{.metadata = {.name = "zed"}, .spec = {.uid = 29999, .user = "zed"}});
  h.Settle();
  h.PushUsers({"alice", "bob"});
  CHECK(h.Reserved("bob") == 20001);  // Left out so far, so nobody ever had it.
  CHECK(h.ConditionOf<Team>("team") == "True Reconciled");
}

TEST_CASE("[SEC-08] numbers: a full range tells what is the matter, and the others are looked after") {
  const auto git = FakeGit();
  FakeTeamSync sync;
  const FakeAccounts accounts;
  const controllers::TeamController controller({.git = git, .sync = sync, .numbers = accounts},
                                               host::PathsOf("/box", "driver"), {});
  controllers::TeamState state;
  state.head = std::string(40, 'a');
  for (std::int64_t uid = 20000; uid <= 29999; ++uid) {
    const std::string name = "u" + std::to_string(uid);
    state.reservations[name] = {.metadata = {.name = name}, .spec = {.uid = uid, .user = name}};
  }
  state.declared.users["new"].spec = api::v1::UserSpec{.name = "new"};
  state.declared.users["u20000"].spec = api::v1::UserSpec{.name = "u20000"};
  const auto plan = controller.Diff(Team{.metadata = {.name = "team"}}, state, api::Time());
  REQUIRE(plan.problems.size() == 1);
  CHECK(plan.problems.front().reason == "UidRangeUsedUp");
  CHECK(Describe(plan).find("create User u20000") != std::string::npos);
  CHECK(Describe(plan).find("create User new") == std::string::npos);
}

}  // namespace
}  // namespace tests
