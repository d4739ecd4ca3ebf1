// What goes wrong on a box, from the file system up to the condition that a person reads: the real engine, accounts and
// homes in a root that is thrown away. Of each: what is said, that nobody else is touched, and that it mends itself.
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "api/v1/user.h"
#include "controllers/repository/repository_controller.h"
#include "controllers/team/team_controller.h"
#include "controllers/user/user_controller.h"
#include "crds/catalog.h"
#include "host/box_paths.h"
#include "host/linux/files.h"
#include "host/linux/team_sync.h"
#include "host/passwd/accounts.h"
#include "host/passwd/numbers.h"
#include "host/passwd/sandbox_homes.h"
#include "tests/controllers/box_harness.h"
#include "tests/support/needs.h"
#include "tests/support/ssh_key.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using api::v1::Team;
using api::v1::User;
using std::chrono::milliseconds;
using std::chrono::minutes;

/// A rootless box below a directory: what herod has, but for the archives and the clock.
struct RealBox : Harness {
  RealBox() : Harness(*crds::LoadCatalog()) {
    for (const std::string& path : {paths.etc, paths.team_sync, paths.mirrors, paths.Inside("/home")})
      fs::create_directories(path);
    manager().Add(std::make_unique<controllers::UserController>(
                      controllers::UserSeams{accounts, homes, archives}, paths,
                      controllers::UserOptions{.managed_groups = {"developers", "hero"}, .claims = {}, .box = "box1"}),
                  {.name = "user"});
  }

  void Declare(const std::string& name, bool deactivated = false) {
    Put(User{
        .metadata = {.name = name},
        .spec = {.name = name, .ssh_pubkeys = {SshKey(name)}, .groups = {"developers"}, .deactivated = deactivated}});
    Settle();
  }
  void Settle() { REQUIRE(ReconcileUntilIdle()); }
  /// Every retry and rescan has its turn; nobody rings.
  void PassAnHour() {
    for (int i = 0; i < 12; ++i) {
      clock.Advance(minutes(5));
      Settle();
    }
  }
  /// As the kernel hints a change.
  void Ring(const std::string& path) {
    file_watch.Ring(root / path);
    Settle();
  }

  std::string Ready(std::string_view user) { return ConditionOf<User>(user); }
  /// What a person reads at the user's Ready.
  std::string Says(std::string_view user) {
    const auto object = Get<User>(user);
    const api::Condition* ready = object ? object->common.Find(api::kReady) : nullptr;
    return ready ? ready->message : "";
  }
  bool Tells(std::string_view user, std::string_view words) {
    INFO(Says(user));
    return Says(user).find(words) != std::string::npos;
  }
  /// Whether some event has all these words.
  bool HasEvent(std::string_view words) const {
    const auto events = client().List("events");
    REQUIRE(events);
    return std::any_of(events->items.begin(), events->items.end(),
                       [&](const auto& event) { return event->text.find(words) != std::string::npos; });
  }

  /// The line of a name in a file of etc.
  std::string Line(const std::string& file, const std::string& name) const {
    std::ifstream lines(root / ("etc/" + file));
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(name + ":")) return line;
    return "";
  }
  std::string KeysOf(const std::string& name) const { return root.Read("home/" + name + "/.ssh/authorized_keys"); }
  /// All that the box has of a member.
  std::vector<std::string> Traces(const std::string& name) const {
    return {Line("passwd", name), Line("shadow", name), Line("group", name), KeysOf(name)};
  }

  TempDir root;
  host::BoxPaths paths = host::PathsOf(root.Path(), "driver");
  host::passwd::FileAccounts accounts{
      paths.etc, clock, {.makes_missing_files = true, .lock_patience = milliseconds(20)}};
  host::passwd::SandboxHomes homes{root.Path()};
  FakeArchives archives;
};

/// alice and bob are there and well; whatever happens to carol, they stay so.
struct Neighbours : RealBox {
  Neighbours() { Populate(); }

  void Populate() {
    for (const char* name : {"alice", "bob"}) {
      Declare(name);
      REQUIRE(Ready(name) == "True Reconciled");
      before_.push_back(Traces(name));
    }
  }
  void CheckUntouched() {
    CHECK(Traces("alice") == before_[0]);
    CHECK(Traces("bob") == before_[1]);
    for (const char* name : {"alice", "bob"}) CHECK(Ready(name) == "True Reconciled");
  }
  void CheckMends(const std::string& name) {
    PassAnHour();
    CHECK(Ready(name) == "True Reconciled");
    CHECK_FALSE(Line("passwd", name).empty());
    CHECK(KeysOf(name).find(SshKey(name)) != std::string::npos);
    CheckUntouched();
    for (int i = 0; i < 3; ++i) PassAnHour();  // The events of all this are forgotten by then.
    CHECK(WritesDuring([this] { PassAnHour(); }) == 0);
  }

 private:
  std::vector<std::vector<std::string>> before_;
};

/// Takes all that is free on the disk of `path`.
void FillDisk(const std::string& path) {
  const host::linux::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(file);
  const std::string block(4096, 'x');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
}

TEST_CASE("[HTB-10][HTB-19] troubles: a full disk below /etc is said at the member, and cured by room" *
          NeedsMounts()) {
  WithOwnMounts([] {
    Neighbours box;
    // What is there goes to a disk of its own, which is then full.
    fs::copy(box.paths.etc, box.root / "kept");
    MountMemory(box.paths.etc, "size=64k");
    fs::copy(box.root / "kept", box.paths.etc);
    FillDisk(box.paths.etc + "/ballast");
    box.Declare("carol");
    CHECK(box.Ready("carol").starts_with("False "));
    CHECK(box.Tells("carol", "No space left"));
    CHECK(box.Line("passwd", "carol").empty());
    box.CheckUntouched();
    fs::remove(box.paths.etc + "/ballast");
    box.CheckMends("carol");
  });
}

TEST_CASE("[HTB-13][HTB-19] troubles: a full disk below /home is said at the member, whose keys before stay" *
          NeedsMounts()) {
  WithOwnMounts([] {
    Neighbours box;
    box.root.MakeDirectory("home/carol");
    MountMemory(box.root / "home/carol", "size=64k,mode=0700");
    box.Declare("carol");
    REQUIRE(box.Ready("carol") == "True Reconciled");
    const std::string before = box.KeysOf("carol");
    FillDisk(box.root / "home/carol/ballast");
    auto carol = *box.Get<User>("carol");
    carol.spec.ssh_pubkeys.push_back(SshKey("carol's other"));
    box.Put(User{.metadata = {.name = "carol"}, .spec = carol.spec});
    box.Settle();
    CHECK(box.Tells("carol", "No space left"));
    CHECK(box.KeysOf("carol") == before);
    box.CheckUntouched();
    fs::remove(box.root / "home/carol/ballast");
    box.CheckMends("carol");
    CHECK(box.KeysOf("carol") != before);
  });
}

TEST_CASE("[HTB-15][HTB-19] troubles: a read-only /etc is said at whom it keeps from a change, the others stay well" *
          NeedsMounts()) {
  WithOwnMounts([] {
    Neighbours box;
    box.Declare("dora");
    fs::copy(box.paths.etc, box.root / "kept");
    MountMemory(box.paths.etc, "");
    fs::copy(box.root / "kept", box.paths.etc);
    const auto remount = [&box](unsigned long flags) {
      REQUIRE(::mount(nullptr, box.paths.etc.c_str(), nullptr, MS_REMOUNT | flags, nullptr) == 0);
    };
    remount(MS_RDONLY);
    box.Declare("carol");
    box.Declare("dora", /*deactivated=*/true);
    for (const char* name : {"carol", "dora"}) {
      CAPTURE(name);
      CHECK(box.Ready(name).starts_with("False "));
      CHECK(box.Tells(name, "Read-only file system"));
    }
    CHECK(box.Get<User>("dora")->status.login_enabled == true);  // The truth, not the wish.
    box.CheckUntouched();
    remount(0);
    box.CheckMends("carol");
    CHECK(box.Ready("dora") == "True Reconciled");
    CHECK(box.Get<User>("dora")->status.login_enabled == false);
  });
}

TEST_CASE("[SEC-14][HTB-19] troubles: a home that is a link is named, and nothing is done behind it") {
  Neighbours box;
  fs::create_directory_symlink("alice", box.root / "home/carol");
  box.Declare("carol");
  CHECK(box.Ready("carol") == "False NotAPlainPath");
  CHECK(box.Tells("carol", "/home/carol is a link; move it away, and the next run makes it anew"));
  CHECK_FALSE(box.Line("passwd", "carol").empty());  // The account needs no home.
  box.CheckUntouched();
  fs::remove(box.root / "home/carol");
  box.CheckMends("carol");
}

TEST_CASE("[SEC-14][HTB-19] troubles: a key file that is a directory is named, and what is in it is kept") {
  Neighbours box;
  box.Declare("carol");
  fs::remove(box.root / "home/carol/.ssh/authorized_keys");
  box.root.Write("home/carol/.ssh/authorized_keys/notes", "mine");
  box.Ring("home/carol/.ssh/authorized_keys");
  CHECK(box.Ready("carol") == "False NotAPlainPath");
  CHECK(box.Tells("carol", "/home/carol/.ssh/authorized_keys is a directory; move it away"));
  CHECK(box.root.Read("home/carol/.ssh/authorized_keys/notes") == "mine");
  box.CheckUntouched();
  fs::rename(box.root / "home/carol/.ssh/authorized_keys", box.root / "home/carol/moved");
  box.Ring("home/carol/.ssh/authorized_keys");
  CHECK(box.Ready("carol") == "True Reconciled");  // At once.
  box.CheckMends("carol");
}

TEST_CASE("[HTB-13][SEC-14] troubles: a link in the place of the key file is replaced, with an event, never followed") {
  Neighbours box;
  box.Declare("carol");
  fs::remove(box.root / "home/carol/.ssh/authorized_keys");
  fs::create_symlink("../../alice/.ssh/authorized_keys", box.root / "home/carol/.ssh/authorized_keys");
  box.Ring("home/carol/.ssh/authorized_keys");
  CHECK(box.Ready("carol") == "True Reconciled");
  CHECK(fs::is_regular_file(fs::symlink_status(box.root / "home/carol/.ssh/authorized_keys")));
  CHECK(box.HasEvent("write keys /home/carol/.ssh/authorized_keys: is a link or no regular file, and is replaced"));
  box.CheckMends("carol");
}

TEST_CASE("[HTB-13][SEC-14] troubles: a .ssh that is a link is set aside, and no revoked key counts behind it") {
  Neighbours box;
  box.Declare("carol");
  fs::rename(box.root / "home/carol/.ssh", box.root / "home/carol/kept");
  fs::create_symlink("kept", box.root / "home/carol/.ssh");
  box.Ring("home/carol/.ssh/authorized_keys");
  CHECK(box.Ready("carol") == "True Reconciled");
  CHECK(fs::is_directory(fs::symlink_status(box.root / "home/carol/.ssh")));
  CHECK(fs::read_symlink(box.root / "home/carol/.ssh.set-aside") == "kept");
  CHECK(box.HasEvent("write keys /home/carol/.ssh/authorized_keys: is a link or no regular file, and is replaced"));
  box.CheckMends("carol");
}

TEST_CASE("[HTB-13][SEC-14] troubles: keys that others were let read are closed again when the watch rings") {
  Neighbours box;
  box.Declare("carol");
  const std::string keys = box.root / "home/carol/.ssh/authorized_keys";
  fs::permissions(keys, fs::perms::owner_read | fs::perms::others_read);
  box.Ring("home/carol/.ssh/authorized_keys");
  CHECK(fs::status(keys).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(box.HasEvent("is open to others"));
  box.CheckMends("carol");
}

TEST_CASE("[HTB-19] troubles: an account file with a torn line is said at everybody, and nothing is written to it") {
  Neighbours box;
  const std::string good = box.root.Read("etc/passwd");
  const std::string torn = good + "mallory:x:oops\n";
  box.root.Write("etc/passwd", torn);
  box.Declare("carol");
  box.PassAnHour();
  for (const char* name : {"alice", "carol"}) {
    CAPTURE(name);
    CHECK(box.Ready(name) == "False AccountFileBroken");
    CHECK(box.Tells(name, "passwd: line 5"));
    CHECK(box.Tells(name, "mend that line"));
  }
  CHECK(box.root.Read("etc/passwd") == torn);
  box.root.Write("etc/passwd", good);
  box.Ring("etc/passwd");
  box.CheckMends("carol");
}

TEST_CASE("[HTB-19] troubles: a database that another program keeps locked is said, and waited for") {
  Neighbours box;
  {
    const host::linux::Fd lock(::open((box.root / "etc/.pwd.lock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    REQUIRE(::fcntl(lock.get(), F_OFD_SETLK, &whole) == 0);
    box.Declare("carol");
    CHECK(box.Ready("carol") == "False AccountsLocked");
    CHECK(box.Tells("carol", "another program held .pwd.lock"));
    box.CheckUntouched();
  }
  box.CheckMends("carol");
}

TEST_CASE(
    "[HTB-19][SEC-61] troubles: an editor without the lock, in the same moments, loses no line and stops nobody") {
  Neighbours box;
  constexpr int kEdits = 200;
  constexpr int kMembers = 12;
  // As vi does: reads, adds a line, puts the new file in place. What we wrote in between it takes back.
  std::jthread editor([&box] {
    for (int i = 0; i < kEdits; ++i) {
      const std::string text =
          box.root.Read("etc/group") + "byhand" + std::to_string(i) + ":x:" + std::to_string(40'000 + i) + ":\n";
      box.root.Write("etc/group.edited", text);
      fs::rename(box.root / "etc/group.edited", box.root / "etc/group");
    }
  });
  for (int i = 0; i < kMembers; ++i) box.Declare("member" + std::to_string(i));
  editor.join();
  box.PassAnHour();
  for (int i = 0; i < kEdits; ++i) {
    CAPTURE(i);
    CHECK_FALSE(box.Line("group", "byhand" + std::to_string(i)).empty());
  }
  for (int i = 0; i < kMembers; ++i) {
    const std::string name = "member" + std::to_string(i);
    CAPTURE(name);
    CHECK(box.Ready(name) == "True Reconciled");
    CHECK(box.Line("group", "developers").find(name) != std::string::npos);
    CHECK_FALSE(box.Line("group", name).empty());
  }
  for (const char* name : {"alice", "bob"}) CHECK(box.Ready(name) == "True Reconciled");
}

TEST_CASE("[HTB-09][HTB-19] troubles: a team whose state cannot be kept says so; its members are made all the same" *
          NeedsMounts()) {
  WithOwnMounts([] {
    RealBox box;
    FakeGit git;
    host::linux::TeamSyncFiles sync(box.paths.team_sync);
    const host::passwd::FileNumbers numbers(box.paths.etc);
    const std::string url = "https://forge.example.org/acme/hero_team.git";
    box.manager().Add(std::make_unique<controllers::TeamController>(
                          controllers::TeamSeams{.git = git, .sync = sync, .numbers = numbers}, box.paths,
                          controllers::TeamRules{
                              .users = {.assignable_groups = {"developers", "hero"}, .check = BoxHarness::CheckSpec},
                              .manifests = {.orgs = {"lhumina_code"}}}),
                      {.name = "team", .workers = 1, .has_finalizer = false});
    box.manager().Add(std::make_unique<controllers::RepositoryController>(git, box.paths), {.name = "repository"});
    git.Commit(url, "development",
               {{"README.md", "our team"},
                {"manifest_templates/developer.toml", BoxHarness::kTemplate},
                {"users/alice.toml", BoxHarness::UserFile("alice")}});
    MountMemory(box.paths.team_sync, "");
    const auto remount = [&box](unsigned long flags) {
      REQUIRE(::mount(nullptr, box.paths.team_sync.c_str(), nullptr, MS_REMOUNT | flags, nullptr) == 0);
    };
    remount(MS_RDONLY);
    box.Put(Team{.metadata = {.name = "team"}, .spec = {.url = url}});
    box.PassAnHour();
    CHECK(box.ConditionOf<Team>("team").starts_with("False "));
    CHECK(box.Get<Team>("team")->common.Find(api::kReady)->message.find("Read-only file system") != std::string::npos);
    CHECK(box.Ready("alice") == "True Reconciled");
    remount(0);
    box.PassAnHour();
    CHECK(box.ConditionOf<Team>("team") == "True Reconciled");
    CHECK(fs::exists(box.paths.team_sync + "/state.toml"));
  });
}

}  // namespace
}  // namespace tests
