#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::v1::User;

/// A box with one member, alice.
struct AliceHarness : BoxHarness {
  explicit AliceHarness(const std::string& more = "") {
    Push({{"alice.toml", UserFile("alice", more)}});
    DeclareTeam();
  }
};

TEST_CASE("[HTB-13] user: diff, as a table of what is and what has to be done") {
  FakeAccounts accounts;
  FakeHomes homes;
  FakeArchives archives;
  const controllers::UserController controller({accounts, homes, archives}, host::PathsOf("/box", "driver"),
                                               {.managed_groups = {"developers", "hero"}});
  const User alice{.metadata = {.name = "alice"},
                   .spec = {.name = "alice", .groups = {"developers"}, .source = {.path = "users/alice.toml"}}};
  User deleted = alice;
  deleted.metadata.deletion_timestamp = api::Time();
  const host::Account good{.name = "alice",
                           .uid = 20000,
                           .gid = 20000,
                           .home = "/home/alice",
                           .shell = "/bin/bash",
                           .groups = {"developers", "hero"}};
  host::Account expired = good;
  expired.is_expired = true;
  host::Account strange = good;
  strange.groups = {"audio", "hero"};
  strange.shell = "/bin/sh";
  host::Account foreign = good;
  foreign.groups = {"audio"};
  const host::HomeState home{.exists = true,
                             .is_private = true,
                             .has_keys_file = true,
                             .authorized_keys = controllers::AuthorizedKeys(alice.spec)};
  host::HomeState spoilt = home;
  spoilt.authorized_keys += "ssh-ed25519 AAAA mine too\n";
  host::HomeState exposed = home;
  exposed.is_keys_file_exposed = true;

  struct Row {
    const char* name;
    const User& object;
    controllers::UserState state;
    const char* steps;
  };
  const Row rows[] = {
      {"as it should be", alice, {good, home}, ""},
      {"nothing there",
       alice,
       {},
       "create account alice: is missing\nmake home /home/alice: is missing\n"
       "write keys /home/alice/.ssh/authorized_keys: is missing\n"},
      {"key file open to others",
       alice,
       {good, exposed},
       "write keys /home/alice/.ssh/authorized_keys: is open to others\n"},
      {"keys by hand", alice, {good, spoilt}, "write keys /home/alice/.ssh/authorized_keys: differs from the spec\n"},
      {"groups and shell by hand",
       alice,
       {strange, home},
       "update account alice: differs in shell, groups +developers\n"},
      {"expired by hand", alice, {expired, home}, "update account alice: differs in is expired\n"},
      {"home open to others",
       alice,
       {good, {true, false, true, home.authorized_keys}},
       "make home /home/alice: is open to others\n"},
      {"somebody else's account", alice, {foreign, home}, "! ForeignAccount\n"},
      {"deleted", deleted, {good, home}, "expire account alice: its user was removed\n"},
      {"deleted, with work",
       deleted,
       {good, home, true, false},
       "expire account alice: its user was removed\narchive /home/alice/hero: its user was removed\n"},
      {"deleted, expired, archived", deleted, {expired, home, true, true}, ""},
      {"deleted, never ours", deleted, {foreign, home, true, false}, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const reconciler::Plan plan = controller.Diff(row.object, row.state, api::Time());
    std::string steps;
    for (const auto& chain : plan.chains)
      for (const auto& step : chain.steps) steps += step.Sentence() + "\n";
    for (const auto& problem : plan.problems) steps += "! " + problem.reason + "\n";
    CHECK(steps == row.steps);
    CHECK(Describe(plan) == Describe(controller.Diff(row.object, row.state, api::Time())));
  }
}

TEST_CASE("[HTB-13][SEC-14] user: a key added by hand is taken out again as soon as the watch rings") {
  AliceHarness h;
  host::HomeState home = h.homes.Get("/home/alice");
  const std::string good = home.authorized_keys;
  home.authorized_keys += "ssh-ed25519 AAAA mine\n";
  h.homes.Put("/home/alice", home);
  CHECK(h.file_watch.Ring("/box/home/alice/.ssh/authorized_keys") == 1);
  h.Settle();
  CHECK(h.homes.Get("/home/alice").authorized_keys == good);
}

TEST_CASE("[HTB-10] user: an account changed by hand is mended when the account files change, other groups stay") {
  AliceHarness h;
  host::Account account = *h.accounts.Get("alice");
  account.groups = {"audio", "hero"};
  account.shell = "/bin/false";
  h.accounts.Put(account);
  CHECK(h.file_watch.Ring("/box/etc/passwd") == 1);
  h.Settle();
  CHECK(h.accounts.Get("alice")->groups == std::vector<std::string>{"audio", "developers", "hero"});
  CHECK(h.accounts.Get("alice")->shell == "/bin/bash");
}

TEST_CASE("[HTB-07][SEC-05] user: an account that herod did not make is left alone unless it may be adopted") {
  BoxHarness h;
  const host::Account foreign{
      .name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice", .shell = "/bin/zsh", .groups = {"sudo"}};
  h.accounts.Put(foreign);
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}});
  h.DeclareTeam();
  CHECK(h.accounts.Get("alice") == foreign);
  CHECK(h.Ready("alice") == "False ForeignAccount");
  CHECK(h.Get<User>("alice")->common.Find(api::kReady)->message.find("set adopt = true in users/alice.toml") !=
        std::string::npos);

  h.Push({{"alice.toml", BoxHarness::UserFile("alice", "adopt = true\n")}});
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("alice")->uid == 1000);
  CHECK(h.accounts.Get("alice")->groups == std::vector<std::string>{"developers", "hero", "sudo"});
}

TEST_CASE("[SEC-05] user: an account of the system is not taken over, even if the file says adopt") {
  BoxHarness h;
  const host::Account system{.name = "mysql", .uid = 110, .gid = 110, .home = "/nonexistent", .shell = "/bin/false"};
  h.accounts.Put(system);
  h.Push({{"mysql.toml", BoxHarness::UserFile("mysql", "adopt = true\n")}});
  h.DeclareTeam();
  CHECK(h.accounts.Get("mysql") == system);
  CHECK(h.Ready("mysql") == "False ForeignAccount");
}

TEST_CASE("[SEC-05] user: removing a declaration of somebody else's account touches nothing of it") {
  BoxHarness h;
  const host::Account foreign{.name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice", .shell = "/bin/zsh"};
  h.accounts.Put(foreign);
  h.archives.PutWork("/home/alice");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  h.Push({{"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK(h.accounts.Get("alice") == foreign);
  CHECK(h.archives.Names().empty());
}

TEST_CASE("[HTB-16] user: an archive that fails is tried again, and the user goes only after it") {
  AliceHarness h;
  h.archives.PutWork("/home/alice");
  h.archives.FailNth(
      5, {api::Code::kUnavailable, "DiskFull", "no space left"});  // Two looks of two calls, then the packing.
  h.Push({{"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.Get<User>("alice"));
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK(h.Ready("alice") == "False DiskFull");
  h.PassAnHour();
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK(h.archives.Names().size() == 1);
}

TEST_CASE("[SEC-14] user: a home that is a link stops that user alone") {
  BoxHarness h;
  h.homes.MakeLink("/home/alice");
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  CHECK(h.Ready("alice") == "False NotAPlainPath");
  CHECK(h.Ready("bob") == "True Reconciled");
}

}  // namespace
}  // namespace tests
