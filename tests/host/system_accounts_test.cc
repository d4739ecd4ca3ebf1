// What the accounts of a real box promise, in a root that is thrown away: locks, owners, copies, other sources of
// names, other programs at the same files, and what must never be done whoever asks.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "host/passwd/account_lock.h"
#include "host/passwd/accounts.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_name_service.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::AccountWish;
using host::passwd::AccountsOptions;
using host::passwd::FileAccounts;
using namespace std::chrono_literals;

constexpr const char* kFiles[] = {"passwd", "group", "shadow", "gshadow"};

/// /etc of a real box.
struct Box {
  Box() { Fill(); }

  void Fill() const {
    root.Write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nmysql:x:110:110::/var/lib/mysql:/bin/false\n+::::::\n");
    root.Write("etc/group", "root:x:0:\nsudo:x:27:\nmysql:x:110:\nusers:x:100:\n+:::\n");
    root.Write("etc/shadow", "root:*:20777:0:99999:7:::\nmysql:!:20777::::::\n");
    root.Write("etc/gshadow", "root:*::\nsudo:*::\nmysql:!::\nusers:*::\n");
  }
  std::string Get(const std::string& name) const { return root.Read("etc/" + name); }
  std::vector<std::string> All() const {
    std::vector<std::string> all;
    for (const char* name : kFiles) all.push_back(Get(name));
    return all;
  }
  struct stat Stat(const std::string& name) const {
    struct stat status {};
    REQUIRE(::stat((root / ("etc/" + name)).c_str(), &status) == 0);
    return status;
  }

  tests::TempDir root;
  tests::FakeClock clock;
  tests::FakeNameService names;
  AccountsOptions options{.rules = {.assignable_groups = std::vector<std::string>{"hero", "ops"}},
                          .name_service = &names,
                          .lock_patience = 30s};
  FileAccounts accounts{root / "etc", clock, options};
};

AccountWish Wish(const std::string& name) {
  return {.name = name,
          .gecos = "Ms " + name,
          .home = "/home/" + name,
          .shell = "/bin/bash",
          .groups = {"hero"},
          .managed_groups = {"hero", "ops"}};
}

TEST_CASE(
    "[HTB-10] system accounts: all four files get the account, and the files before it are kept with - at the end") {
  Box box;
  const auto before = box.All();
  REQUIRE(box.accounts.Ensure(Wish("alice")));
  CHECK(box.Get("passwd") == before[0] + "alice:x:20000:20000:Ms alice:/home/alice:/bin/bash\n");
  CHECK(box.Get("group") == before[1] + "alice:x:20000:\nhero:x:30000:alice\n");
  CHECK(box.Get("shadow") == before[2] + "alice:*:20777:0:99999:7:::\n");
  CHECK(box.Get("gshadow") == before[3] + "alice:!::\nhero:!::alice\n");
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(box.Get(std::string(kFiles[i]) + "-") == before[i]);
  // Nothing else stands there: no lock, no temporary file.
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(box.root / "etc")) names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{".pwd.lock", "group", "group-", "gshadow", "gshadow-", "passwd", "passwd-",
                                       "shadow", "shadow-"});
}

TEST_CASE("[SEC-06] system accounts: owner and mode of the files stay" * tests::NeedsRoot()) {
  Box box;
  constexpr gid_t kShadowGroup = 42;
  for (const char* name : {"shadow", "gshadow"}) {
    REQUIRE(::chown((box.root / ("etc/" + std::string(name))).c_str(), 0, kShadowGroup) == 0);
    REQUIRE(::chmod((box.root / ("etc/" + std::string(name))).c_str(), 0640) == 0);
  }
  REQUIRE(::chmod((box.root / "etc/passwd").c_str(), 0444) == 0);
  REQUIRE(box.accounts.Ensure(Wish("alice")));
  for (const char* name : {"shadow", "gshadow", "shadow-", "gshadow-"}) {
    CAPTURE(name);
    CHECK(box.Stat(name).st_gid == kShadowGroup);
    CHECK((box.Stat(name).st_mode & 07777) == 0640);
  }
  CHECK((box.Stat("passwd").st_mode & 07777) == 0444);
}

TEST_CASE("[SEC-07] system accounts: a membership in gshadow alone is seen and taken back, newgrp would believe it") {
  Box box;
  REQUIRE(box.accounts.Ensure(Wish("alice")));
  box.root.Write("etc/group", box.Get("group") + "ops:x:30001:\n");
  box.root.Write("etc/gshadow", box.Get("gshadow") + "ops:!::alice\n");
  CHECK(box.accounts.Find("alice").value_or({})->groups == std::vector<std::string>{"hero", "ops"});
  CHECK(box.accounts.Ensure(Wish("alice")).value_or({}).groups == std::vector<std::string>{"hero"});
  CHECK(box.Get("gshadow").ends_with("ops:!::\n"));
}

TEST_CASE("[SEC-53] system accounts: what a killed run left between group and gshadow is completed") {
  Box box;
  const auto before = box.All();
  REQUIRE(box.accounts.Ensure(Wish("alice")));
  const auto done = box.All();
  for (std::size_t killed = 0; killed < 4; ++killed) {
    CAPTURE(killed);
    // In the order in which they are put in place.
    constexpr std::size_t kOrder[] = {1, 3, 2, 0};
    for (std::size_t i = 0; i < 4; ++i) {
      box.root.Write("etc/" + std::string(kFiles[kOrder[i]]), i < killed ? done[kOrder[i]] : before[kOrder[i]]);
    }
    REQUIRE(box.accounts.Ensure(Wish("alice")));
    CHECK(box.All() == done);
  }
}

TEST_CASE("[SEC-05] system accounts: a name or number that another source has is nobody's to give") {
  Box box;
  box.names.AddAccount("ldap_lisa", 20000);
  box.names.AddGroup("ldap_team", 20001);
  for (std::int64_t id = 20002; id < 20100; ++id) box.names.AddAccount("d" + std::to_string(id), id);
  const auto before = box.All();

  const auto lisa = box.accounts.Ensure(Wish("ldap_lisa"));
  REQUIRE_FALSE(lisa);
  CHECK(lisa.error().code == Code::kForbidden);
  CHECK(lisa.error().reason == "NameTakenElsewhere");
  CHECK(box.accounts.Ensure(Wish("ldap_team")).error().reason == "NameTakenElsewhere");
  CHECK(box.All() == before);

  CHECK(box.accounts.Ensure(Wish("alice")).value_or({}).uid == 20100);
  AccountWish bob = Wish("bob");
  bob.uid = 20050;
  CHECK(box.accounts.Ensure(bob).error().reason == "UidTaken");
}

TEST_CASE("[SEC-05] system accounts: who is there already needs no answer of another source") {
  Box box;
  REQUIRE(box.accounts.Ensure(Wish("alice")));
  box.names.Fail({Code::kUnavailable, "NameServiceUnavailable", "the directory is down"});
  AccountWish alice = Wish("alice");
  alice.shell = "/bin/sh";
  CHECK(box.accounts.Ensure(alice));
  const auto before = box.All();
  const auto bob = box.accounts.Ensure(Wish("bob"));
  REQUIRE_FALSE(bob);
  CHECK(bob.error().code == Code::kUnavailable);
  CHECK(box.All() == before);
}

TEST_CASE("[SEC-04][SEC-05][SEC-06] system accounts: what no caller gets, and nothing is written") {
  std::vector<std::pair<std::string, AccountWish>> rows;
  const auto row = [&rows](const char* name, const char* account) -> AccountWish& {
    return rows.emplace_back(name, Wish(account)).second;
  };
  row("root", "root");
  row("a system's account", "mysql");
  row("a capital letter", "Alice");
  row("two underscores in a row", "al__ice");
  row("too long", "a2345678901234567890123456789012");
  row("somebody else's home", "alice").home = "/home/bob";
  row("a home elsewhere", "alice").home = "/root";
  row("uid 0", "alice").uid = 0;
  row("a system's uid", "alice").uid = 999;
  row("a uid of systemd", "alice").uid = 61184;
  row("sudo", "alice").managed_groups = {"sudo", "hero"};
  row("docker, which is not there", "alice").managed_groups = {"docker", "hero"};
  row("a group that the box does not allow", "alice").managed_groups = {"users", "hero"};
  row("a name whose group would be as good as root", "docker");
  row("a path in the shell", "alice").shell = "../bin/sh";
  for (const auto& [name, wish] : rows) {
    CAPTURE(name);
    Box box;
    const auto before = box.All();
    const auto refused = box.accounts.Ensure(wish);
    REQUIRE_FALSE(refused);
    CHECK((refused.error().code == Code::kForbidden || refused.error().code == Code::kInvalid));
    CHECK(box.All() == before);
    CHECK(box.accounts.Rewrites() == 0);
  }
}

TEST_CASE("[SEC-05] system accounts: a home that another account has is nobody's to give, however it is spelled") {
  for (const std::string home : {"/home/asmith", "/home/asmith/", "/home//asmith", "/home/./asmith",
                                 "/srv/../home/asmith", "/home/asmith/work"}) {
    CAPTURE(home);
    Box box;
    box.root.Write("etc/passwd", box.Get("passwd") + "Alice.Smith:x:1001:1001::" + home + ":/bin/bash\n" +
                                     "asmith_2:x:1002:1002::/srv/asmith_2:/bin/bash\n");
    const auto before = box.All();
    const auto made = box.accounts.Ensure(Wish("asmith"));
    REQUIRE_FALSE(made);
    CHECK(made.error().reason == "ForeignHome");
    CHECK(made.error().message.find("Alice.Smith") != std::string::npos);
    CHECK(box.All() == before);
    CHECK(box.accounts.Ensure(Wish("asmith_1")));
    CHECK(box.accounts.Ensure(Wish("asmith_2")));  // Moved: nobody else is there.
  }
  Box box;
  box.root.Write("etc/passwd", box.Get("passwd") +
                                   "asmith:x:1001:1001::/home/asmith/:/bin/bash\nold:x:1002:1002::/srv/old:/bin/sh\n" +
                                   "Old:x:1003:1003::/home/old:/bin/sh\n");
  CHECK(box.accounts.Ensure(Wish("asmith")));  // The own one, in another spelling.
  CHECK(box.accounts.Ensure(Wish("old")).error().reason == "ForeignHome");
}

TEST_CASE("[SEC-06] system accounts: a group with the number of root or sudo is refused under any name") {
  for (const std::string gid : {"0", "27"}) {
    Box box;
    box.root.Write("etc/group", box.Get("group") + "hero:x:" + gid + ":\n");
    CHECK(box.accounts.Ensure(Wish("alice")).error().reason == "ForbiddenGroup");
  }
}

TEST_CASE("[SEC-06] system accounts: who is as good as root by the primary group, or by a group's number, is seen") {
  Box box;
  box.root.Write("etc/group", box.Get("group") + "docker:x:990:\nrenamed:x:27:bob\n");
  box.root.Write("etc/passwd", box.Get("passwd") + "alice:x:1000:990::/home/alice:/bin/sh\n" +
                                   "bob:x:1001:1001::/home/bob:/bin/sh\ncarol:x:1002:1002::/home/carol:/bin/sh\n");
  CHECK(box.accounts.Find("alice").value_or({})->has_root_group);
  CHECK(box.accounts.Find("bob").value_or({})->has_root_group);
  CHECK_FALSE(box.accounts.Find("carol").value_or({})->has_root_group);
}

TEST_CASE("[SEC-08] system accounts: a wished number is given, unless an account or a group has it") {
  Box box;
  AccountWish alice = Wish("alice");
  alice.uid = 20007;
  CHECK(box.accounts.Ensure(alice).value_or({}).uid == 20007);
  CHECK(box.accounts.Find("alice").value_or({})->gid == 20007);

  AccountWish bob = Wish("bob");
  bob.uid = 20007;  // alice's.
  auto refused = box.accounts.Ensure(bob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "UidTaken");
  box.root.Write("etc/group", box.Get("group") + "team:x:20008:\n");
  bob.uid = 20008;  // A group's.
  refused = box.accounts.Ensure(bob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "UidTaken");
  CHECK_FALSE(*box.accounts.Find("bob"));

  alice.uid = 20010;  // An account keeps its own.
  CHECK(box.accounts.Ensure(alice).value_or({}).uid == 20007);
}

TEST_CASE(
    "[SEC-08][SEC-53] system accounts: a half-made account with a wished number is resumed, with another refused") {
  Box box;
  AccountWish alice = Wish("alice");
  alice.uid = 20007;
  box.root.Write("etc/group", box.Get("group") + "alice:x:20007:\n");
  alice.uid = 20009;
  CHECK(box.accounts.Ensure(alice).error().reason == "GroupExists");
  alice.uid = 20007;
  CHECK(box.accounts.Ensure(alice).value_or({}).uid == 20007);
}

TEST_CASE("[HOST] system accounts: a lock of a living process is waited for, one of a dead process is taken over") {
  Box box;
  AccountsOptions hasty = box.options;
  hasty.lock_patience = 20ms;
  FileAccounts accounts(box.root / "etc", box.clock, hasty);
  for (const std::string file : {"passwd", "group", "shadow", "gshadow"}) {
    CAPTURE(file);
    const std::string lock = "etc/" + file + ".lock";
    const std::string name = "user_" + file;
    box.root.Write(lock, "1");  // Process 1 lives always.
    auto refused = accounts.Ensure(Wish(name));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == "AccountsLocked");
    CHECK(refused.error().message.find("process 1 held " + file + ".lock") != std::string::npos);
    CHECK(box.root.Read(lock) == "1");

    box.root.Write(lock, "");  // Nobody can tell whose.
    refused = accounts.Ensure(Wish(name));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(file + ".lock names no process; remove it") != std::string::npos);

    box.root.Write(lock, "999999999");  // Above every pid_max.
    CHECK(accounts.Ensure(Wish(name)));
    CHECK(box.root.Read(lock) == "(absent)");
  }
}

TEST_CASE("[SEC-61] system accounts: a lock that ends while we wait lets us go on") {
  Box box;
  box.root.Write("etc/group.lock", "1");
  std::jthread releaser([&box] { fs::remove(box.root / "etc/group.lock"); });
  CHECK(box.accounts.Ensure(Wish("alice")));
}

TEST_CASE("[HOST] system accounts: a missing, torn or bad file is unknown, says which, and nothing is changed") {
  struct Row {
    std::string name;
    std::string file;
    std::string content;  // Empty: removed.
    std::string says;
  };
  const Row rows[] = {
      {"passwd gone", "passwd", "", "passwd, group or shadow is missing"},
      {"group gone", "group", "", "passwd, group or shadow is missing"},
      {"shadow gone", "shadow", "", "passwd, group or shadow is missing"},
      {"passwd torn", "passwd", "root:x:0:0:root:/root:/bin/bash\nmysql:x:11", "passwd: line 2"},
      {"group torn", "group", "root:x:0:\nsudo:x", "group: line 2"},
      {"a bad line in gshadow", "gshadow", "root:*::\nsudo\n", "gshadow: line 2"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Box box;
    if (row.content.empty()) {
      fs::remove(box.root / ("etc/" + row.file));
    } else {
      box.root.Write("etc/" + row.file, row.content);
    }
    const auto before = box.All();
    for (const auto& error : {box.accounts.Find("alice").error(), box.accounts.Ensure(Wish("alice")).error()}) {
      CHECK(error.code == Code::kUnavailable);
      CHECK(error.message.find(row.says) != std::string::npos);
    }
    CHECK(box.All() == before);
  }
}

TEST_CASE("[HOST] system accounts: on a full disk nothing is changed" * tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Box box;
    tests::MountMemory(box.root / "etc", "size=20k");  // Five pages: four files and one more.
    box.Fill();
    const auto before = box.All();
    const auto refused = box.accounts.Ensure(Wish("alice"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kUnavailable);
    CHECK(refused.error().message.find("No space left") != std::string::npos);
    CHECK(box.All() == before);
    CHECK(box.accounts.Find("root").value_or({}));
  });
}

TEST_CASE("[HOST] system accounts: a read-only /etc can be read, and says what it is when it has to be written" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Box box;
    tests::MountMemory(box.root / "etc", "");
    box.Fill();
    REQUIRE(box.accounts.Ensure(Wish("alice")));
    REQUIRE(::mount(nullptr, (box.root / "etc").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    CHECK(box.accounts.Ensure(Wish("alice")));  // Nothing to do, nothing to write.
    const auto refused = box.accounts.Ensure(Wish("bob"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kUnavailable);
    CHECK(refused.error().message.find("Read-only file system") != std::string::npos);
    CHECK(box.accounts.Find("alice").value_or({}));
  });
}

TEST_CASE("[HOST] system accounts: a size limit in the middle of a file leaves all four as they were") {
  Box box;
  const auto before = box.All();
  {
    const tests::FileSizeLimit limit(100);
    CHECK(box.accounts.Ensure(Wish("alice")).error().code == Code::kUnavailable);
  }
  CHECK(box.All() == before);
  CHECK(box.accounts.Ensure(Wish("alice")));
}

/// Runs a tool to its end; its exit code.
int Run(std::vector<std::string> argv) {
  host::linux::SpawnedProcesses processes;
  const auto finished = processes.Run(
      {.argv = std::move(argv), .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}, .deadline = 60s}, {});
  REQUIRE(finished);
  CAPTURE(finished->err);
  CHECK(finished->exit_code == 0);
  return finished->exit_code;
}

TEST_CASE("[SEC-61] system accounts: the shadow tools at the same files in the same moment lose nothing, nor do we" *
          tests::NeedsShadowTools()) {
  Box box;
  box.root.Write("etc/login.defs", "UID_MIN 1000\nUID_MAX 19999\nGID_MIN 1000\nGID_MAX 19999\n");
  box.root.Write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");  // The tools refuse lines of NIS.
  box.root.Write("etc/group", "root:x:0:\n");
  box.root.Write("etc/shadow", "root:*:20777:0:99999:7:::\n");
  box.root.Write("etc/gshadow", "root:*::\n");
  constexpr int kRounds = 8;
  std::atomic<bool> is_over = false;
  std::jthread tools([&] {
    for (int i = 0; i < kRounds; ++i) {
      const std::string name = "tool" + std::to_string(i);
      // -R goes by lckpwdf, -P by the lock files alone.
      if (i % 4 == 3) {
        Run({"useradd", "-P", box.root.Path(), "-K", "UID_MIN=1000", "-K", "UID_MAX=19999", name});
      } else {
        Run({"useradd", "-R", box.root.Path(), "-M", name});
        Run({"usermod", "-R", box.root.Path(), "-c", "by hand", name});
      }
    }
    is_over = true;
  });
  int made = 0;
  while (!is_over && made < 1000) {
    REQUIRE(box.accounts.Ensure(Wish("member" + std::to_string(made))));
    ++made;
    // useradd -P looks at the lock once a second, fifteen times: it must not be ours each time.
    for (int i = 0; i < 500; ++i) REQUIRE(box.accounts.Find("root"));
  }
  tools.join();
  CHECK(made > 0);
  for (int i = 0; i < kRounds; ++i) {
    const std::string name = "tool" + std::to_string(i);
    CAPTURE(name);
    const auto account = box.accounts.Find(name);
    REQUIRE(account);
    REQUIRE(*account);
    CHECK((*account)->gecos == (i % 4 == 3 ? "" : "by hand"));
  }
  for (int i = 0; i < made; ++i) {
    const auto account = box.accounts.Find("member" + std::to_string(i));
    REQUIRE(account.value_or({}));
    CHECK((*account)->groups == std::vector<std::string>{"hero"});
  }
  // The tools' own checks of what we wrote.
  CHECK(Run({"grpck", "-r", "-R", box.root.Path()}) == 0);
}

}  // namespace
