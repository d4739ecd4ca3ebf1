// What every account database promises, the fake one too.
#include "host/accounts.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/passwd/accounts.h"
#include "host/passwd/numbers.h"
#include "tests/host/priv_box.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_name_service.h"
#include "tests/support/temp_dir.h"

namespace {

using api::Code;
using host::Account;
using host::AccountWish;

struct Sandbox {
  tests::TempDir root;
  tests::FakeClock clock;
  host::passwd::FileAccounts accounts{root / "etc", clock, {.makes_missing_files = true}};
  host::passwd::FileNumbers numbers{root / "etc"};
};

/// /etc of a real box, in a root that is thrown away: with gshadow, and another source of names beside the files.
struct System {
  System() {
    root.Write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    root.Write("etc/group", "root:x:0:\naudio:x:29:\n");
    root.Write("etc/shadow", "root:*:20777:0:99999:7:::\n");
    root.Write("etc/gshadow", "root:*::\naudio:*::\n");
  }

  tests::TempDir root;
  tests::FakeClock clock;
  tests::FakeNameService names;
  host::passwd::FileAccounts accounts{
      root / "etc",
      clock,
      {.rules = {.assignable_groups = std::vector<std::string>{"audio", "hero", "ops"}}, .name_service = &names}};
  host::passwd::FileNumbers numbers{root / "etc"};
};

struct Fake {
  tests::FakeAccounts accounts;
  host::Numbers& numbers = accounts;
};

/// herod's side of a real box, with a herod-priv behind it.
using Priv = tests::PrivBox;

AccountWish Wish(const std::string& name) {
  return {.name = name, .gecos = "Ms " + name, .home = "/home/" + name, .shell = "/bin/bash"};
}

TEST_CASE_TEMPLATE("[HTB-10] accounts: a new account has the lowest free uid and a group of that number", Backend,
                   Sandbox, System, Priv, Fake) {
  Backend backend;
  REQUIRE(backend.accounts.Find("alice"));
  CHECK_FALSE(*backend.accounts.Find("alice"));

  const auto alice = backend.accounts.Ensure(Wish("alice"));
  REQUIRE(alice);
  CHECK(*alice == Account{.name = "alice",
                          .uid = 20000,
                          .gid = 20000,
                          .gecos = "Ms alice",
                          .home = "/home/alice",
                          .shell = "/bin/bash"});
  CHECK(backend.accounts.Find("alice").value_or({}) == *alice);
  CHECK(backend.accounts.Ensure(Wish("bob")).value_or({}).uid == 20001);
}

TEST_CASE_TEMPLATE("[HTB-18] accounts: the same wish again changes nothing, another one changes what differs", Backend,
                   Sandbox, System, Priv, Fake) {
  Backend backend;
  AccountWish wish = Wish("alice");
  const auto first = backend.accounts.Ensure(wish);
  REQUIRE(first);
  CHECK(backend.accounts.Ensure(wish).value_or({}) == *first);

  wish.gecos = "Alice Liddell";
  wish.shell = "/bin/sh";
  const auto changed = backend.accounts.Ensure(wish);
  REQUIRE(changed);
  CHECK(changed->uid == first->uid);
  CHECK(changed->gecos == "Alice Liddell");
  CHECK(changed->shell == "/bin/sh");
}

TEST_CASE_TEMPLATE("[HTB-15] accounts: an account expires and comes back as it was", Backend, Sandbox, System, Priv,
                   Fake) {
  Backend backend;
  AccountWish wish = Wish("alice");
  const auto before = backend.accounts.Ensure(wish);
  REQUIRE(before);
  wish.is_expired = true;
  CHECK(backend.accounts.Ensure(wish).value_or({}).is_expired);
  CHECK(backend.accounts.Find("alice").value_or({})->is_expired);
  wish.is_expired = false;
  CHECK(backend.accounts.Ensure(wish).value_or({}) == *before);
}

TEST_CASE_TEMPLATE("[HTB-13][SEC-07] accounts: only managed groups are given and taken", Backend, Sandbox, System, Priv,
                   Fake) {
  Backend backend;
  AccountWish wish = Wish("alice");
  wish.managed_groups = {"audio"};
  wish.groups = {"audio"};
  REQUIRE(backend.accounts.Ensure(wish));  // By somebody else, so to say: from now on audio is not ours.

  wish.managed_groups = {"hero", "ops"};
  wish.groups = {"ops", "hero"};
  CHECK(backend.accounts.Ensure(wish).value_or({}).groups == std::vector<std::string>{"audio", "hero", "ops"});
  wish.groups = {"hero"};
  CHECK(backend.accounts.Ensure(wish).value_or({}).groups == std::vector<std::string>{"audio", "hero"});
  CHECK(backend.accounts.Find("alice").value_or({})->groups == std::vector<std::string>{"audio", "hero"});
}

TEST_CASE_TEMPLATE("[HOST] accounts: a wish that does not fit is refused and leaves no account", Backend, Sandbox, Priv,
                   Fake) {
  Backend backend;
  std::vector<std::pair<std::string, AccountWish>> rows;
  const auto row = [&rows](const char* name) -> AccountWish& {
    return rows.emplace_back(name, Wish("mallory")).second;
  };
  row("no name").name = "";
  row("colon in the name").name = "mallory:x";
  row("colon in the display name").gecos = "Mallory:0:0";
  row("line break in the display name").gecos = "Mallory\nroot2:x:0:0::/:/bin/sh";
  row("colon in the home").home = "/home:x";
  row("line break in the shell").shell = "/bin/sh\n";
  row("a group that is not managed").groups = {"hero"};
  for (const auto& [name, wish] : rows) {
    CAPTURE(name);
    const auto refused = backend.accounts.Ensure(wish);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kInvalid);
  }
  CHECK_FALSE(*backend.accounts.Find("mallory"));
  CHECK(backend.accounts.Ensure(Wish("alice")).value_or({}).uid == 20000);
}

TEST_CASE_TEMPLATE("[HTB-10] accounts: thirty-two at once are all made, each with its own number", Backend, Sandbox,
                   Priv, Fake) {
  Backend backend;
  {
    std::vector<std::jthread> threads;
    threads.reserve(32);
    for (int i = 0; i < 32; ++i) {
      threads.emplace_back([&backend, i] {
        AccountWish wish = Wish("user" + std::to_string(i));
        wish.managed_groups = wish.groups = {"hero"};
        CHECK(backend.accounts.Ensure(wish));
      });
    }
  }
  std::set<std::int64_t> uids;
  for (int i = 0; i < 32; ++i) {
    const auto account = backend.accounts.Find("user" + std::to_string(i));
    REQUIRE(account);
    REQUIRE(*account);
    CHECK((*account)->groups == std::vector<std::string>{"hero"});
    uids.insert((*account)->uid);
  }
  CHECK(uids.size() == 32);
  CHECK(*uids.rbegin() == 20031);
}

TEST_CASE_TEMPLATE("[SEC-05][SEC-08] accounts: a wished number is given, unless another has it", Backend, Sandbox,
                   System, Fake) {
  Backend backend;
  AccountWish wish = Wish("alice");
  wish.uid = 20007;
  CHECK(backend.accounts.Ensure(wish).value_or({}).uid == 20007);
  wish.uid = 20008;
  CHECK(backend.accounts.Ensure(wish).value_or({}).uid == 20007);  // An account keeps its own.

  AccountWish other = Wish("bob");
  other.uid = 20007;
  const auto refused = backend.accounts.Ensure(other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kForbidden);
  CHECK(refused.error().reason == "UidTaken");
  CHECK_FALSE(*backend.accounts.Find("bob"));
  CHECK(backend.accounts.Ensure(Wish("bob")).value_or({}).uid == 20000);  // The lowest that is free.
}

TEST_CASE_TEMPLATE("[SEC-08] accounts: who has a number of a range is told, and nobody else", Backend, Sandbox, System,
                   Fake) {
  Backend backend;
  using Holders = std::vector<host::NumberHolder>;
  const api::v1::IdRange range{20001, 20008};
  CHECK(backend.numbers.HoldersOf(range).value_or(Holders{{}}).empty());
  for (const auto& [name, uid] : {std::pair{"alice", 20001}, {"bob", 20008}, {"carol", 20000}, {"dave", 20009}}) {
    AccountWish wish = Wish(name);
    wish.uid = uid;
    REQUIRE(backend.accounts.Ensure(wish));
  }
  CHECK(backend.numbers.HoldersOf(range).value_or(Holders{}) == Holders{{20001, "alice"}, {20008, "bob"}});
}

TEST_CASE("[SEC-08] sandbox accounts: groups and primary groups have numbers too, each is told once") {
  Sandbox box;
  box.root.Write("etc/passwd", "guest:x:20001:20002::/srv/guest:/bin/sh\nrobot:x:20003:20003::/srv/robot:/bin/sh\n");
  box.root.Write("etc/group", "robot:x:20003:\nfriends:x:20002:\nfar:x:30000:\n");
  box.root.Write("etc/shadow", "");
  using Holders = std::vector<host::NumberHolder>;
  CHECK(box.numbers.HoldersOf(api::v1::kMemberIds).value_or(Holders{}) ==
        Holders{{20001, "guest"}, {20002, "friends"}, {20002, "guest"}, {20003, "robot"}});
  box.root.Write("etc/group", "torn");
  CHECK(box.numbers.HoldersOf(api::v1::kMemberIds).error().code == Code::kUnavailable);  // Unknown, not free.
}

TEST_CASE("[HOST] fake accounts: writes are counted and the nth call fails") {
  tests::FakeAccounts accounts;
  REQUIRE(accounts.Ensure(Wish("alice")));
  REQUIRE(accounts.Ensure(Wish("alice")));
  CHECK(accounts.writes() == 1);

  accounts.FailNth(2, {Code::kUnavailable, "Broken", "the disk is full"});
  CHECK(accounts.Find("alice"));
  const auto failed = accounts.Ensure(Wish("bob"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().reason == "Broken");
  CHECK_FALSE(accounts.Get("bob"));
  CHECK(accounts.Ensure(Wish("bob")));
}

}  // namespace
