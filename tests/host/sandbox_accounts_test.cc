// What the sandbox's accounts promise about their files.
#include <fcntl.h>
#include <filesystem>
#include <latch>
#include <optional>
#include <set>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/passwd/account_lock.h"
#include "host/passwd/accounts.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::AccountWish;
using host::passwd::AccountLock;
using host::passwd::AccountsOptions;
using host::passwd::FileAccounts;
using namespace std::chrono_literals;

// The day of FakeClock's start, and what a first account finds.
constexpr const char* kRootPasswd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
constexpr const char* kRootGroup = "root:x:0:\nnogroup:x:65534:\n";
constexpr const char* kRootShadow = "root:*:20777:0:99999:7:::\nnobody:*:20777:0:99999:7:::\n";

constexpr const char* kAlicePasswd = "alice:x:20000:20000:Alice:/home/alice:/bin/bash\n";
constexpr const char* kAliceGroup = "alice:x:20000:\n";
constexpr const char* kAliceShadow = "alice:*:20777:0:99999:7:::\n";

struct Files {
  std::string passwd;
  std::string group;
  std::string shadow;

  bool operator==(const Files&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Files& files) {
  return out << "passwd\n" << files.passwd << "group\n" << files.group << "shadow\n" << files.shadow;
}

struct Box {
  tests::TempDir root;
  tests::FakeClock clock;
  FileAccounts accounts{root / "etc", clock, AccountsOptions{.makes_missing_files = true, .lock_patience = 30s}};

  void Put(const Files& files) const {
    root.Write("etc/passwd", files.passwd);
    root.Write("etc/group", files.group);
    root.Write("etc/shadow", files.shadow);
  }
  Files Get() const { return {root.Read("etc/passwd"), root.Read("etc/group"), root.Read("etc/shadow")}; }
  mode_t ModeOf(const std::string& name) const {
    struct stat status {};
    REQUIRE(::stat((root / name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }
};

AccountWish Named(const std::string& name) {
  return {.name = name, .gecos = "Alice", .home = "/home/" + name, .shell = "/bin/bash"};
}
AccountWish Alice() { return Named("alice"); }

const Files kWithAlice = {std::string(kRootPasswd) + kAlicePasswd, std::string(kRootGroup) + kAliceGroup,
                          std::string(kRootShadow) + kAliceShadow};

TEST_CASE("[HTB-10] sandbox accounts: the first account makes the three files, in the standard form and modes") {
  const Box box;
  CHECK(box.accounts.Find("root").value_or({}) == std::nullopt);
  REQUIRE(const_cast<Box&>(box).accounts.Ensure(Alice()));
  CHECK(box.Get() == kWithAlice);
  CHECK(box.ModeOf("etc/passwd") == 0644);
  CHECK(box.ModeOf("etc/group") == 0644);
  CHECK(box.ModeOf("etc/shadow") == 0640);
  CHECK(box.accounts.Find("root").value_or({})->uid == 0);
}

TEST_CASE("[HTB-18] sandbox accounts: the same wish again leaves the files as they are, to the inode") {
  Box box;
  REQUIRE(box.accounts.Ensure(Alice()));
  const auto before = host::passwd::StampAccounts(box.root / "etc");
  REQUIRE(box.accounts.Ensure(Alice()));
  CHECK(*host::passwd::StampAccounts(box.root / "etc") == *before);
  CHECK(box.accounts.Rewrites() == 1);
}

TEST_CASE("[SEC-07] sandbox accounts: foreign lines, comments and oddities keep their bytes") {
  Box box;
  const std::string passwd =
      "# by hand\n\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n+@nis::::::\nlast:x:1:1::/:/bin/sh";
  const std::string group = "adm:x:4:syslog, odd ,\nwww-data:x:33:\n\t\nlast:x:1:";
  const std::string shadow = "old:!\nlast:$6$salt$hash:1:2:3:4:5::9\n";
  box.Put({passwd, group, shadow});
  AccountWish wish = Alice();
  wish.groups = wish.managed_groups = {"hero"};
  REQUIRE(box.accounts.Ensure(wish));
  CHECK(box.Get() == Files{passwd + "\n" + kAlicePasswd, group + "\n" + kAliceGroup + "hero:x:30000:alice\n",
                           shadow + kAliceShadow});
}

TEST_CASE("[HTB-15] sandbox accounts: expiry is what chage -E 0 leaves, and the password field is kept") {
  Box box;
  REQUIRE(box.accounts.Ensure(Alice()));
  box.root.Write("etc/shadow", "alice:$6$mine:20000:0:99999:7:::\n");
  AccountWish wish = Alice();
  wish.is_expired = true;
  REQUIRE(box.accounts.Ensure(wish));
  CHECK(box.Get().shadow == "alice:$6$mine:20000:0:99999:7::0:\n");
  wish.is_expired = false;
  REQUIRE(box.accounts.Ensure(wish));
  CHECK(box.Get().shadow == "alice:$6$mine:20000:0:99999:7:::\n");
}

TEST_CASE("[HTB-15] sandbox accounts: which day of expiry is over") {
  struct Row {
    std::string line;
    bool is_expired;
  };
  const Row rows[] = {
      {"alice:*:1:0:99999:7:::", false},
      {"alice:*:1:0:99999:7::0:", true},
      {"alice:*:1:0:99999:7::1:", true},
      {"alice:*:1:0:99999:7::20777:", true},
      {"alice:*:1:0:99999:7::20778:", false},
      {"alice:*:1:0:99999:7::-1:", false},
      {"alice:*", false},
      {"other:*:1:0:99999:7:::", true},  // No line of its own: nobody can log in.
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    Box box;
    box.Put({kAlicePasswd, kAliceGroup, std::string(row.line) + "\n"});
    CHECK(box.accounts.Find("alice").value_or({})->is_expired == row.is_expired);
    const std::string before = box.Get().shadow;
    AccountWish wish = Alice();
    wish.is_expired = row.is_expired;
    REQUIRE(box.accounts.Ensure(wish));
    if (before.starts_with("alice")) CHECK(box.Get().shadow == before);  // A planned end of somebody else's is kept.
    wish.is_expired = !row.is_expired;
    REQUIRE(box.accounts.Ensure(wish));
    CHECK(box.accounts.Find("alice").value_or({})->is_expired == wish.is_expired);
  }
}

TEST_CASE("[HTB-15] sandbox accounts: an account expires when its day comes, without a change of the files") {
  Box box;
  box.Put({kAlicePasswd, kAliceGroup, "alice:*:1:0:99999:7::20778:\n"});
  CHECK_FALSE(box.accounts.Find("alice").value_or({})->is_expired);
  box.clock.Advance(24h);
  CHECK(box.accounts.Find("alice").value_or({})->is_expired);
}

TEST_CASE("[SEC-53] sandbox accounts: what a killed run left is completed, not doubled") {
  const Files& done = kWithAlice;
  struct Row {
    std::string name;
    Files left;
  };
  // Files are put in place in the order group, shadow, passwd; the other rows are other people's accidents.
  const Row rows[] = {
      {"killed before group", {kRootPasswd, kRootGroup, kRootShadow}},
      {"killed before shadow", {kRootPasswd, done.group, kRootShadow}},
      {"killed before passwd", {kRootPasswd, done.group, done.shadow}},
      {"group lost", {done.passwd, kRootGroup, done.shadow}},
      {"shadow lost", {done.passwd, done.group, kRootShadow}},
      {"only passwd left", {done.passwd, kRootGroup, kRootShadow}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Box box;
    box.Put(row.left);
    const auto alice = box.accounts.Ensure(Alice());
    REQUIRE(alice);
    CHECK(alice->uid == 20000);
    CHECK(box.Get() == done);
  }
}

TEST_CASE("[SEC-53] sandbox accounts: a kill while the first files are made is healed") {
  for (const std::vector<const char*>& missing : {std::vector<const char*>{"passwd"}, {"passwd", "shadow"}}) {
    Box box;
    box.Put(kWithAlice);
    for (const std::string name : missing) fs::remove(box.root / ("etc/" + std::string(name)));
    CHECK(box.accounts.Find("alice").value_or({}) == std::nullopt);
    REQUIRE(box.accounts.Ensure(Alice()));
    CHECK(box.Get() == kWithAlice);
  }
}

TEST_CASE("[SEC-53] sandbox accounts: leftovers of a killed write are removed and never read") {
  Box box;
  box.Put(kWithAlice);
  box.root.Write("etc/.passwd.0123456789abcdef.tmp", "half a li");
  AccountWish bob = Named("bob");
  REQUIRE(box.accounts.Ensure(bob));
  CHECK(box.root.Read("etc/.passwd.0123456789abcdef.tmp") == "(absent)");
}

TEST_CASE("[SEC-05] sandbox accounts: a stale password of the same name does not come back") {
  Box box;
  box.Put({kRootPasswd, kRootGroup, std::string(kRootShadow) + "alice:$6$stale$hash:1:0:99999:7:::\n"});
  REQUIRE(box.accounts.Ensure(Alice()));
  CHECK(box.Get().shadow == kWithAlice.shadow);
}

TEST_CASE("[SEC-05] sandbox accounts: a group of that name that is somebody's is not taken over") {
  for (const std::string group : {"alice:x:27:\n", "alice:x:20000:mallory\n", "alice:x:20005:\n"}) {
    CAPTURE(group);
    Box box;
    box.Put({std::string(kRootPasswd) + "eve:x:20005:20005::/home/eve:/bin/sh\n", group, kRootShadow});
    const auto refused = box.accounts.Ensure(Alice());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kForbidden);
    CHECK(box.Get().group == group);
  }
}

TEST_CASE(
    "[SEC-08] sandbox accounts: numbers that an account or a group has are passed over, and the range has an end") {
  Box box;
  FileAccounts accounts(
      box.root / "etc", box.clock,
      AccountsOptions{.rules = {.members = {100, 103}, .groups = {200, 200}}, .makes_missing_files = true});
  box.Put({"x:x:100:7::/:/bin/sh\ny:x:5:102::/:/bin/sh\n", "z:x:101:\n", ""});
  AccountWish wish = Alice();
  wish.groups = wish.managed_groups = {"hero"};
  CHECK(accounts.Ensure(wish).value_or({}).uid == 103);
  auto refused = accounts.Ensure(Named("bob"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "IdRangeUsedUp");
  wish.groups = wish.managed_groups = {"hero", "ops"};
  refused = accounts.Ensure(wish);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "IdRangeUsedUp");
  CHECK(box.Get().group == "z:x:101:\nalice:x:103:\nhero:x:200:alice\n");
}

TEST_CASE("[HTB-07] sandbox accounts: an account that was there keeps its number, group and foreign memberships") {
  Box box;
  box.Put({"alice:x:1000:100:old:/home/alice:/bin/zsh\n", "users:x:100:\naudio:x:29:alice,bob\n",
           "alice:$6$mine:1:0:99999:7:::\n"});
  REQUIRE(box.accounts.Ensure(Alice()));
  CHECK(box.Get() == Files{"alice:x:1000:100:Alice:/home/alice:/bin/bash\n", "users:x:100:\naudio:x:29:alice,bob\n",
                           "alice:$6$mine:1:0:99999:7:::\n"});
}

TEST_CASE("[HOST] sandbox accounts: a change by hand is seen at once, by rename and in place") {
  Box box;
  REQUIRE(box.accounts.Ensure(Alice()));
  for (const std::string shell :
       {"/bin/zsh", "/bin/ksh", "/bin/csh"}) {  // Of one length, and faster than the kernel's clock.
    box.root.Write("etc/passwd", "alice:x:20000:20000:Alice:/home/alice:" + std::string(shell) + "\n");
    CHECK(box.accounts.Find("alice").value_or({})->shell == shell);
    box.root.Write("etc/new", "alice:x:20000:20000:Alice:/home/alice:/bin" + std::string(shell) + "\n");
    fs::rename(box.root / "etc/new", box.root / "etc/passwd");
    CHECK(box.accounts.Find("alice").value_or({})->shell == "/bin" + std::string(shell));
  }
  REQUIRE(box.accounts.Ensure(Alice()));
  CHECK(box.Get().passwd == kAlicePasswd);
}

/// Whose accounts a change of one file is about, in a box of root, nobody, alice, bob and the group hero of both.
std::optional<std::set<std::string>> ChangedBy(const std::string& file, const std::string& from,
                                               const std::string& to) {
  Box box;
  for (const std::string name : {"alice", "bob"})
    REQUIRE(box.accounts.Ensure(
        {.name = name, .home = "/home/" + name, .shell = "/bin/bash", .groups = {"hero"}, .managed_groups = {"hero"}}));
  CHECK_FALSE(box.accounts.TakeChanged());  // Nothing is known before the first.
  std::string text = box.root.Read("etc/" + file);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  box.root.Write("etc/" + file, text);
  return box.accounts.TakeChanged();
}

TEST_CASE("[HTB-16] sandbox accounts: whose account was changed by hand, as a table") {
  struct Row {
    std::string file, from, to;
    std::optional<std::set<std::string>> changed;
  };
  using Names = std::set<std::string>;
  const std::vector<Row> rows = {
      {"passwd", "/home/alice:/bin/bash", "/home/alice:/bin/evil", Names{"alice"}},
      {"passwd", "bob:", "eve:", Names{"bob", "eve"}},
      {"passwd", "root:x:0:0:root:", "root:x:0:0:boss:", Names{"root"}},
      {"shadow", "bob:*:20777:0:99999:7:::", "bob:*:20777:0:99999:7::0:", Names{"bob"}},
      {"group", ":alice,bob", ":alice", Names{"bob"}},
      {"group", ":alice,bob", ":bob,alice", Names{}},
      {"group", ":alice,bob", ":alice,bob,eve", Names{"eve"}},
      {"group", "hero:x:", "hero:x:1", std::nullopt},                             // Another number.
      {"group", "alice:x:20000:", "alice:x:20000:\nops:x:27:bob", std::nullopt},  // One more, perhaps root's.
      {"group", "hero:", "hero:x:7:\nhero:", std::nullopt},                       // A second line of one name.
      {"passwd", "alice:x:20000", "alice", std::nullopt},                         // Cannot be read.
  };
  for (const Row& row : rows) {
    INFO(row.file << ": " << row.from << " -> " << row.to);
    CHECK(ChangedBy(row.file, row.from, row.to) == row.changed);
  }
}

TEST_CASE("[HTB-16] sandbox accounts: what is written by wish is no change by hand, what came before it is") {
  Box box;
  REQUIRE(box.accounts.Ensure(Alice()));
  CHECK_FALSE(box.accounts.TakeChanged());
  CHECK(box.accounts.TakeChanged() == std::set<std::string>());
  REQUIRE(box.accounts.Ensure(Named("bob")));
  CHECK(box.accounts.TakeChanged() == std::set<std::string>());

  std::string passwd = box.root.Read("etc/passwd");
  passwd.replace(passwd.find("/home/alice:/bin/bash"), 21, "/home/alice:/bin/evil");
  box.root.Write("etc/passwd", passwd);
  AccountWish bob = Named("bob");
  bob.shell = "/bin/sh";
  REQUIRE(box.accounts.Ensure(bob));
  CHECK(box.accounts.TakeChanged() == std::set<std::string>{"alice", "bob"});
}

TEST_CASE("[HOST] sandbox accounts: a file that does not parse is unknown, names its line, and is not written") {
  struct Row {
    std::string name;
    Files files;
    const char* says;
  };
  const Row rows[] = {
      {"too few fields", {"# ok\nalice:x:1\n", "", ""}, "passwd: line 2"},
      {"no uid", {"a:x:1:1::/:/\nalice:x:one:1::/:/\n", "", ""}, "passwd: line 2"},
      {"no name", {":x:1:1::/:/\n", "", ""}, "passwd: line 1"},
      {"group without gid", {"", "hero:x::\n", ""}, "group: line 1"},
      {"group with three fields", {"", "hero:x:1\n", ""}, "group: line 1"},
      {"shadow with a word for a day", {"", "", "alice:*:::::: x:\n"}, "shadow: line 1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Box box;
    box.Put(row.files);
    const auto found = box.accounts.Find("alice");
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Code::kUnavailable);
    CHECK(found.error().message.find(row.says) != std::string::npos);
    CHECK_FALSE(box.accounts.Ensure(Alice()));
    CHECK(box.Get() == row.files);
  }
}

TEST_CASE("[HOST] sandbox accounts: files that cannot be read or written are kUnavailable") {
  Box box;
  box.root.MakeDirectory("etc/shadow");  // A directory in the file's place: root reads through every mode.
  CHECK(box.accounts.Find("alice").error().code == Code::kUnavailable);
  CHECK(box.accounts.Ensure(Alice()).error().code == Code::kUnavailable);

  Box other;
  other.root.Write("etc", "a file in the directory's place");
  CHECK(other.accounts.Find("alice").error().code == Code::kUnavailable);
  CHECK(other.accounts.Ensure(Alice()).error().code == Code::kUnavailable);
}

TEST_CASE("[HOST] sandbox accounts: a lock that another program holds is waited for, but not for ever") {
  Box box;
  box.Put(kWithAlice);
  FileAccounts hasty(box.root / "etc", box.clock, AccountsOptions{.makes_missing_files = true, .lock_patience = 20ms});
  AccountWish bob = Named("bob");
  auto held = std::make_optional(*AccountLock::Acquire(box.root / "etc", 1s));
  const auto refused = hasty.Ensure(bob);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK(hasty.Ensure(Alice()));  // Nothing to write, nothing to lock.

  std::latch begun(1);
  std::jthread waiter([&] {
    begun.count_down();
    CHECK(box.accounts.Ensure(bob));
  });
  begun.wait();
  held.reset();
}

TEST_CASE("[HOST] sandbox accounts: concurrent wishes join one rewrite, and a refused one fails alone") {
  constexpr int kThreads = 32;
  Box box;
  box.Put({kRootPasswd, std::string(kRootGroup) + "user7:x:27:\n", kRootShadow});
  auto held = std::make_optional(*AccountLock::Acquire(box.root / "etc", 1s));
  std::latch begun(kThreads);
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        AccountWish wish = Named("user" + std::to_string(i));
        begun.count_down();
        if (!box.accounts.Ensure(wish)) ++refused;
      });
    }
    begun.wait();
    held.reset();  // Whoever was first goes on now, the others have gathered behind.
  }
  CHECK(refused == 1);
  for (int i = 0; i < kThreads; ++i) {
    CHECK(box.accounts.Find("user" + std::to_string(i)).value_or({}).has_value() == (i != 7));
  }
  CHECK(box.accounts.Rewrites() <= kThreads / 4);
}

TEST_CASE("[HOST] sandbox accounts: two processes' worth of writers lose nothing of each other's") {
  Box box;
  box.Put(kWithAlice);
  FileAccounts second(box.root / "etc", box.clock, {.makes_missing_files = true});
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        AccountWish wish = Named("u" + std::to_string(t) + "_" + std::to_string(i));
        CHECK((t % 2 == 0 ? box.accounts : second).Ensure(wish));
      }
    });
  }
  threads.clear();
  std::set<std::int64_t> uids;
  for (int t = 0; t < 4; ++t) {
    for (int i = 0; i < 5; ++i) {
      const auto account = box.accounts.Find("u" + std::to_string(t) + "_" + std::to_string(i));
      REQUIRE(account.value_or({}));
      uids.insert((*account)->uid);
    }
  }
  CHECK(uids.size() == 20);
}

TEST_CASE("[HOST] sandbox accounts: a change without the lock between read and write is noticed") {
  const Box box;
  box.Put(kWithAlice);
  const std::string etc = box.root / "etc";
  auto loaded = host::passwd::LoadAccounts(etc);
  REQUIRE(loaded);
  AccountWish bob = Named("bob");
  host::passwd::AccountTables tables = loaded->accounts->tables;
  REQUIRE(tables.Apply(bob, {}, 20777));
  const std::string edited = kWithAlice.passwd + "carol:x:20001:20001::/home/carol:/bin/sh\n";
  box.root.Write("etc/passwd", edited);

  const auto saved = host::passwd::SaveAccounts(etc, tables, loaded->stamps);
  REQUIRE_FALSE(saved);
  CHECK(saved.error().code == Code::kConflict);
  CHECK(box.Get() == Files{edited, kWithAlice.group, kWithAlice.shadow});
}

}  // namespace
