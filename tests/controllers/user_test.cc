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

/// What the table of Diff is about: alice, as hero_team has her and as a box has her when all is well.
struct AliceTable {
  static constexpr const char* kObjects = "create Namespace alice: is missing\ncreate Slot alice: is missing\n";

  AliceTable() {
    alice = {.metadata = {.name = "alice"},
             .spec = {.name = "alice", .uid = 20000, .groups = {"developers"}, .source = {.path = "users/alice.toml"}}};
    alice.metadata.uid.value = "1";
    deleted = alice;
    deleted.metadata.deletion_timestamp = api::Time();
    good.account = host::Account{.name = "alice",
                                 .uid = 20000,
                                 .gid = 20000,
                                 .home = "/home/alice",
                                 .shell = "/bin/bash",
                                 .groups = {"developers", "hero"}};
    good.claim = "20000";
    good.home = {.exists = true,
                 .is_private = true,
                 .has_keys_file = true,
                 .authorized_keys = controllers::AuthorizedKeys(alice.spec)};
    const api::OwnerReference owner = reconciler::OwnerOf(alice);
    good.member_namespace = reconciler::Namespace{.metadata = {.name = "alice", .owner_references = {owner}}};
    good.slot = api::v1::Slot{.metadata = {.name = "alice", .owner_references = {owner}},
                              .spec = {.user = "alice", .box = "box1"}};
  }

  /// `good`, changed.
  template <class Change>
  controllers::UserState But(const Change& change) const {
    controllers::UserState state = good;
    change(state);
    return state;
  }
  void Check(const char* name, const User& object, const controllers::UserState& state, const std::string& steps) {
    CAPTURE(name);
    const reconciler::Plan plan = controller.Diff(object, state, api::Time());
    CHECK(Sentences(plan) == steps);
    CHECK(Describe(plan) == Describe(controller.Diff(object, state, api::Time())));
  }

  FakeAccounts accounts;
  FakeHomes homes;
  FakeArchives archives;
  const controllers::UserController controller{{accounts, homes, archives},
                                               host::PathsOf("/box", "driver"),
                                               {.managed_groups = {"developers", "hero"}, .box = "box1"}};
  User alice;
  User deleted;
  controllers::UserState good;
};

TEST_CASE("[HTB-13] user: diff, as a table of what is and what has to be done") {
  AliceTable t;
  t.Check("as it should be", t.alice, t.good, "");
  t.Check("nothing there", t.alice, {},
          "claim account alice: the one to come is herod's\ncreate account alice: is missing\n"
          "make home /home/alice: is missing\nwrite keys /home/alice/.ssh/authorized_keys: is missing\n" +
              std::string(AliceTable::kObjects));
  t.Check("killed before the account was made", t.alice, t.But([](auto& s) { s.account.reset(); }),
          "create account alice: is missing\n");
  t.Check("keys by hand", t.alice, t.But([](auto& s) { s.home.authorized_keys += "ssh-ed25519 AAAA mine too\n"; }),
          "write keys /home/alice/.ssh/authorized_keys: differs from the spec\n");
  t.Check("groups and shell by hand", t.alice, t.But([](auto& s) {
    s.account->groups = {"audio", "hero"};
    s.account->shell = "/bin/sh";
  }),
          "update account alice: differs in shell, groups +developers\n");
  t.Check("expired by hand", t.alice, t.But([](auto& s) { s.account->is_expired = true; }),
          "update account alice: differs in is expired\n");
  t.Check("key file open to others", t.alice, t.But([](auto& s) { s.home.is_keys_file_exposed = true; }),
          "write keys /home/alice/.ssh/authorized_keys: is open to others\n");
  t.Check("home open to others", t.alice, t.But([](auto& s) { s.home.is_private = false; }),
          "make home /home/alice: is open to others\n");
  t.Check("a home that is a link, and a wrong shell", t.alice, t.But([](auto& s) {
    s.home_error = api::Error{api::Code::kForbidden, "NotAPlainPath", "/home/alice is a link"};
    s.account->shell = "/bin/sh";
  }),
          "update account alice: differs in shell\n! NotAPlainPath\n");
  t.Check("another template", t.alice, t.But([](auto& s) { s.slot->spec.manifest_template = "old"; }),
          "update Slot alice: differs in template\n");
}

TEST_CASE("[HTB-16][SEC-12] user: diff of a removed member, as a table") {
  AliceTable t;
  const auto expired = [](auto& s) { s.account->is_expired = true; };
  t.Check("no work", t.deleted, t.good, "expire account alice: its user was removed\n");
  t.Check("with work", t.deleted, t.But([](auto& s) { s.has_work = true; }),
          "expire account alice: its user was removed\narchive /home/alice/hero: its user was removed\n");
  t.Check("expired, archived", t.deleted, t.But([&](auto& s) {
    expired(s);
    s.has_work = s.is_archived = true;
  }),
          "");
  t.Check("a home that cannot be looked at", t.deleted, t.But([](auto& s) {
    s.archive_error = api::Error{api::Code::kForbidden, "NotAPlainPath", "/home/alice is a link"};
  }),
          "expire account alice: its user was removed\n! NotAPlainPath\n");
  t.Check("account removed by hand", t.deleted, t.But([](auto& s) {
    s.account.reset();
    s.has_work = true;
  }),
          "archive /home/alice/hero: its user was removed\n");
  t.Check("never ours", t.deleted, t.But([](auto& s) {
    s.account->uid = 1000;
    s.has_work = true;
  }),
          "");
}

TEST_CASE("[SEC-05][HTB-07] user: whose an account is, as a table") {
  AliceTable t;
  const auto account = [&](std::int64_t uid, const std::string& claim, bool is_expired = false) {
    return t.But([&](auto& s) {
      s.account->uid = uid;
      s.account->is_expired = is_expired;
      s.claim = claim;
    });
  };
  User numberless = t.alice;
  numberless.spec.uid.reset();
  User noted = t.alice;
  noted.status.uid = 1000;
  User adopting = t.alice;
  adopting.spec.adopt = true;

  t.Check("in group hero, by an admin", t.alice, account(1000, ""), "! ForeignAccount\n");
  t.Check("in group hero, with the very number that was reserved", t.alice, account(20000, ""), "! ForeignAccount\n");
  t.Check("in group hero, with a number of the range", numberless, account(20001, ""), "! ForeignAccount\n");
  t.Check("another number than the claim's", t.alice, account(20007, "20000"), "! ForeignAccount\n");
  t.Check("claimed as new, with a number that we do not give", numberless, account(1000, "new"), "! ForeignAccount\n");
  t.Check("claimed as new", numberless, account(20007, "new"), "");
  t.Check("noted in the status of an older herod", noted, account(1000, ""), "");
  t.Check("left by a removal", t.alice, account(20000, "", true),
          "claim account alice: is here already with the uid 20000\nupdate account alice: differs in is expired\n");
  t.Check("expired, but another number", t.alice, account(20001, "", true), "! ForeignAccount\n");
  t.Check("expired and numbered, but not in hero", t.alice, t.But([](auto& s) {
    s.account->groups = {"developers"};
    s.account->is_expired = true;
    s.claim = "";
  }),
          "! ForeignAccount\n");
  t.Check("adopt", adopting, t.But([](auto& s) {
    s.account->uid = 1000;
    s.account->groups = {"audio"};
    s.account->shell = "/bin/zsh";
    s.claim = "";
    s.home.authorized_keys = "# mine\nssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n";
  }),
          "claim account alice: is here already with the uid 1000\n"
          "adopt account alice: differs in shell, groups +developers +hero\n"
          "write keys /home/alice/.ssh/authorized_keys: replaces the keys that are there, 2 of them\n");
  for (const std::int64_t uid : {0, 1, 999, 60000, 65534})
    t.Check("adopt one of the system", adopting, account(uid, ""), "! ForeignAccount\n");
  for (const std::string group : {"sudo", "hero-admin", "docker"})
    t.Check("adopt one as good as root", adopting, t.But([&](auto& s) {
      s.account->uid = 1000;
      s.account->groups = {group, "hero"};
      s.claim = "";
    }),
            "! ForeignAccount\n");
  t.Check("adopt one whose primary group is as good as root", adopting, t.But([](auto& s) {
    s.account->uid = 1000;
    s.account->has_root_group = true;
    s.claim = "";
  }),
          "! ForeignAccount\n");
  t.Check("adopt one with another home", adopting, t.But([](auto& s) {
    s.account->uid = 1000;
    s.account->home = "/srv/alice";
    s.claim = "";
  }),
          "! ForeignAccount\n");
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
      .name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice", .shell = "/bin/zsh", .groups = {"audio"}};
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
  CHECK(h.accounts.Get("alice")->groups == std::vector<std::string>{"audio", "developers", "hero"});
  CHECK(h.Get<User>("alice")->status.other_groups == std::vector<std::string>{"audio"});
  CHECK(h.Get<User>("alice")->status.uid == 1000);
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
  h.archives.FailPacks(api::Error{api::Code::kUnavailable, "DiskFull", "no space left"});
  h.Push({{"bob.toml", BoxHarness::UserFile("bob")}});
  CHECK(h.Get<User>("alice"));
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK(h.Ready("alice") == "False DiskFull");
  h.archives.FailPacks({});
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
