// What a herod that somebody has taken over gets from herod-priv: the verbs, for members, and nothing else. And what a
// member gets who plays with the own home meanwhile.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/priv/hints.h"
#include "host/priv/messages.h"
#include "host/priv/server.h"
#include "tests/host/priv_box.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/fake_file_watch.h"
#include "tests/support/fake_homes.h"
#include "tests/support/needs.h"

namespace {

namespace fs = std::filesystem;
using host::AccountWish;
using host::linux::Fd;
using namespace std::chrono_literals;
namespace priv = host::priv;

constexpr auto kPatience = 60s;

AccountWish Wish(const std::string& name) {
  return {.name = name, .gecos = "Ms " + name, .home = "/home/" + name, .shell = "/bin/bash"};
}

/// /etc of a machine with a system's account, a person who is as good as root, and one member.
struct Machine {
  Machine() {
    root.Write("etc/passwd",
               "root:x:0:0:root:/root:/bin/bash\n"
               "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
               "admin:x:1000:1000:Ann:/home/admin:/bin/bash\n"
               "wheeler:x:1001:27:Will:/home/wheeler:/bin/bash\n"
               "alice:x:20000:20000:Ms alice:/home/alice:/bin/bash\n");
    root.Write("etc/group",
               "root:x:0:\ndaemon:x:1:\nsudo:x:27:admin\nadmin:x:1000:\nhero:x:990:alice\nalice:x:20000:\n");
    root.Write("etc/shadow",
               "root:*:20777:0:99999:7:::\ndaemon:*:20777:0:99999:7:::\nadmin:!:20777:0:99999:7:::\n"
               "wheeler:!:20777:0:99999:7:::\nalice:!:20777:0:99999:7:::\n");
    for (const std::string name : {"admin", "wheeler", "root", "daemon"}) root.MakeDirectory("home/" + name);
  }

  /// All that nobody may change: the account files and every home but alice's.
  std::string Guarded() const {
    std::string all;
    for (const std::string path : {"etc/passwd", "etc/group", "etc/shadow"}) all += root.Read(path);
    for (const auto& entry : fs::recursive_directory_iterator(root / "home"))
      if (!entry.path().string().starts_with(root / "home/alice")) {
        struct stat status {};
        ::lstat(entry.path().c_str(), &status);
        all += entry.path().string() + std::to_string(status.st_uid) + std::to_string(status.st_mode) + "\n";
      }
    return all;
  }

  tests::TempDir root;
  tests::PrivProcess process{root, "hero,ops"};
  priv::Client client{process.socket};
};

/// Asks and says what came of it: `done`, or the reason.
template <class Request>
std::string Outcome(priv::Client& client, const Request& request, int descriptor = -1) {
  const auto answer = client.Call(request, kPatience, {}, descriptor);
  return answer ? "done" : answer.error().reason;
}

TEST_CASE("[SEC-05][SEC-06][SEC-45] herod-priv: accounts as no caller gets them" * tests::NeedsRoot()) {
  Machine box;
  const std::string before = box.Guarded();
  struct Row {
    const char* what;
    const char* refused_as;
    std::function<void(AccountWish&)> make;
  };
  const auto named = [](const char* name) { return [name](AccountWish& wish) { wish = Wish(name); }; };
  const Row rows[] = {
      {"root", "AsGoodAsRoot", named("root")},
      {"a system's account", "SystemAccount", named("daemon")},
      {"a person who is in sudo", "AsGoodAsRoot", named("admin")},
      {"a person whose primary group is sudo", "AsGoodAsRoot", named("wheeler")},
      {"no name", "InvalidAccount", named("")},
      {"a path", "InvalidAccount", named("../../etc/passwd")},
      {"a line more", "InvalidAccount", named("mallory\nroot2")},
      {"an option", "InvalidAccount", named("-r")},
      {"the name of a group as good as root", "ForbiddenName", named("docker")},
      {"number 0", "UidOutOfRange", [](AccountWish& wish) { wish.uid = 0; }},
      {"a system's number", "UidOutOfRange", [](AccountWish& wish) { wish.uid = 33; }},
      {"a negative number", "UidOutOfRange", [](AccountWish& wish) { wish.uid = -1; }},
      {"another's number", "UidTaken", [](AccountWish& wish) { wish.uid = 20000; }},
      {"root's home", "InvalidAccount", [](AccountWish& wish) { wish.home = "/root"; }},
      {"another's home", "InvalidAccount", [](AccountWish& wish) { wish.home = "/home/alice"; }},
      {"a colon", "InvalidAccount", [](AccountWish& wish) { wish.gecos = "x:0:0"; }},
      {"a line in the display name", "InvalidAccount", [](AccountWish& wish) { wish.gecos = "x\nr:x:0:0::/:/bin/sh"; }},
      {"a relative shell", "InvalidAccount", [](AccountWish& wish) { wish.shell = "bin/sh"; }},
      {"the group sudo", "ForbiddenGroup", [](AccountWish& wish) { wish.groups = wish.managed_groups = {"sudo"}; }},
      {"the group shadow", "ForbiddenGroup", [](AccountWish& wish) { wish.managed_groups = {"shadow"}; }},
      {"the operators' group", "ForbiddenGroup",
       [](AccountWish& wish) { wish.groups = wish.managed_groups = {"hero-admin"}; }},
      {"a group that the box does not allow", "ForbiddenGroup",
       [](AccountWish& wish) { wish.groups = wish.managed_groups = {"audio"}; }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    priv::EnsureAccount request{Wish("mallory")};
    row.make(request.wish);
    CHECK(Outcome(box.client, request) == row.refused_as);
    CHECK(box.Guarded() == before);
  }
}

TEST_CASE("[SEC-05][SEC-15][SEC-45] herod-priv: homes, keys and work of nobody but members" * tests::NeedsRoot()) {
  Machine box;
  const std::string before = box.Guarded();
  const Fd archive(::open((box.root / "archive").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (const std::string name : {"root", "daemon", "admin", "wheeler", "", ".", "..", "../root", "/root",
                                 "alice/../root", "alice\n", "-alice", "nobody_here"}) {
    CAPTURE(name);
    CHECK(Outcome(box.client, priv::EnsureHome{name, 0, 0}) != "done");
    CHECK(Outcome(box.client, priv::EnsureHome{name, 20000, 20000}) != "done");
    CHECK(Outcome(box.client, priv::WriteKeys{name, "ssh-ed25519 AAAA mallory\n"}) != "done");
    CHECK(Outcome(box.client, priv::PackWork{name}, archive.get()) != "done");
    CHECK(Outcome(box.client, priv::EndSessions{name}) != "done");
    CHECK(Outcome(box.client, priv::DropJobs{name}) != "done");
  }
  CHECK(Outcome(box.client, priv::EnsureHome{"alice", 0, 0}) == "ForeignHome");
  CHECK(Outcome(box.client, priv::EnsureHome{"alice", 20000, 0}) == "ForeignHome");
  CHECK(Outcome(box.client, priv::PackWork{"alice"}, archive.get()) == "NotExpired");
  CHECK(box.Guarded() == before);
  CHECK(fs::file_size(box.root / "archive") == 0);

  CHECK(Outcome(box.client, priv::EnsureHome{"alice", 20000, 20000}) == "done");
  CHECK(Outcome(box.client, priv::WriteKeys{"alice", "ssh-ed25519 AAAA alice\n"}) == "done");
  CHECK(Outcome(box.client, priv::WriteKeys{"alice", std::string((64u << 10) + 1, 'x')}) == "TooManyKeys");
  CHECK(box.root.Read("home/alice/.ssh/authorized_keys") == "ssh-ed25519 AAAA alice\n");
  CHECK(box.Guarded() == before);
}

TEST_CASE("[SEC-05][SEC-45] herod-priv: an account that herod did not make is changed by no verb, unless root says so" *
          tests::NeedsRoot()) {
  Machine box;
  const std::string people = "carol:x:1500:1500:Carol:/home/carol:/bin/bash\n";
  box.root.Write("etc/passwd", box.root.Read("etc/passwd") + people);
  box.root.Write("etc/group", box.root.Read("etc/group") + "carol:x:1500:\n");
  box.root.Write("etc/shadow", box.root.Read("etc/shadow") + "carol:!:20777:0:99999:7:::\n");
  REQUIRE(::chown(box.root.MakeDirectory("home/carol").c_str(), 1500, 1500) == 0);
  const std::string before = box.Guarded();
  const Fd archive(::open((box.root / "archive").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  AccountWish expired = Wish("carol");
  expired.is_expired = true;
  CHECK(Outcome(box.client, priv::EnsureAccount{expired}) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::EnsureHome{"carol", 1500, 1500}) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::WriteKeys{"carol", "ssh-ed25519 AAAA mallory\n"}) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::PackWork{"carol"}, archive.get()) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::LookSessions{"carol"}) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::EndSessions{"carol"}) == "NotAdoptable");
  CHECK(Outcome(box.client, priv::DropJobs{"carol"}) == "NotAdoptable");
  AccountWish numbered = Wish("mallory");
  numbered.uid = 1501;  // None that herod gives: it would be out of its own reach at once.
  CHECK(Outcome(box.client, priv::EnsureAccount{numbered}) == "NotAdoptable");
  CHECK(box.Guarded() == before);

  box.process.Stop();
  tests::PrivProcess allowed(box.root, "hero,ops", "dora,carol");
  priv::Client client(allowed.socket);
  CHECK(Outcome(client, priv::EnsureAccount{Wish("carol")}) == "done");
  CHECK(Outcome(client, priv::WriteKeys{"carol", "ssh-ed25519 AAAA carol\n"}) == "done");
  CHECK(Outcome(client, priv::EnsureAccount{Wish("admin")}) == "AsGoodAsRoot");
}

TEST_CASE("[SEC-05][SEC-45] herod-priv: whom sudoers names is nobody's to have, with an account or without" *
          tests::NeedsRoot()) {
  struct Row {
    const char* what;
    const char* path;
    const char* text;
    const char* outcome;
  };
  const Row rows[] = {
      {"nothing", "etc/sudoers", "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n# alice is none\n", "done"},
      {"by name", "etc/sudoers", "alice ALL=(ALL) ALL\n", "NamedInSudoers"},
      {"as sudo compares it", "etc/sudoers", "Alice ALL=(ALL) ALL\n", "NamedInSudoers"},
      {"in an alias", "etc/sudoers", "User_Alias OPS = bob,alice , carol\n", "NamedInSudoers"},
      {"by number", "etc/sudoers.d/cloud", "#20000 ALL=NOPASSWD: ALL\n", "NamedInSudoers"},
      {"by its own group", "etc/sudoers.d/90-cloud-init-users", "%alice ALL=(ALL) NOPASSWD:ALL\n", "NamedInSudoers"},
      {"by another group", "etc/sudoers", "%hero ALL=(ALL) ALL\n", "NamedInSudoers"},
      {"by a group's number", "etc/sudoers", "%#990 ALL=(ALL) ALL\n", "NamedInSudoers"},
      {"in what sudo leaves out", "etc/sudoers.d/old.bak", "alice ALL=(ALL) ALL\n", "done"},
      {"in a file that is included", "etc/sudoers", "@include more\n", "NamedInSudoers"},
      {"in what cannot be followed", "etc/sudoers", "@include /etc/sudoers.%h\n", "SudoersUnreadable"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Machine box;
    box.root.Write("etc/more", "alice ALL=(ALL) ALL\n");
    box.root.Write(row.path, row.text);
    CHECK(Outcome(box.client, priv::EnsureHome{"alice", 20000, 20000}) == row.outcome);
    CHECK(Outcome(box.client, priv::EnsureAccount{Wish("alice")}) == row.outcome);
  }
  Machine box;
  box.root.Write("etc/sudoers", "mallory ALL=(ALL) NOPASSWD: ALL\n%ops ALL=(ALL) ALL\n");
  CHECK(Outcome(box.client, priv::EnsureAccount{Wish("mallory")}) == "NamedInSudoers");
  AccountWish wish = Wish("alice");
  wish.groups = wish.managed_groups = {"ops"};
  CHECK(Outcome(box.client, priv::EnsureAccount{wish}) == "NamedInSudoers");
  wish.groups = {};
  CHECK(Outcome(box.client, priv::EnsureAccount{wish}) == "done");
}

TEST_CASE("[SEC-14][SEC-45] herod-priv: only one's own empty file is taken for an archive" * tests::NeedsRoot()) {
  Machine box;
  AccountWish wish = Wish("alice");
  wish.is_expired = true;
  REQUIRE(Outcome(box.client, priv::EnsureAccount{wish}) == "done");
  box.root.Write("home/alice/hero/file", "work");
  box.root.Write("full", "not to be overwritten");
  box.root.Write("foreign", "");
  REQUIRE(::chown((box.root / "foreign").c_str(), 12345, 12345) == 0);
  box.root.Write("fine", "");
  struct Row {
    const char* what;
    Fd fd;
  };
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  const auto open = [&box](const char* path, int flags) {
    return Fd(::open((box.root / path).c_str(), flags | O_CLOEXEC));
  };
  Row rows[] = {{"a directory", open("etc", O_RDONLY | O_DIRECTORY)},
                {"for reading", open("fine", O_RDONLY)},
                {"only a path", open("fine", O_PATH)},
                {"what is not empty", open("full", O_WRONLY)},
                {"another's", open("foreign", O_WRONLY)},
                {"a pipe", Fd(ends[1])},
                {"a device", Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC))},
                {"a counter", Fd(::eventfd(0, EFD_CLOEXEC))}};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    REQUIRE(row.fd);
    CHECK(Outcome(box.client, priv::PackWork{"alice"}, row.fd.get()) == "NotAnArchive");
  }
  CHECK(box.root.Read("full") == "not to be overwritten");
}

TEST_CASE("[SEC-14][SEC-15] herod-priv: a member who swaps links in meanwhile has nothing written or read elsewhere" *
          tests::NeedsRoot()) {
  Machine box;
  REQUIRE(Outcome(box.client, priv::EnsureHome{"alice", 20000, 20000}) == "done");
  REQUIRE(Outcome(box.client, priv::WriteKeys{"alice", "key\n"}) == "done");
  box.root.Write("outside/authorized_keys", "not to be read or written");
  REQUIRE(::chmod((box.root / "outside/authorized_keys").c_str(), 0600) == 0);
  fs::create_symlink(box.root / "outside", box.root / "home/alice/link");
  REQUIRE(::lchown((box.root / "home/alice/link").c_str(), 20000, 20000) == 0);
  fs::create_hard_link(box.root / "outside/authorized_keys", box.root / "home/alice/hard");
  REQUIRE(::chmod(box.root.Path().c_str(), 0711) == 0);
  std::jthread restless([&box](const std::stop_token& stop) {
    // This thread alone, which the library's calls would not do.
    REQUIRE(::syscall(SYS_setresgid, 20000, 20000, 20000) == 0);
    REQUIRE(::syscall(SYS_setresuid, 20000, 20000, 20000) == 0);
    const std::string home = box.root / "home/alice/";
    while (!stop.stop_requested()) {  // Exchanged in one step: .ssh is a link half of the time.
      ::renameat2(AT_FDCWD, (home + "link").c_str(), AT_FDCWD, (home + ".ssh").c_str(), RENAME_EXCHANGE);
      ::renameat2(AT_FDCWD, (home + "hard").c_str(), AT_FDCWD, (home + ".ssh/authorized_keys").c_str(),
                  RENAME_EXCHANGE);
    }
  });
  for (int i = 0; i < 200; ++i) {
    static_cast<void>(Outcome(box.client, priv::WriteKeys{"alice", "key " + std::to_string(i) + "\n"}));
    const auto seen = box.client.Call(priv::LookHomes{{"alice"}}, kPatience);
    REQUIRE(seen);
    if (seen->homes.front()) CHECK(seen->homes.front()->authorized_keys.find("not to be") == std::string::npos);
  }
  restless.request_stop();
  restless.join();
  CHECK(box.root.Read("outside/authorized_keys") == "not to be read or written");
  struct stat status {};
  REQUIRE(::stat((box.root / "outside/authorized_keys").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(status.st_uid == 0);
}

Fd RawConnection(const std::string& path, int flags = 0) {
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

/// Whether the other end hangs up on that packet, without a word.
bool IsHungUpOn(const std::string& socket, const std::string& packet, const std::vector<int>& descriptors = {}) {
  const Fd fd = RawConnection(socket);
  REQUIRE(fd);
  iovec part{.iov_base = const_cast<char*>(packet.data()), .iov_len = packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 16)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  REQUIRE(::sendmsg(fd.get(), &message, MSG_NOSIGNAL) >= 0);
  const auto answer = priv::ReceiveWithin(fd.get(), kPatience, {});
  return answer && !*answer;
}

TEST_CASE("[SEC-45] herod-priv: what is no request ends its connection, and nobody else's") {
  tests::PrivBox box;
  const std::string good = *priv::EncodeRequest(priv::FindAccount{"alice"});
  REQUIRE(box.accounts.Find("alice"));
  CHECK(IsHungUpOn(box.process.socket, ""));
  CHECK(IsHungUpOn(box.process.socket, std::string(1, '\0')));
  CHECK(IsHungUpOn(box.process.socket, good.substr(0, good.size() - 1)));
  CHECK(IsHungUpOn(box.process.socket, good + "x"));
  CHECK(IsHungUpOn(box.process.socket, std::string(priv::kPacketBytesMax + 1, '\1')));
  for (int verb = 0; verb < 256; verb += verb == 1 ? 13 : 1) {  // All that are none.
    if (verb == 1) continue;
    CHECK(IsHungUpOn(box.process.socket, std::string{static_cast<char>(priv::kVersion), static_cast<char>(verb)}));
  }
  CHECK(box.accounts.Find("alice"));

  std::string other_version = good;
  other_version.front() = 99;
  const Fd fd = RawConnection(box.process.socket);
  REQUIRE(priv::Send(fd.get(), other_version));
  const auto answer = priv::ReceiveWithin(fd.get(), kPatience, {});
  REQUIRE(answer);
  REQUIRE(*answer);
  CHECK(priv::DecodeAnswer<std::optional<host::Account>>((*answer)->bytes).error().reason == "OtherVersion");
}

TEST_CASE("[SEC-45] herod-priv: descriptors come with the one verb that takes one, or the connection ends") {
  tests::PrivBox box;
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const std::string find = *priv::EncodeRequest(priv::FindAccount{"alice"});
  const std::string pack = *priv::EncodeRequest(priv::PackWork{"alice"});
  CHECK(IsHungUpOn(box.process.socket, find, {null.get()}));
  CHECK(IsHungUpOn(box.process.socket, *priv::EncodeRequest(priv::Subscribe{}), {null.get()}));
  CHECK(IsHungUpOn(box.process.socket, pack));
  CHECK(IsHungUpOn(box.process.socket, pack, {null.get(), null.get()}));
  CHECK(IsHungUpOn(box.process.socket, pack, std::vector<int>(16, null.get())));
  CHECK(box.accounts.Find("alice"));
}

TEST_CASE("[SEC-45] herod-priv: thousands of connections, kept and dropped, cost nobody but their maker") {
  tests::PrivBox box;
  std::vector<Fd> kept;
  for (int i = 0; i < 3000; ++i) {
    Fd fd = RawConnection(box.process.socket, SOCK_NONBLOCK);
    if (fd && i % 2 == 0) kept.push_back(std::move(fd));
  }
  CHECK(kept.size() < 1500);  // Beyond what is served and what waits, connecting is refused.
  kept.clear();
  CHECK(box.accounts.Find("alice"));
}

/// A server in this process, which takes another account for herod.
TEST_CASE("[SEC-45] herod-priv: whoever is not herod is not even listened to, root neither") {
  class NoWork final : public host::Work {
    api::Expected<bool> IsThere(std::string_view) const override { return true; }
    api::Expected<host::Packed> Pack(std::string_view, int, std::stop_token) override { return host::Packed{}; }
  };
  tests::TempDir directory;
  tests::FakeAccounts accounts;
  tests::FakeHomes homes;
  tests::FakeFileWatch watch;
  NoWork work;
  const priv::Members members({.root = directory.Path()}, accounts);
  priv::Verbs verbs({.members = members, .accounts = accounts, .homes = homes, .work = work});
  priv::Hints hints("", members, watch);
  for (const uid_t caller : {::geteuid(), ::geteuid() + 1}) {
    CAPTURE(caller);
    const auto listener = priv::Listen(directory / "socket");
    REQUIRE(listener);
    const std::jthread serving([&](const std::stop_token& stop) {
      CHECK(priv::Server(verbs, hints, {.caller = caller}).Run(*listener, stop));
    });
    priv::Client client(directory / "socket");
    const auto found = client.Call(priv::FindAccount{"alice"}, kPatience);
    CHECK(found.has_value() == (caller == ::geteuid()));
    if (!found) CHECK(found.error().reason == "PrivGone");
  }
  struct stat status {};
  REQUIRE(::stat((directory / "socket").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("[SEC-45] herod-priv: who does not read hints is cut off, and costs nobody else") {
  tests::PrivBox box;
  const Fd line = RawConnection(box.process.socket);
  REQUIRE(priv::Send(line.get(), *priv::EncodeRequest(priv::Subscribe{})));
  const auto answer = priv::ReceiveWithin(line.get(), kPatience, {});
  REQUIRE(answer);
  const std::int64_t mine = *priv::DecodeAnswer<std::int64_t>((*answer)->bytes);
  const std::string ssh = box.root.MakeDirectory("home/alice/.ssh");
  REQUIRE(Outcome(box.client, priv::Watch{mine, "alice", 0}) == "done");
  std::string outcome = "done";
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (int i = 0; outcome == "done" && std::chrono::steady_clock::now() < until; ++i) {  // More than any socket holds.
    box.root.Write("home/alice/.ssh/x" + std::to_string(i % 1000), "");
    if (i % 1000 == 999) outcome = Outcome(box.client, priv::Watch{mine, "alice", 0});
  }
  CHECK(outcome == "NotSubscribed");
  CHECK(box.accounts.Find("alice"));
}

TEST_CASE("[SEC-45] herod-priv: a member who makes thousands of hints ends nobody's line, and nobody's is lost") {
  const tests::TempDir root;
  tests::FakeAccounts accounts;
  tests::FakeFileWatch watch;
  const priv::Members members({.root = root.Path()}, accounts);
  priv::Hints hints("", members, watch);
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const Fd line(ends[0]);
  const Fd theirs(ends[1]);
  const auto ask = [&](const auto& request) {
    return hints.Answer(priv::Packet{.bytes = *priv::EncodeRequest(request)}, theirs).value_or("");
  };
  const auto subscription = priv::DecodeAnswer<std::int64_t>(ask(priv::Subscribe{}));
  REQUIRE(subscription);
  for (const std::string name : {"alice", "bob"})
    REQUIRE(priv::DecodeAnswer<void>(ask(priv::Watch{*subscription, name, 0})));
  constexpr int kBurst = 5000;  // More than a socket holds.
  for (int i = 0; i < kBurst; ++i) REQUIRE(watch.Ring("/home/alice/.ssh/x" + std::to_string(i)) == 1);
  REQUIRE(watch.Ring("/home/bob/.ssh/authorized_keys") == 1);

  const std::jthread telling([&](const std::stop_token& stop) { hints.Run(stop, kPatience); });
  std::set<std::string> told;
  while (!told.contains("alice ") || !told.contains("bob ")) {  // Of the whole directory, both.
    const auto packet = priv::ReceiveWithin(line.get(), kPatience, {});
    REQUIRE(packet);
    REQUIRE(*packet);
    priv::PacketReader reader((*packet)->bytes);
    reader.Byte();
    priv::Hint hint;
    priv::FieldReader field(reader);
    field(hint);
    told.insert(hint.name + " " + hint.entry);
  }
  CHECK(told.size() < kBurst);
  CHECK(priv::DecodeAnswer<void>(ask(priv::Watch{*subscription, "alice", 0})));
}

TEST_CASE("[SEC-45] herod-priv: hints are for the one who subscribed, and of directories that are listed") {
  tests::PrivBox box;
  const Fd line = RawConnection(box.process.socket);
  REQUIRE(priv::Send(line.get(), *priv::EncodeRequest(priv::Subscribe{})));
  const auto answer = priv::ReceiveWithin(line.get(), kPatience, {});
  REQUIRE(answer);
  const std::int64_t mine = *priv::DecodeAnswer<std::int64_t>((*answer)->bytes);
  box.root.MakeDirectory("home/alice/.ssh");
  CHECK(Outcome(box.client, priv::Watch{mine, "alice", 0}) == "done");
  CHECK(Outcome(box.client, priv::Watch{mine, "alice", -1}) == "NotWatchable");
  CHECK(Outcome(box.client, priv::Watch{mine, "alice", 2}) == "NotWatchable");
  CHECK(Outcome(box.client, priv::Watch{mine, "../alice", 0}) == "NotWatchable");
  box.root.Write("etc/sudoers", "bob ALL=(ALL) ALL\n");
  CHECK(Outcome(box.client, priv::Watch{mine, "bob", 0}) == "NamedInSudoers");
  CHECK(Outcome(box.client, priv::Watch{mine + 1, "alice", 0}) == "NotSubscribed");

  const Fd other = RawConnection(box.process.socket);
  REQUIRE(priv::Send(other.get(), *priv::EncodeRequest(priv::Subscribe{})));
  const auto end = priv::ReceiveWithin(line.get(), kPatience, {});  // There is one herod: the newest.
  REQUIRE(end);
  CHECK_FALSE(*end);
  CHECK(Outcome(box.client, priv::Watch{mine, "alice", 0}) == "NotSubscribed");
}

}  // namespace
