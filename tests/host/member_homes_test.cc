// What the homes of a real box promise beyond those of a sandbox: whose they are, and that whatever a member makes of
// his own home leads nobody else anywhere.
#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include "host/passwd/home_files.h"
#include "host/passwd/sandbox_homes.h"
#include "tests/host/member_box.h"
#include "tests/support/needs.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::HomeState;
using tests::MemberBox;

constexpr const char* kKeys = "ssh-ed25519 AAAA alice\n";

struct stat Stat(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

void CheckIs(const std::string& path, mode_t mode, uid_t owner) {
  CAPTURE(path);
  const struct stat status = Stat(path);
  CHECK((status.st_mode & 07777) == mode);
  CHECK(status.st_uid == owner);
  CHECK(status.st_gid == owner);
}

const HomeState kGood = {
    .exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = kKeys, .is_keys_file_exposed = false};

/// A box in which alice's home is as it should be.
struct MadeBox : MemberBox {
  MadeBox() {
    REQUIRE(homes.EnsureHome("/home/alice", 20000, 20000));
    REQUIRE(homes.WriteAuthorizedKeys("/home/alice", kKeys));
    REQUIRE(homes.Look("/home/alice").value_or({}) == kGood);
  }
};

TEST_CASE("[HTB-10][HTB-13] member homes: home, .ssh and keys are the member's, in the modes that sshd asks for" *
          tests::NeedsRoot()) {
  const MadeBox box;
  CheckIs(box.root / "home/alice", 0700, 20000);
  CheckIs(box.InHome(".ssh"), 0700, 20000);
  CheckIs(box.InHome(".ssh/authorized_keys"), 0600, 20000);
  CheckIs(box.root / "home", 0755, 0);
  CHECK(std::distance(fs::directory_iterator(box.root / "home"), {}) == 1);
}

TEST_CASE("[HTB-10] member homes: the skeleton is copied once, when the home is made, and is the member's" *
          tests::NeedsRoot()) {
  MemberBox box;
  box.root.Write("etc/skel/.profile", "umask 022\n");
  box.root.Write("etc/skel/bin/hello", "#!/bin/sh\n");
  REQUIRE(::chmod((box.root / "etc/skel/bin/hello").c_str(), 0755) == 0);
  fs::create_symlink("/etc/motd", box.root / "etc/skel/motd");
  box.root.Write("home/.alice.making/half", "of a killed run");

  REQUIRE(box.homes.EnsureHome("/home/alice", 20000, 20000));
  CHECK(box.root.Read("home/alice/.profile") == "umask 022\n");
  CheckIs(box.InHome("bin"), 0755, 20000);
  CheckIs(box.InHome("bin/hello"), 0755, 20000);
  CHECK(fs::read_symlink(box.InHome("motd")) == "/etc/motd");
  CHECK(Stat(box.InHome("motd")).st_uid == 20000);
  CHECK_FALSE(fs::exists(box.InHome("half")));
  CHECK(std::distance(fs::directory_iterator(box.root / "home"), {}) == 1);

  fs::remove(box.InHome(".profile"));
  REQUIRE(box.homes.EnsureHome("/home/alice", 20000, 20000));
  CHECK_FALSE(fs::exists(box.InHome(".profile")));
}

TEST_CASE(
    "[HTB-18] member homes: a mode, or an owner inside, that drifted is seen, and mended without touching what is inside" *
    tests::NeedsRoot()) {
  struct Row {
    const char* name;
    std::string path;
    mode_t mode;
    uid_t owner;
    bool is_home;  // Mended by EnsureHome, else by writing the keys.
  };
  const Row rows[] = {
      {"home open to all", "", 0755, 20000, true},
      {".ssh open to all", ".ssh", 0755, 20000, false},
      {".ssh is root's", ".ssh", 0700, 0, false},
      {".ssh is closed to its owner", ".ssh", 0000, 20000, false},
      {"keys for all to read", ".ssh/authorized_keys", 0644, 20000, false},
      {"keys for all to write", ".ssh/authorized_keys", 0666, 20000, false},
      {"keys are root's", ".ssh/authorized_keys", 0600, 0, false},
      {"keys are bob's", ".ssh/authorized_keys", 0600, 20001, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    MadeBox box;
    box.root.Write("home/alice/notes", "mine");
    box.root.Write("home/alice/.ssh/config", "Host *\n");
    const std::string path = row.path.empty() ? box.root / "home/alice" : box.InHome(row.path);
    REQUIRE(::chmod(path.c_str(), row.mode) == 0);
    REQUIRE(::chown(path.c_str(), row.owner, row.owner) == 0);

    const auto seen = box.homes.Look("/home/alice");
    REQUIRE(seen);
    CHECK(seen->is_private != row.is_home);
    CHECK(seen->is_keys_file_exposed != row.is_home);
    if (row.is_home) CHECK(box.homes.EnsureHome("/home/alice", 20000, 20000));
    CHECK(box.homes.WriteAuthorizedKeys("/home/alice", kKeys));
    CHECK(box.homes.Look("/home/alice").value_or({}) == kGood);
    CHECK(box.root.Read("home/alice/notes") == "mine");
    const bool is_aside = fs::exists(box.InHome(".ssh.set-aside"));
    CHECK(is_aside == (std::string(row.name) == ".ssh is root's"));
    CHECK(box.root.Read(is_aside ? "home/alice/.ssh.set-aside/config" : "home/alice/.ssh/config") == "Host *\n");
  }
}

TEST_CASE("[SEC-05][SEC-15] member homes: a directory that is somebody else's is given to nobody who gets its name" *
          tests::NeedsRoot()) {
  struct Row {
    const char* name;
    mode_t mode;
    uid_t owner;
  };
  for (const Row& row : {Row{"a shared folder of root's", 02775, 0}, Row{"another member's home", 0700, 20001},
                         Row{"an operator's home", 0755, 1000}}) {
    CAPTURE(row.name);
    MemberBox box;
    box.root.Write("home/alice/notes", "not alice's");
    const std::string home = box.root / "home/alice";
    REQUIRE(::chown(home.c_str(), row.owner, row.owner) == 0);
    REQUIRE(::chmod(home.c_str(), row.mode) == 0);
    const auto made = box.homes.EnsureHome("/home/alice", 20000, 20000);
    REQUIRE_FALSE(made);
    CHECK(made.error().reason == "ForeignHome");
    CHECK(made.error().message.find("belongs to uid " + std::to_string(row.owner)) != std::string::npos);
    CHECK(box.homes.WriteAuthorizedKeys("/home/alice", kKeys).error().reason == "ForeignHome");
    CheckIs(home, row.mode, row.owner);
    CHECK(std::distance(fs::directory_iterator(home), {}) == 1);
  }
}

TEST_CASE("[HTB-10] member homes: a foreign group of the own home is mended" * tests::NeedsRoot()) {
  MadeBox box;
  REQUIRE(::chown((box.root / "home/alice").c_str(), 20000, 20001) == 0);
  CHECK(box.homes.EnsureHome("/home/alice", 20000, 20000));
  CheckIs(box.root / "home/alice", 0700, 20000);
}

TEST_CASE("[SEC-53] member homes: killed before the new home gets its name, the next run finishes it or begins anew" *
          tests::NeedsRoot()) {
  struct Row {
    const char* name;
    uid_t owner;
    bool is_done;
    bool is_kept;
  };
  for (const Row& row : {Row{"whole, and the member's", 20000, true, true}, Row{"half, and root's", 0, true, false},
                         Row{"somebody else's", 20001, false, true}}) {
    CAPTURE(row.name);
    MemberBox box;
    box.root.Write("home/.alice.making/left", "by a killed run");
    REQUIRE(::chown((box.root / "home/.alice.making").c_str(), row.owner, row.owner) == 0);
    const auto made = box.homes.EnsureHome("/home/alice", 20000, 20000);
    CHECK(made.has_value() == row.is_done);
    if (!made) CHECK(made.error().reason == "ForeignHome");
    CHECK(fs::exists(box.root / (row.is_done ? "home/alice/left" : "home/.alice.making/left")) == row.is_kept);
    CHECK(std::distance(fs::directory_iterator(box.root / "home"), {}) == 1);
  }
}

TEST_CASE("[SEC-14] member homes: a second name of a file of root's is not read, and replaced without being touched" *
          tests::NeedsRoot()) {
  MadeBox box;
  box.root.Write("shadow", "root:secret");
  fs::remove(box.InHome(".ssh/authorized_keys"));
  fs::create_hard_link(box.root / "shadow", box.InHome(".ssh/authorized_keys"));
  CHECK(box.homes.Look("/home/alice").value_or({}) ==
        HomeState{.exists = true, .is_private = true, .has_keys_file = true, .is_keys_file_exposed = true});
  CHECK(box.homes.WriteAuthorizedKeys("/home/alice", kKeys));
  CHECK(box.homes.Look("/home/alice").value_or({}) == kGood);
  CHECK(box.root.Read("shadow") == "root:secret");
  CHECK(Stat(box.root / "shadow").st_uid == 0);
}

TEST_CASE("[SEC-14][SEC-15] member homes: another file system below a home is not entered" *
          tests::NeedsRootAndMounts()) {
  tests::WithOwnMounts([] {
    MadeBox box;
    tests::MountMemory(box.InHome(".ssh"), "mode=0700,uid=20000,gid=20000");
    const auto seen = box.homes.Look("/home/alice");
    REQUIRE_FALSE(seen);
    CHECK(seen.error().message.starts_with("/home/alice/.ssh is another file system"));
    CHECK(box.homes.WriteAuthorizedKeys("/home/alice", kKeys).error().code == Code::kForbidden);
    CHECK(fs::is_empty(box.InHome(".ssh")));
  });
}

/// Swaps .ssh with a link to a directory that anybody may write to, until told to stop.
class Swapper {
 public:
  Swapper(const tests::TempDir& root, uid_t owner) : victim_(root.MakeDirectory("victim")) {
    root.Write("victim/authorized_keys", "the victim's");
    REQUIRE(::chmod(victim_.c_str(), 0777) == 0);
    REQUIRE(::chmod((victim_ + "/authorized_keys").c_str(), 0666) == 0);
    const std::string home = root / "home/alice";
    fs::create_symlink(victim_, home + "/trap");
    REQUIRE(::lchown((home + "/trap").c_str(), owner, owner) == 0);
    thread_ = std::jthread([home](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ::renameat2(AT_FDCWD, (home + "/.ssh").c_str(), AT_FDCWD, (home + "/trap").c_str(), RENAME_EXCHANGE);
      }
    });
  }

 private:
  std::string victim_;
  std::jthread thread_;
};

void CheckVictim(const tests::TempDir& root) {
  CHECK(root.Read("victim/authorized_keys") == "the victim's");
  CHECK(std::distance(fs::directory_iterator(root / "victim"), {}) == 1);
  CHECK((Stat(root / "victim").st_mode & 07777) == 0777);
}

TEST_CASE("[SEC-14] homes: a .ssh that is swapped for a link 2 000 times while it is written leads nowhere" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {  // In memory: on a disk each write waits for it, and the swaps miss.
    const tests::TempDir root;
    tests::MountMemory(root.Path(), "mode=0755");
    host::passwd::SandboxHomes homes(root.Path());
    REQUIRE(homes.EnsureHome("/home/alice", 1, 1));
    REQUIRE(homes.WriteAuthorizedKeys("/home/alice", kKeys));
    int written = 0;
    {
      const Swapper swapper(root, ::geteuid());
      for (int i = 0; i < 2000; ++i) {
        if (homes.WriteAuthorizedKeys("/home/alice", kKeys)) ++written;
        const auto seen = homes.Look("/home/alice");
        if (seen && seen->has_keys_file) CHECK(seen->authorized_keys == kKeys);
      }
    }
    CHECK(written > 0);
    CheckVictim(root);
  });
}

TEST_CASE("[SEC-14][SEC-15] member homes: the same while the member's process writes" * tests::NeedsRootAndMounts()) {
  tests::WithOwnMounts([] {
    MadeBox box;
    int written = 0;
    {
      const Swapper swapper(box.root, 20000);
      for (int i = 0; i < 100; ++i) {
        if (box.homes.WriteAuthorizedKeys("/home/alice", kKeys)) ++written;
      }
    }
    CHECK(written > 0);
    CheckVictim(box.root);
  });
}

TEST_CASE("[SEC-14] member homes: on a /home of its own the keys before are kept when anything fails" *
          tests::NeedsRootAndMounts()) {
  tests::WithOwnMounts([] {
    MemberBox box;
    tests::MountMemory(box.root.MakeDirectory("home"), "mode=0755,size=64k");
    REQUIRE(box.homes.EnsureHome("/home/alice", 20000, 20000));
    REQUIRE(box.homes.WriteAuthorizedKeys("/home/alice", kKeys));

    const auto full = box.homes.WriteAuthorizedKeys("/home/alice", std::string(host::passwd::kKeysBytesMax, 'x'));
    REQUIRE_FALSE(full);
    CHECK(full.error().code == Code::kUnavailable);
    CHECK(full.error().message.find("No space left") != std::string::npos);
    CHECK(
        box.homes.WriteAuthorizedKeys("/home/alice", std::string(host::passwd::kKeysBytesMax + 1, 'x')).error().code ==
        Code::kInvalid);
    host::passwd::MemberHomes helpless({.root = box.root.Path(), .helper = "/nowhere/herod-home"}, box.accounts,
                                       box.processes);
    const auto without = helpless.WriteAuthorizedKeys("/home/alice", "other\n");
    REQUIRE_FALSE(without);
    CHECK(without.error().reason == "NoHelper");
    CHECK(box.homes.Look("/home/alice").value_or({}) == kGood);
    CHECK(std::distance(fs::directory_iterator(box.InHome(".ssh")), {}) == 1);
  });
}

TEST_CASE("[SEC-05][SEC-15] member homes: a home is its account's alone, and no system account has one" *
          tests::NeedsRoot()) {
  MemberBox box;
  box.accounts.Put({.name = "mysql", .uid = 110, .gid = 110, .home = "/home/mysql", .shell = "/bin/false"});
  box.accounts.Put({.name = "carol", .uid = 20002, .gid = 20002, .home = "/srv/carol", .shell = "/bin/sh"});
  struct Row {
    const char* name;
    std::string home;
    std::int64_t uid;
    Code code;
  };
  const Row rows[] = {
      {"bob's number for alice's home", "/home/alice", 20001, Code::kForbidden},
      {"root's number", "/home/alice", 0, Code::kForbidden},
      {"no account", "/home/nobody_here", 20000, Code::kForbidden},
      {"a system's account", "/home/mysql", 110, Code::kForbidden},
      {"the account lives elsewhere", "/home/carol", 20002, Code::kForbidden},
      {"no member's home", "/srv/alice", 20000, Code::kInvalid},
      {"root's home", "/root", 0, Code::kInvalid},
      {"a way out", "/home/../root", 20000, Code::kInvalid},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(box.homes.EnsureHome(row.home, row.uid, row.uid).error().code == row.code);
    CHECK_FALSE(box.homes.WriteAuthorizedKeys(row.home, kKeys));
  }
  CHECK(fs::is_empty(box.root.MakeDirectory("home")));
}

TEST_CASE("[SEC-15] member homes: a /home that others can write to is refused" * tests::NeedsRoot()) {
  MemberBox box;
  REQUIRE(::chmod(box.root.MakeDirectory("home").c_str(), 0777) == 0);
  CHECK(box.homes.EnsureHome("/home/alice", 20000, 20000).error().reason == "UnsafeHomes");
}

TEST_CASE("[SEC-15] herod-home: becomes nobody but a person, and writes in no home of another's" * tests::NeedsRoot()) {
  MadeBox box;
  struct Row {
    const char* name;
    std::vector<std::string> arguments;
    const char* says;
  };
  const Row rows[] = {
      {"root", {"keys", "0", "0", "/home/alice"}, "is no person's number"},
      {"a system's account", {"keys", "110", "110", "/home/alice"}, "is no person's number"},
      {"root's group", {"keys", "20000", "0", "/home/alice"}, "is no person's number"},
      {"no number", {"keys", "alice", "alice", "/home/alice"}, "is no person's number"},
      {"the end of all that is root's", {"end", "0", "0", "/home/alice"}, "is no person's number"},
      {"the end of all that is a system's", {"end", "110", "110", "/home/alice"}, "is no person's number"},
      {"bob in alice's home", {"keys", "20001", "20001", "/home/alice"}, "is another's"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::vector<std::string> argv = {tests::HelperPath()};
    argv.insert(argv.end(), row.arguments.begin(), row.arguments.end());
    const auto finished = box.processes.Run(
        {.argv = argv, .directory = box.root / "home/alice", .input = "mine", .deadline = std::chrono::seconds(30)},
        {});
    REQUIRE(finished);
    CHECK(finished->exit_code != 0);
    CHECK(finished->err.find(row.says) != std::string::npos);
    CHECK(box.homes.Look("/home/alice").value_or({}) == kGood);
  }
}

}  // namespace
