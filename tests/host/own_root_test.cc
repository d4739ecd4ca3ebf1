// Accounts and homes where they really are, /etc and /home, in a root of the test's own: libc, the shadow tools and a
// member's own processes are asked whether what we wrote is an account.
#include "tests/support/own_root.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "host/passwd/accounts.h"
#include "host/passwd/homes.h"
#include "host/passwd/numbers.h"
#include "tests/support/fake_clock.h"

namespace {

namespace fs = std::filesystem;
using host::AccountWish;

constexpr const char* kKeys = "ssh-ed25519 AAAA alice\n";

/// herod's seams on a real box. To be made in WithOwnRoot.
struct RealBox {
  host::linux::SpawnedProcesses processes;
  tests::FakeClock clock;
  host::passwd::Getent names{processes};
  host::passwd::FileAccounts accounts{
      "/etc", clock, {.rules = {.assignable_groups = std::vector<std::string>{"hero", "ops"}}, .name_service = &names}};
  host::passwd::FileNumbers numbers{"/etc"};
  host::passwd::MemberHomes homes{
      {.root = "/", .skeleton = "/etc/skel", .helper = std::string(tests::kOwnPrograms) + "/herod-home"},
      accounts,
      processes};

  host::Finished Run(std::vector<std::string> argv) {
    CAPTURE(argv.front());
    const auto finished = processes.Run({.argv = std::move(argv),
                                         .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}},
                                         .deadline = std::chrono::seconds(60)},
                                        {});
    REQUIRE_MESSAGE(finished, finished.error().message);
    return *finished;
  }
  /// What it prints; the test fails where it does.
  std::string Ask(std::vector<std::string> argv) {
    const std::string name = argv.front();
    const host::Finished finished = Run(std::move(argv));
    CAPTURE(name);
    CAPTURE(finished.out);
    INFO(finished.err);
    CHECK(finished.exit_code == 0);
    return finished.out;
  }
};

AccountWish Wish(const std::string& name) {
  return {.name = name,
          .gecos = "Ms " + name,
          .home = "/home/" + name,
          .shell = "/bin/bash",
          .groups = {"hero"},
          .managed_groups = {"hero", "ops"}};
}

TEST_CASE("[HTB-10][HTB-15] own root: libc and the tools take our accounts for accounts" * tests::NeedsMounts()) {
  tests::WithOwnRoot([] {
    RealBox box;
    REQUIRE(box.accounts.Ensure(Wish("alice")));
    CHECK(box.Ask({"getent", "passwd", "alice"}) == "alice:x:20000:20000:Ms alice:/home/alice:/bin/bash\n");
    CHECK(box.Ask({"getent", "passwd", "20000"}).starts_with("alice:"));
    CHECK(box.Ask({"getent", "group", "hero"}) == "hero:x:30000:alice\n");
    CHECK(box.Ask({"id", "-Gn", "alice"}) == "alice hero\n");
    AccountWish gone = Wish("alice");
    gone.is_expired = true;
    REQUIRE(box.accounts.Ensure(gone));
    CHECK(box.Ask({"getent", "shadow", "alice"}).ends_with(":0:\n"));
    REQUIRE(box.accounts.Ensure(Wish("alice")));
    fs::create_directories("/home/alice");
    CHECK(box.Run({"pwck", "-q", "-r"}).exit_code == 0);
    CHECK(box.Run({"grpck", "-r"}).exit_code == 0);
  });
}

TEST_CASE("[HTB-13][SEC-05] own root: what the shadow tools change is seen, mended where it is ours, left where not" *
          tests::NeedsMounts()) {
  tests::WithOwnRoot([] {
    if (!fs::exists("/usr/sbin/useradd")) {
      MESSAGE("left out: there are no shadow tools");
      return;
    }
    RealBox box;
    const auto alice = box.accounts.Ensure(Wish("alice"));
    REQUIRE(alice);
    box.Ask({"groupadd", "-g", "40000", "friends"});
    box.Ask({"useradd", "-M", "-G", "hero", "guest"});
    box.Ask({"usermod", "-s", "/bin/sh", "-a", "-G", "friends", "alice"});
    const auto guest = box.accounts.Find("guest").value_or({});
    REQUIRE(guest);
    CHECK(guest->uid == 20001);  // The highest and one more, so a number of our range: it proves nothing.
    auto holders = box.numbers.HoldersOf(api::v1::kMemberIds);
    REQUIRE(holders);
    CHECK(*holders == std::vector<host::NumberHolder>{{20000, "alice"}, {20001, "guest"}});

    CHECK(box.accounts.Find("alice").value_or({})->shell == "/bin/sh");
    const auto mended = box.accounts.Ensure(Wish("alice"));
    REQUIRE(mended);
    CHECK(mended->shell == "/bin/bash");
    CHECK(mended->groups == std::vector<std::string>{"friends", "hero"});
    CHECK(box.accounts.Find("guest").value_or({}) == guest);
    CHECK(box.accounts.Ensure(Wish("bob")).value_or({}).uid == 20002);
    box.Ask({"userdel", "alice"});
    CHECK_FALSE(*box.accounts.Find("alice"));
    CHECK(box.Run({"grpck", "-r"}).exit_code == 0);
  });
}

TEST_CASE("[SEC-05] own root: a name that is in the files is no other source's" * tests::NeedsMounts()) {
  tests::WithOwnRoot([] {
    RealBox box;
    REQUIRE(box.accounts.Ensure(Wish("alice")));  // getent is asked for her while she is not there.
    const auto known = box.names.Ask({.accounts = {"alice", "nobody_here"}, .ids = {20000}});
    REQUIRE(known);
    REQUIRE_FALSE(known->accounts.empty());
    CHECK(known->accounts.front().name == "alice");
    CHECK(known->accounts.front().id == 20000);
    REQUIRE_FALSE(known->groups.empty());
    CHECK(known->groups.front().name == "alice");
    AccountWish changed = Wish("alice");
    changed.shell = "/bin/sh";
    CHECK(box.accounts.Ensure(changed));
  });
}

TEST_CASE("[HTB-10][SEC-15] own root: a member reads the own keys and home, and no other member does" *
          tests::NeedsRootAndMounts()) {
  tests::WithOwnRoot([] {
    RealBox box;
    for (const char* name : {"alice", "bob"}) {
      const auto account = box.accounts.Ensure(Wish(name));
      REQUIRE(account);
      REQUIRE(box.homes.EnsureHome(account->home, account->uid, account->gid));
      const auto written = box.homes.WriteAuthorizedKeys(account->home, kKeys);
      REQUIRE_MESSAGE(written, written.error().message);
    }
    const auto as = [&box](const std::string& name, std::vector<std::string> argv) {
      argv.insert(argv.begin(), {"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--"});
      return box.Run(argv);
    };
    CHECK(as("alice", {"id", "-Gn"}).out == "alice hero\n");
    CHECK(as("alice", {"cat", "/home/alice/.ssh/authorized_keys"}).out == kKeys);
    CHECK(as("alice", {"cat", "/home/alice/.profile"}).out == "umask 022\n");
    CHECK(as("alice", {"touch", "/home/alice/notes"}).exit_code == 0);
    CHECK(as("bob", {"cat", "/home/alice/.ssh/authorized_keys"}).exit_code != 0);
    CHECK(as("bob", {"ls", "/home/alice"}).exit_code != 0);
    CHECK(as("alice", {"cat", "/etc/shadow"}).exit_code != 0);
  });
}

}  // namespace
