// What befalls members over time, alone and in a crowd.
#include <doctest/doctest.h>

#include "tests/controllers/box_harness.h"

namespace tests {
namespace {

using api::v1::Slot;
using api::v1::User;
using reconciler::Namespace;

User Member(const std::string& name) {
  return {.metadata = {.name = name},
          .spec = {.name = name,
                   .ssh_pubkeys = {kAliceKey},
                   .groups = {"developers"},
                   .manifest_template = "developer",
                   .source = {.path = "users/" + name + ".toml"}}};
}

std::string MessageOf(BoxHarness& h, const std::string& user) {
  const auto object = h.Get<User>(user);
  const api::Condition* ready = object ? object->common.Find(api::kReady) : nullptr;
  return ready ? ready->message : "";
}

TEST_CASE("[HTB-10] user: a namespace and a slot come with a member, follow and go") {
  BoxHarness h;
  User alice = Member("alice");
  alice.spec.limits = api::v1::UserLimits{.memory = "8GiB"};
  h.Put(alice);
  h.Settle();
  auto slot = h.Get<Slot>("alice");
  REQUIRE(slot);
  CHECK(slot->spec.user == "alice");
  CHECK(slot->spec.box == "box1");
  CHECK(slot->spec.manifest_template == "developer");
  CHECK(slot->spec.limits == alice.spec.limits);
  CHECK(h.ConditionOf<Slot>("alice") == "");  // Nobody looks after slots yet, so nobody says that one is ready.
  CHECK(h.Ready("alice") == "True Reconciled");
  REQUIRE(h.Get<Namespace>("alice"));
  CHECK(h.Get<Namespace>("alice")->metadata.owner_references.size() == 1);

  alice.spec.deactivated = true;
  h.Put(alice);
  h.Settle();
  CHECK(h.Get<Slot>("alice")->spec.deactivated);

  h.Delete<Slot>("alice");
  h.Settle();
  CHECK(h.Get<Slot>("alice"));

  h.Delete<User>("alice");
  h.Settle();
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK_FALSE(h.Get<Slot>("alice"));
  CHECK_FALSE(h.Get<Namespace>("alice"));
}

TEST_CASE("[HTB-10] user: the number is the reserved one, and an account removed by hand gets its own again") {
  BoxHarness h;
  User alice = Member("alice");
  alice.spec.uid = 20123;
  h.Put(alice);
  h.Settle();
  CHECK(h.accounts.Get("alice")->uid == 20123);
  h.accounts.Remove("alice");
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  REQUIRE(h.accounts.Get("alice"));
  CHECK(h.accounts.Get("alice")->uid == 20123);
  CHECK(h.Ready("alice") == "True Reconciled");

  h.Put(Member("bob"));
  h.Settle();
  const auto given = h.accounts.Get("bob")->uid;
  h.accounts.Remove("bob");
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  REQUIRE(h.accounts.Get("bob"));
  CHECK(h.accounts.Get("bob")->uid == given);
}

TEST_CASE("[SEC-05] user: an account that an admin made and put into the members' group is not taken over") {
  BoxHarness h;
  const host::Account made_by_hand{.name = "alice",
                                   .uid = 20000,  // As useradd gives it: the highest and one more.
                                   .gid = 20000,
                                   .home = "/home/alice",
                                   .shell = "/bin/bash",
                                   .groups = {"hero"}};
  h.accounts.Put(made_by_hand);
  User alice = Member("alice");
  alice.spec.uid = 20000;
  h.Put(alice);
  h.PassAnHour();
  CHECK(h.Ready("alice") == "False ForeignAccount");
  CHECK(h.accounts.Get("alice") == made_by_hand);
  CHECK(h.homes.writes() == 0);
  CHECK_FALSE(h.Get<Slot>("alice"));
  h.Delete<User>("alice");
  h.Settle();
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK(h.accounts.Get("alice") == made_by_hand);
}

TEST_CASE(
    "[SEC-05][SEC-06] user: adopt does not reach accounts of root, of the system, of the box, or as good as root") {
  BoxHarness h;
  std::map<std::string, host::Account> before;
  const auto put = [&](const std::string& name, std::int64_t uid, std::vector<std::string> groups) {
    before[name] = {
        .name = name, .uid = uid, .gid = uid, .home = "/home/" + name, .shell = "/bin/sh", .groups = std::move(groups)};
    h.accounts.Put(before[name]);
    User user = Member(name);
    user.spec.adopt = true;
    h.Put(user);
  };
  put("toor", 0, {});
  put("mysql", 110, {});
  put("nogroup", 65534, {});
  put("boss", 1000, {"hero-admin"});
  put("chief", 1001, {"hero", "sudo"});
  put("driver", 1002, {});
  h.Settle();
  for (const auto& [name, account] : before) {
    CAPTURE(name);
    CHECK(h.Ready(name) == "False ForeignAccount");
    CHECK(h.accounts.Get(name) == account);
  }
  CHECK(MessageOf(h, "chief").find("gpasswd -d chief sudo") != std::string::npos);
}

TEST_CASE("[HTB-15][HTB-16][SEC-11] user: login ends even where the rest of the account cannot be made so") {
  BoxHarness h;
  for (const std::string name : {"alice", "bob"}) h.Put(Member(name));
  h.Settle();
  for (const std::string name : {"alice", "bob"}) {
    User user = *h.Get<User>(name);
    user.spec.display_name = "breaks: passwd";
    user.spec.deactivated = name == "bob";
    h.Put(user);
  }
  h.Settle();
  CHECK_FALSE(h.Ready("alice").starts_with("True"));
  CHECK(h.accounts.Get("bob")->is_expired);
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  h.Delete<User>("alice");
  h.Settle();
  CHECK(h.accounts.Get("alice")->is_expired);
}

TEST_CASE("[HTB-07] user: an adopted account stays ours without adopt, and what else it is in is reported") {
  BoxHarness h;
  h.accounts.Put({.name = "alice",
                  .uid = 1000,
                  .gid = 1000,
                  .home = "/home/alice",
                  .shell = "/bin/zsh",
                  .groups = {"audio", "video"}});
  h.homes.Put("/home/alice", {.exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = "old\n"});
  User alice = Member("alice");
  alice.spec.uid = 20000;
  alice.spec.adopt = true;
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("alice")->uid == 1000);
  CHECK(h.Get<User>("alice")->status.other_groups == std::vector<std::string>{"audio", "video"});
  alice.spec.adopt = false;
  alice.spec.deactivated = true;
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK(h.accounts.Get("alice")->groups == std::vector<std::string>{"audio", "developers", "hero", "video"});
}

TEST_CASE("[HTB-16] user: one who is declared again while leaving comes back on the own account, without adopt") {
  BoxHarness h;
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.DeclareTeam();
  const auto uid = h.accounts.Get("alice")->uid;
  const auto first = h.Get<User>("alice")->metadata.uid;
  h.archives.PutWork("/home/alice");
  h.archives.FailPacks(api::Error{api::Code::kUnavailable, "DiskFull", "no space left"});
  h.Push({{"bob.toml", BoxHarness::UserFile("bob")}});
  REQUIRE(h.Get<User>("alice"));
  CHECK(h.Get<User>("alice")->metadata.is_deleting());
  h.Push({{"alice.toml", BoxHarness::UserFile("alice")}, {"bob.toml", BoxHarness::UserFile("bob")}});
  h.archives.FailPacks({});
  h.PassAnHour();
  const auto alice = h.Get<User>("alice");
  REQUIRE(alice);
  CHECK(alice->metadata.uid != first);
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.accounts.Get("alice")->uid == uid);
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.archives.Names().size() == 1);
}

TEST_CASE("[HTB-15][SEC-14] user: a member whose home cannot be looked at is expired all the same") {
  BoxHarness h;
  User alice = Member("alice");
  h.Put(alice);
  h.Settle();
  h.homes.MakeLink("/home/alice");
  alice.spec.deactivated = true;
  h.Put(alice);
  h.Settle();
  CHECK(h.accounts.Get("alice")->is_expired);
  CHECK(h.Ready("alice") == "False NotAPlainPath");
  CHECK_FALSE(h.Get<User>("alice")->status.login_enabled);
}

TEST_CASE("[HTB-16][SEC-12] user: a removed member is expired even while nobody can say what is to be archived") {
  BoxHarness h;
  h.Put(Member("alice"));
  h.Settle();
  h.archives.PutWork("/home/alice");
  h.archives.FailNth(1, {api::Code::kForbidden, "NotAPlainPath", "/home/alice is a link; remove it"});
  h.Delete<User>("alice");
  h.Settle();
  CHECK(h.accounts.Get("alice")->is_expired);
  h.PassAnHour();
  CHECK_FALSE(h.Get<User>("alice"));
  CHECK(h.archives.Names().size() == 1);
}

TEST_CASE("[HTB-16] user: an archive that is being written goes on while the home cannot be looked at") {
  BoxHarness h;
  h.Put(Member("alice"));
  h.Settle();
  h.archives.PutWork("/home/alice");
  h.Delete<User>("alice");
  while (!h.accounts.Get("alice")->is_expired) REQUIRE(h.manager().Step());  // The archive is asked for by then.
  h.archives.FailNth(1, {api::Code::kUnavailable, "Broken", "broken for once"});
  h.file_watch.Ring("/box/etc/passwd");
  h.Settle();
  CHECK(h.archives.Names().size() == 1);
  h.PassAnHour();
  CHECK_FALSE(h.Get<User>("alice"));
}

TEST_CASE("[HTB-12] user: the secrets repository is made once and shared, and nobody asks the forge again") {
  BoxHarness h;
  User alice = Member("alice");
  alice.spec.forge_login = "alice-at-forge";
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "True Reconciled");
  const auto made = h.secrets_forge.Get("acme-private/secrets_alice");
  REQUIRE(made);
  CHECK(made->is_private);
  CHECK(made->files.contains("secrets.toml.example"));
  CHECK(made->collaborators.contains("alice-at-forge"));
  CHECK(h.Get<User>("alice")->status.secrets_repository == "acme-private/secrets_alice");
  CHECK(h.Get<User>("alice")->status.secrets_login == "alice-at-forge");

  const int calls = h.secrets_forge.calls();
  h.PassAnHour();
  CHECK(h.secrets_forge.calls() == calls);

  alice.spec.forge_login = "al";
  h.Put(alice);
  h.Settle();
  CHECK(h.secrets_forge.Get("acme-private/secrets_alice")->collaborators == std::set<std::string>{"al"});
  CHECK(h.Get<User>("alice")->status.secrets_login == "al");

  h.Delete<User>("alice");
  h.Settle();
  CHECK(h.secrets_forge.Get("acme-private/secrets_alice"));
}

TEST_CASE("[HTB-12][SEC-60] user: a forge that is down costs the secrets repository alone, and that is made later") {
  BoxHarness h;
  h.secrets_forge.FailNth(1, {api::Code::kUnavailable, "ForgeDown", "the forge does not answer"});
  h.Put(Member("alice"));
  h.Settle();
  CHECK(h.Ready("alice") == "False ForgeDown");
  REQUIRE(h.accounts.Get("alice"));
  CHECK_FALSE(h.accounts.Get("alice")->is_expired);
  CHECK(h.homes.Get("/home/alice").has_keys_file);
  CHECK(h.Get<Slot>("alice"));
  h.PassAnHour();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.secrets_forge.Get("acme-private/secrets_alice"));
}

TEST_CASE("[HTB-12] user: a forge account that is no longer named loses what herod gave it, and nothing else") {
  BoxHarness h;
  const auto let_in = [&] { return h.secrets_forge.Get("acme-private/secrets_alice")->collaborators; };
  const auto name = [&](std::optional<std::string> login) {
    User alice = Member("alice");
    alice.spec.forge_login = std::move(login);
    h.Put(alice);
    h.Settle();
    REQUIRE(h.Ready("alice") == "True Reconciled");
  };
  name("first");
  for (const char* again : {"second", "first", "second"}) {  // What was done once is done again.
    name(again);
    CHECK(let_in() == std::set<std::string>{again});
  }
  name(std::nullopt);
  CHECK(let_in().empty());
  CHECK_FALSE(h.Get<User>("alice")->status.secrets_login);

  auto shared = *h.secrets_forge.Get("acme-private/secrets_alice");
  shared.collaborators = {"by-hand", "other"};
  h.secrets_forge.Put("acme-private/secrets_alice", shared);
  name("by-hand");
  CHECK(h.Get<User>("alice")->status.secrets_login_is_ours == false);
  name("first");
  CHECK(let_in() == std::set<std::string>{"by-hand", "first", "other"});
}

TEST_CASE("[HTB-12] user: a forge account that is not there keeps the one before let in, and so does an outage") {
  BoxHarness h;
  User alice = Member("alice");
  alice.spec.forge_login = "first";
  h.Put(alice);
  h.Settle();
  h.secrets_forge.RemoveLogin("nobody");
  alice.spec.forge_login = "nobody";
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "False NoForgeAccount");
  CHECK(h.secrets_forge.Get("acme-private/secrets_alice")->collaborators == std::set<std::string>{"first"});
  alice.spec.forge_login = "second";
  h.secrets_forge.FailNth(2, {api::Code::kUnavailable, "ForgeDown", "the forge does not answer"});  // The removal.
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "False ForgeDown");
  h.PassAnHour();
  CHECK(h.Ready("alice") == "True Reconciled");
  CHECK(h.secrets_forge.Get("acme-private/secrets_alice")->collaborators == std::set<std::string>{"second"});
}

TEST_CASE("[HTB-12] user: without the organisation, or without the login, it says what is missing where") {
  BoxHarness h;
  h.secrets_forge.RemoveLogin("nobody");
  User alice = Member("alice");
  alice.spec.forge_login = "nobody";
  h.Put(alice);
  h.Settle();
  CHECK(h.Ready("alice") == "False NoForgeAccount");
  CHECK(MessageOf(h, "alice").find("correct forge_login in users/alice.toml") != std::string::npos);
  h.secrets_forge.RemoveOrganisation("acme-private");
  h.Put(Member("bob"));
  h.Settle();
  CHECK(h.Ready("bob") == "False NoPrivateOrg");
  CHECK(MessageOf(h, "bob").find("[forge].private_org") != std::string::npos);
  CHECK(h.accounts.Get("bob"));
}

TEST_CASE("[HTB-19] user: of fifty, those that each fail in a way of their own hold up nobody") {
  BoxHarness h;
  std::map<std::string, std::string> reasons;
  const auto fail = [&](const std::string& name, const std::string& reason) {
    reasons[name] = reason;
    return Member(name);
  };
  h.accounts.Put({.name = "u01", .uid = 1000, .gid = 1000, .home = "/home/u01", .shell = "/bin/sh"});
  h.Put(fail("u01", "False ForeignAccount"));
  h.accounts.Put({.name = "u02", .uid = 110, .gid = 110, .home = "/home/u02", .shell = "/bin/sh"});
  User adopting = fail("u02", "False ForeignAccount");
  adopting.spec.adopt = true;
  h.Put(adopting);
  h.homes.MakeLink("/home/u03");
  h.Put(fail("u03", "False NotAPlainPath"));
  User colon = fail("u04", "False InvalidAccount");
  colon.spec.display_name = "root:x:0";
  h.Put(colon);
  h.secrets_forge.RemoveLogin("nobody");
  User friendless = fail("u05", "False NoForgeAccount");
  friendless.spec.forge_login = "nobody";
  h.Put(friendless);
  for (int i = 6; i < 50; ++i) h.Put(Member("u" + std::to_string(i)));
  h.accounts.FailNth(30, {api::Code::kUnavailable, "AccountsUnavailable", "broken for once"});
  h.homes.FailNth(40, {api::Code::kUnavailable, "HomeUnavailable", "broken for once"});
  h.secrets_forge.FailNth(20, {api::Code::kUnavailable, "ForgeDown", "broken for once"});
  h.PassAnHour();
  for (const auto& [name, reason] : reasons) CHECK(h.Ready(name) == reason);
  for (int i = 6; i < 50; ++i) {
    CAPTURE(i);
    CHECK(h.Ready("u" + std::to_string(i)) == "True Reconciled");
  }
}

TEST_CASE(
    "[ENGINE-19][HTB-18] user: each host call failing once, the end is the same and a further hour writes nothing") {
  for (int n = 1; n <= 14; ++n) {
    CAPTURE(n);
    BoxHarness h;
    const api::Error broken{api::Code::kUnavailable, "Broken", "broken for once"};
    h.accounts.FailNth(n, broken);
    h.homes.FailNth(n, broken);
    h.secrets_forge.FailNth(n, broken);
    h.Put(Member("alice"));
    h.PassAnHour();
    h.PassAnHour();  // The nth call may be one of a late rescan,
    h.PassAnHour();  // and what was told of it is forgotten after an hour.
    CHECK(h.Ready("alice") == "True Reconciled");
    CHECK(h.WritesDuring([&] { h.PassAnHour(); }) == 0);
  }
}

TEST_CASE("[HTB-18] user: a plan shows what an adoption will change before anything is changed") {
  BoxHarness h;
  h.accounts.Put({.name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice", .shell = "/bin/zsh"});
  h.homes.Put("/home/alice",
              {.exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = "ssh-ed25519 AAAA old\n"});
  User alice = Member("alice");
  alice.spec.adopt = true;
  alice.metadata.annotations["hero.dev/observe-only"] = "true";
  h.Put(alice);
  h.Settle();
  const auto plan = h.manager().Plan({.resource = "users.hero.dev", .name = "alice"});
  REQUIRE(plan);
  std::string text;
  for (const auto& step : plan->steps) text += step.text.verb + " " + step.text.target + ": " + step.text.reason + "\n";
  CHECK(
      text.starts_with("claim account alice: is here already with the uid 1000\n"
                       "adopt account alice: differs in shell, groups +developers +hero\n"
                       "write keys /home/alice/.ssh/authorized_keys: replaces the keys that are there, 1 of them\n"));
  CHECK(h.accounts.writes() == 0);
  CHECK(h.homes.writes() == 0);
}

}  // namespace
}  // namespace tests
