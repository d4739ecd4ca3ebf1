#include "host/homes.h"

#include <filesystem>
#include <functional>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/passwd/home_files.h"
#include "host/passwd/sandbox_homes.h"
#include "tests/host/member_box.h"
#include "tests/host/priv_box.h"
#include "tests/support/fake_homes.h"
#include "tests/support/hung_mount.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::HomeState;

struct Sandbox {
  tests::TempDir root;
  host::passwd::SandboxHomes homes{root.Path()};

  static void GiveAway() {}  // All of it is ours.
};

struct Fake {
  tests::FakeHomes homes;
};

/// herod's side of a real box, with a herod-priv behind it.
struct Priv : tests::PrivBox {
  Priv() {
    for (const std::string name : {"alice", "bob"})
      REQUIRE(accounts.Ensure({.name = name, .home = "/home/" + name, .shell = "/bin/bash"}));
  }

  void GiveAway() const { tests::GiveToAlice(root); }
};

mode_t ModeOf(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// What every backend promises.
template <class Backend>
void MakesPrivateHomes() {
  Backend backend;
  CHECK(backend.homes.Look("/home/alice").value_or({.exists = true}) == HomeState{});
  const auto no_home = backend.homes.WriteAuthorizedKeys("/home/alice", "ssh-ed25519 AAAA a\n");
  REQUIRE_FALSE(no_home);
  CHECK(no_home.error().code == Code::kNotFound);

  for (int i = 0; i < 2; ++i) {
    CHECK(backend.homes.EnsureHome("/home/alice", 20000, 20000));
    CHECK(backend.homes.Look("/home/alice").value_or({}) == HomeState{.exists = true, .is_private = true});
  }
  for (const std::string keys : {"ssh-ed25519 AAAA a\n", "ssh-ed25519 BBBB b\n", ""}) {
    CHECK(backend.homes.WriteAuthorizedKeys("/home/alice", keys));
    CHECK(backend.homes.Look("/home/alice").value_or({}) ==
          HomeState{.exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = keys});
  }
}

TEST_CASE_TEMPLATE("[HTB-10] homes: a home is made private, gets its keys, and again changes nothing", Backend, Sandbox,
                   Fake) {
  MakesPrivateHomes<Backend>();
}

TEST_CASE("[HTB-10] member homes: a home is made private, gets its keys, and again changes nothing" *
          tests::NeedsRoot()) {
  MakesPrivateHomes<tests::MemberBox>();
}

TEST_CASE(
    "[HTB-10][HTB-16] homes through herod-priv: a home is made private, gets its keys, and again changes nothing") {
  MakesPrivateHomes<Priv>();
}

TEST_CASE(
    "[HTB-13] sandbox homes: directories are 0700 and the key file 0600 whatever the umask, nothing stands beside") {
  Sandbox box;
  const mode_t umask = ::umask(0);
  CHECK(box.homes.EnsureHome("/srv/home/alice", 20000, 20000));
  CHECK(box.homes.WriteAuthorizedKeys("/srv/home/alice", "key\n"));
  ::umask(umask);
  CHECK(ModeOf(box.root / "srv/home") == 0755);
  CHECK(ModeOf(box.root / "srv/home/alice") == 0700);
  CHECK(ModeOf(box.root / "srv/home/alice/.ssh") == 0700);
  CHECK(ModeOf(box.root / "srv/home/alice/.ssh/authorized_keys") == 0600);
  CHECK(std::distance(fs::directory_iterator(box.root / "srv/home/alice/.ssh"), {}) == 1);
}

TEST_CASE("[HOST] sandbox homes: a mode that drifted is seen and mended, what is inside is not touched") {
  for (const mode_t drifted : {0755u, 0777u, 02700u, 0000u}) {
    CAPTURE(drifted);
    Sandbox box;
    REQUIRE(box.homes.EnsureHome("/home/alice", 1, 1));
    box.root.Write("home/alice/notes", "mine");
    REQUIRE(::chmod((box.root / "home/alice/notes").c_str(), 0666) == 0);
    REQUIRE(::chmod((box.root / "home/alice").c_str(), drifted) == 0);
    CHECK(box.homes.Look("/home/alice").value_or({}) == HomeState{.exists = true});
    CHECK(box.homes.EnsureHome("/home/alice", 1, 1));
    CHECK(box.homes.Look("/home/alice").value_or({}) == HomeState{.exists = true, .is_private = true});
    CHECK(ModeOf(box.root / "home/alice/notes") == 0666);
  }
}

/// Whatever stands in the way of a home is refused, and nobody follows it.
template <class Backend>
void RefusesWhatIsInTheWay() {
  struct Row {
    std::string path;  // What stands there instead.
    std::function<void(const std::string& path, const std::string& outside)> put;
  };
  const auto link = [](const std::string& path, const std::string& outside) { fs::create_symlink(outside, path); };
  const auto dangling = [](const std::string& path, const std::string&) { fs::create_symlink("/nowhere", path); };
  const auto file = [](const std::string& path, const std::string&) {
    REQUIRE(::mknod(path.c_str(), S_IFREG | 0600, 0) == 0);
  };
  const auto directory = [](const std::string& path, const std::string&) { fs::create_directory(path); };
  const Row rows[] = {
      {"/home", link},
      {"/home/alice", link},
      {"/home/alice", dangling},
      {"/home/alice", file},
      {"/home/alice/.ssh/authorized_keys", directory},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    Backend box;
    const std::string path = row.path;
    box.root.Write("outside/secret", "not to be read or written");
    fs::create_directories(fs::path(box.root.Path() + path).parent_path());
    row.put(box.root.Path() + path, box.root / "outside");
    box.GiveAway();

    const auto seen = box.homes.Look("/home/alice");
    REQUIRE_FALSE(seen);
    CHECK(seen.error().code == Code::kForbidden);
    CHECK(seen.error().message.starts_with(path + " is "));
    const auto written = box.homes.WriteAuthorizedKeys("/home/alice", "key\n");
    REQUIRE_FALSE(written);
    CHECK(written.error().code == Code::kForbidden);
    if (!path.starts_with("/home/alice/")) {
      const auto made = box.homes.EnsureHome("/home/alice", 20000, 20000);
      REQUIRE_FALSE(made);
      CHECK(made.error().code == Code::kForbidden);
    }
    CHECK(box.root.Read("outside/secret") == "not to be read or written");
    CHECK(std::distance(fs::directory_iterator(box.root / "outside"), {}) == 1);
  }
}

TEST_CASE(
    "[SEC-14] sandbox homes: a link, FIFO, socket or directory in the way is refused by name, and nothing outside changes") {
  RefusesWhatIsInTheWay<Sandbox>();
}

/// What stands in the place of the key file and is none is seen, and replaced without being followed or opened.
template <class Backend>
void ReplacesWhatIsNoKeyFile() {
  using Put = std::function<void(const std::string& path, const std::string& outside)>;
  const std::pair<const char*, Put> rows[] = {
      {"a link to a file",
       [](const auto& path, const auto& outside) { fs::create_symlink(outside + "/secret", path); }},
      {"a link to a directory", [](const auto& path, const auto& outside) { fs::create_symlink(outside, path); }},
      {"a link to nothing", [](const auto& path, const auto&) { fs::create_symlink("/nowhere", path); }},
      {"a link to itself", [](const auto& path, const auto&) { fs::create_symlink("authorized_keys", path); }},
      {"a FIFO", [](const auto& path, const auto&) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }},
      {"a socket", [](const auto& path, const auto&) { REQUIRE(::mknod(path.c_str(), S_IFSOCK | 0600, 0) == 0); }},
  };
  for (const auto& [name, put] : rows) {
    CAPTURE(name);
    Backend box;
    REQUIRE(box.homes.EnsureHome("/home/alice", 20000, 20000));
    REQUIRE(box.homes.WriteAuthorizedKeys("/home/alice", "before\n"));
    box.root.Write("outside/secret", "not to be read or written");
    const std::string path = box.root / "home/alice/.ssh/authorized_keys";
    fs::remove(path);
    put(path, box.root / "outside");

    CHECK(box.homes.Look("/home/alice").value_or({}) ==
          HomeState{.exists = true, .is_private = true, .is_keys_file_replaced = true});
    CHECK(box.homes.WriteAuthorizedKeys("/home/alice", "key\n"));
    CHECK(box.homes.Look("/home/alice").value_or({}) ==
          HomeState{.exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = "key\n"});
    CHECK(ModeOf(path) == 0600);
    CHECK(box.root.Read("outside/secret") == "not to be read or written");
    CHECK(std::distance(fs::directory_iterator(box.root / "outside"), {}) == 1);
  }
}

/// So is what stands in the place of .ssh: sshd would read keys behind a link, also one that was revoked.
template <class Backend>
void ReplacesWhatIsNoSsh() {
  using Put = std::function<void(const std::string& path, const std::string& outside)>;
  const std::pair<const char*, Put> rows[] = {
      {"a link", [](const auto& path, const auto& outside) { fs::create_symlink(outside, path); }},
      {"a link to nothing", [](const auto& path, const auto&) { fs::create_symlink("/nowhere", path); }},
      {"a FIFO", [](const auto& path, const auto&) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }},
      {"a file", [](const auto& path, const auto&) { REQUIRE(::mknod(path.c_str(), S_IFREG | 0600, 0) == 0); }},
  };
  for (const auto& [name, put] : rows) {
    CAPTURE(name);
    Backend box;
    REQUIRE(box.homes.EnsureHome("/home/alice", 20000, 20000));
    box.root.Write("outside/authorized_keys", "revoked\n");
    put(box.root / "home/alice/.ssh", box.root / "outside");
    const fs::file_type kind = fs::symlink_status(box.root / "home/alice/.ssh").type();

    CHECK(box.homes.Look("/home/alice").value_or({}) ==
          HomeState{.exists = true, .is_private = true, .is_keys_file_replaced = true});
    REQUIRE(box.homes.WriteAuthorizedKeys("/home/alice", "key\n"));
    const HomeState good{.exists = true, .is_private = true, .has_keys_file = true, .authorized_keys = "key\n"};
    CHECK(box.homes.Look("/home/alice").value_or({}) == good);
    CHECK(fs::symlink_status(box.root / "home/alice/.ssh.set-aside").type() == kind);
    CHECK(box.root.Read("outside/authorized_keys") == "revoked\n");

    fs::rename(box.root / "home/alice/.ssh", box.root / "home/alice/mine");  // Once more, and the name is taken.
    put(box.root / "home/alice/.ssh", box.root / "outside");
    const auto again = box.homes.WriteAuthorizedKeys("/home/alice", "key\n");
    CHECK(again.has_value() == (kind == fs::file_type::symlink));
    if (!again) CHECK(again.error().message.find("cannot be renamed to .ssh.set-aside") != std::string::npos);
    CHECK(box.root.Read("outside/authorized_keys") == "revoked\n");
  }
}

TEST_CASE("[HTB-13][SEC-14] sandbox homes: what is no directory in the place of .ssh is set aside, and not followed") {
  ReplacesWhatIsNoSsh<Sandbox>();
}

TEST_CASE("[HTB-13][SEC-14] member homes: what is no directory in the place of .ssh is set aside, and not followed" *
          tests::NeedsRoot()) {
  ReplacesWhatIsNoSsh<tests::MemberBox>();
}

TEST_CASE("[HTB-13][SEC-14] sandbox homes: a link, FIFO or socket in the place of the key file is replaced") {
  ReplacesWhatIsNoKeyFile<Sandbox>();
}

TEST_CASE("[HTB-13][SEC-14] member homes: a link, FIFO or socket in the place of the key file is replaced" *
          tests::NeedsRoot()) {
  ReplacesWhatIsNoKeyFile<tests::MemberBox>();
}

TEST_CASE("[SEC-15] sandbox homes: a FUSE mount that never answers, in the place of .ssh, is named and not asked" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Sandbox box;
    REQUIRE(box.homes.EnsureHome("/home/alice", 1, 1));
    const tests::HungMount hung(box.root, box.root.MakeDirectory("home/alice/.ssh"));
    if (!hung.is_mounted()) {
      MESSAGE("left out: this machine has no FUSE");
      return;
    }
    CHECK(box.homes.Look("/home/alice").error().message == "/home/alice/.ssh is another file system; unmount it");
    CHECK(box.homes.WriteAuthorizedKeys("/home/alice", "key\n").error().code == Code::kForbidden);
  });
}

TEST_CASE(
    "[SEC-14][SEC-15] member homes: a link, FIFO, socket or directory in the way is refused by name, nothing outside "
    "changes" *
    tests::NeedsRoot()) {
  RefusesWhatIsInTheWay<tests::MemberBox>();
}

TEST_CASE(
    "[SEC-14][SEC-15] homes through herod-priv: a link, FIFO, socket or directory in the way is refused by name") {
  RefusesWhatIsInTheWay<Priv>();
}

TEST_CASE(
    "[HTB-13][SEC-14] homes through herod-priv: a link, FIFO or socket in the place of the key file is replaced") {
  ReplacesWhatIsNoKeyFile<Priv>();
}

TEST_CASE("[SEC-14] sandbox homes: a path that leaves the root is refused") {
  Sandbox box;
  for (const std::string home : {"", "/", "home/alice", "/../etc", "/home/../../etc", "/home/./alice"}) {
    CAPTURE(home);
    CHECK(box.homes.Look(home).error().code == Code::kInvalid);
    CHECK(box.homes.EnsureHome(home, 1, 1).error().code == Code::kInvalid);
    CHECK(box.homes.WriteAuthorizedKeys(home, "key\n").error().code == Code::kInvalid);
  }
}

TEST_CASE("[SEC-14] sandbox homes: a huge key file is read in part only, differs, and is replaced") {
  Sandbox box;
  REQUIRE(box.homes.EnsureHome("/home/alice", 1, 1));
  box.root.Write("home/alice/.ssh/authorized_keys", std::string(10u << 20, 'x'));
  const auto seen = box.homes.Look("/home/alice");
  REQUIRE(seen);
  CHECK(seen->authorized_keys.size() == host::passwd::kKeysBytesMax + 1);
  CHECK(box.homes.WriteAuthorizedKeys("/home/alice", std::string(seen->authorized_keys.size(), 'x')).error().code ==
        Code::kInvalid);
  CHECK(box.homes.WriteAuthorizedKeys("/home/alice", "key\n"));
  CHECK(box.homes.Look("/home/alice").value_or({}).authorized_keys == "key\n");
}

TEST_CASE("[SEC-14] sandbox homes: a hard link to a foreign file is replaced, not written through") {
  Sandbox box;
  REQUIRE(box.homes.EnsureHome("/home/alice", 1, 1));
  box.root.Write("outside", "foreign");
  box.root.MakeDirectory("home/alice/.ssh");
  fs::create_hard_link(box.root / "outside", box.root / "home/alice/.ssh/authorized_keys");
  CHECK(box.homes.WriteAuthorizedKeys("/home/alice", "key\n"));
  CHECK(box.root.Read("outside") == "foreign");
}

TEST_CASE("[HOST] sandbox homes: without the box's root nothing is known") {
  const host::passwd::SandboxHomes homes("/nowhere/at/all");
  const auto seen = homes.Look("/home/alice");
  REQUIRE_FALSE(seen);
  CHECK(seen.error().code == Code::kUnavailable);
}

TEST_CASE("[HOST] sandbox homes: many members at once") {
  Sandbox box;
  std::vector<std::jthread> threads;
  threads.reserve(16);
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&box, i] {
      const std::string home = "/home/user" + std::to_string(i);
      CHECK(box.homes.EnsureHome(home, i, i));
      CHECK(box.homes.WriteAuthorizedKeys(home, home));
      CHECK(box.homes.Look(home).value_or({}).authorized_keys == home);
    });
  }
}

TEST_CASE("[HOST] fake homes: a link is refused, writes are counted and the nth call fails") {
  tests::FakeHomes homes;
  homes.MakeLink("/home/eve");
  CHECK(homes.Look("/home/eve").error().code == Code::kForbidden);
  CHECK(homes.EnsureHome("/home/alice", 1, 1));
  CHECK(homes.EnsureHome("/home/alice", 1, 1));
  CHECK(homes.writes() == 1);
  homes.FailNth(1, {Code::kUnavailable, "Broken", "the disk is full"});
  CHECK_FALSE(homes.WriteAuthorizedKeys("/home/alice", "key\n"));
  CHECK_FALSE(homes.Get("/home/alice").has_keys_file);
}

}  // namespace
