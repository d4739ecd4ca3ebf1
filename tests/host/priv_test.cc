// What herod and herod-priv promise each other: the bytes between them, restarts, shared questions, hints. That the
// seams through them do what any seam does is in accounts_test.cc and homes_test.cc.
#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/kept_archives.h"
#include "host/priv/messages.h"
#include "host/priv/watch.h"
#include "tests/host/priv_box.h"
#include "tests/support/fake_file_watch.h"
#include "tests/support/needs.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::Account;
using host::AccountWish;
using tests::PrivBox;
using namespace std::chrono_literals;
namespace priv = host::priv;

AccountWish Wish(const std::string& name) {
  return {.name = name, .gecos = "Ms " + name, .home = "/home/" + name, .shell = "/bin/bash"};
}

/// A box with alice's home and keys.
struct MadeBox : PrivBox {
  MadeBox() {
    REQUIRE(accounts.Ensure(Wish("alice")));
    REQUIRE(homes.EnsureHome("/home/alice", 20000, 20000));
    REQUIRE(homes.WriteAuthorizedKeys("/home/alice", "key\n"));
  }
  /// What alice has to be for her work to be packed.
  void Expire() {
    AccountWish wish = Wish("alice");
    wish.is_expired = true;
    REQUIRE(accounts.Ensure(wish));
  }
  /// alice's, where we may give things away.
  void Put(const std::string& path, const std::string& content) const {
    root.Write(path, content);
    if (::geteuid() != 0) return;
    for (fs::path at = path; at != "home/alice"; at = at.parent_path())
      REQUIRE(::lchown((root / at.string()).c_str(), 20000, 20000) == 0);
  }
};

template <class Request>
std::optional<Request> RoundTrip(const Request& request) {
  const auto bytes = priv::EncodeRequest(request);
  REQUIRE(bytes);
  priv::PacketReader packet(*bytes);
  CHECK(packet.Byte() == priv::kVersion);
  CHECK(packet.Byte() == static_cast<std::uint8_t>(Request::kVerb));
  Request read;
  priv::FieldReader field(packet);
  field(read);
  return packet.IsWhole() ? std::optional(read) : std::nullopt;
}

TEST_CASE("[SEC-45] priv packets: what is written is what is read") {
  AccountWish wish = Wish("alice");
  wish.uid = 20007;
  wish.is_expired = true;
  wish.groups = {"hero"};
  wish.managed_groups = {"hero", "ops"};
  const auto read = RoundTrip(priv::EnsureAccount{wish});
  REQUIRE(read);
  CHECK(read->wish.name == wish.name);
  CHECK(read->wish.uid == wish.uid);
  CHECK(read->wish.gecos == wish.gecos);
  CHECK(read->wish.is_expired);
  CHECK(read->wish.groups == wish.groups);
  CHECK(read->wish.managed_groups == wish.managed_groups);

  const auto found = priv::DecodeAnswer<std::optional<Account>>(priv::EncodeAnswer(
      api::Expected<std::optional<Account>>(Account{.name = "alice", .uid = 1, .groups = {"a", "b"}})));
  REQUIRE(found);
  CHECK(**found == Account{.name = "alice", .uid = 1, .groups = {"a", "b"}});
  const auto refused = priv::DecodeAnswer<host::Packed>(
      priv::EncodeAnswer(api::Expected<host::Packed>(api::Error{Code::kForbidden, "Because", std::string(9000, 'x')})));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kForbidden);
  CHECK(refused.error().reason == "Because");
  CHECK(refused.error().message.size() == priv::kMessageBytesMax);  // Cut, not lost.
}

TEST_CASE("[SEC-45] priv packets: no cut, longer or changed packet is taken for one, and none asks for much memory") {
  AccountWish wish = Wish("alice");
  wish.groups = wish.managed_groups = {"hero", "ops"};
  const std::string bytes = *priv::EncodeRequest(priv::EnsureAccount{wish});
  const auto is_read = [](std::string_view packet) {
    priv::PacketReader reader(packet);
    reader.Byte();
    reader.Byte();
    priv::EnsureAccount request;
    priv::FieldReader field(reader);
    field(request);
    return reader.IsWhole();
  };
  CHECK(is_read(bytes));
  for (std::size_t length = 0; length < bytes.size(); ++length) CHECK_FALSE(is_read(bytes.substr(0, length)));
  CHECK_FALSE(is_read(bytes + '\0'));
  for (std::size_t at = 2; at + 8 <= bytes.size(); ++at) {  // Lengths and counts among them.
    std::string hostile = bytes;
    hostile.replace(at, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
    is_read(hostile);
  }
  wish.gecos = std::string(priv::kFieldBytesMax + 1, 'x');
  CHECK(priv::EncodeRequest(priv::EnsureAccount{wish}).error().code == Code::kInvalid);
  CHECK(priv::EncodeRequest(priv::FindAccount{std::string(priv::kNameBytesMax + 1, 'x')}).error().code ==
        Code::kInvalid);
}

TEST_CASE("[HTB-16] priv archives: the work of an expired member is packed into herod's own directory" *
          tests::NeedsOwners()) {
  MadeBox box;
  host::linux::KeptArchives archives(box.root / "driver/archive", box.work);
  CHECK_FALSE(archives.IsWorthwhile("/home/alice").value_or(true));
  box.Put("home/alice/hero/code/file", "work");
  CHECK(archives.IsWorthwhile("/home/alice").value_or(false));
  const std::string name = "alice-20261120T205851Z.tar.gz";
  const auto too_early = archives.Pack("/home/alice", name, {});
  REQUIRE_FALSE(too_early);
  CHECK(too_early.error().reason == "NotExpired");

  box.Expire();
  const auto packed = archives.Pack("/home/alice", name, {});
  INFO((packed ? "" : packed.error().message));
  REQUIRE(packed);
  CHECK(*packed == host::Packed{.files = 1});
  CHECK(archives.Has(name).value_or(false));
  host::linux::SpawnedProcesses processes;
  const auto listed = processes.Run({.argv = {"tar", "-tzf", box.root / "driver/archive/" + name},
                                     .environment = {{"PATH", "/usr/bin:/bin"}},
                                     .deadline = 60s},
                                    {});
  CHECK(listed.value_or({}).out == "hero/\nhero/code/\nhero/code/file\n");
}

/// The directory below /proc of the herod-pack that works for that box; empty without one. Those of other tests have
/// other roots.
fs::path PackerOf(const tests::TempDir& root) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code gone;
    const fs::path at = fs::read_symlink(entry.path() / "cwd", gone);
    std::ifstream name(entry.path() / "comm");
    std::string comm;
    if (std::getline(name, comm) && comm == "herod-pack" && at.string().starts_with(root.Path())) return entry.path();
  }
  return {};
}
bool IsPacking(const tests::TempDir& root) { return !PackerOf(root).empty(); }

/// Whether that is so within a minute.
template <class Condition>
bool Becomes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 1min;
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return condition();
}

/// Work that takes seconds to pack: neither a hole nor anything that compresses.
void PutLargeWork(const MadeBox& box) {
  std::string noise;
  std::uint64_t bits = 1;
  while (noise.size() < 1u << 20) {  // Longer than gzip looks back, so it can be repeated.
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    noise += static_cast<char>(bits >> 56);
  }
  std::string work;
  for (int i = 0; i < 256; ++i) work += noise;
  box.Put("home/alice/hero/disk", work);
}

/// A box in which a herod-pack has work for seconds.
struct PackingBox : MadeBox {
  PackingBox() {
    Expire();
    PutLargeWork(*this);
    packing = std::async(std::launch::async, [this] { return archives.Pack("/home/alice", "a.tar.gz", {}); });
  }
  host::linux::KeptArchives archives{root / "driver/archive", work};
  std::future<api::Expected<host::Packed>> packing{};
};

TEST_CASE("[HTB-16] priv archives: the packing ends with a herod-priv that is killed" * tests::NeedsRoot()) {
  PackingBox box;
  REQUIRE(Becomes([&] { return IsPacking(box.root); }));
  box.process.Stop();
  CHECK_FALSE(box.packing.get());
  CHECK(Becomes([&] { return !IsPacking(box.root); }));
}

/// The line of /proc/PID/limits about what malloc may take; empty when there is no such process any more.
std::string DataLimit(const fs::path& process) {
  std::ifstream limits(process / "limits");
  std::string line;
  while (std::getline(limits, line) && !line.starts_with("Max data size")) line.clear();
  return line;
}

TEST_CASE("[SEC-15] priv archives: the packing has a bound on its memory" * tests::NeedsRoot()) {
  PackingBox box;
  std::string limit;
  CHECK(Becomes([&] {
    limit = DataLimit(PackerOf(box.root));
    return !limit.empty() && limit.find("unlimited") == std::string::npos;
  }));
  INFO(limit);
  box.process.Stop();
  CHECK_FALSE(box.packing.get());
}

// A leaving member chooses how many names there are; 600 000 in one directory took 340 MiB of what herod-priv has.
TEST_CASE("[SEC-15] herod-pack: a directory of more names than there is memory for is said, and ends nobody else" *
          tests::NeedsRootUnsanitized()) {
  const tests::TempDir root;
  const std::string name(240, 'n');
  root.MakeDirectory("home/hero/many");
  constexpr int kNames = 50'000;  // 250 bytes each, beside what holds them.
  root.Write("home/hero/many/0", "");
  for (int i = 1; i <= kNames; ++i)
    REQUIRE(::link((root / "home/hero/many/0").c_str(),
                   (root / ("home/hero/many/" + name + std::to_string(i))).c_str()) == 0);
  for (const std::string& path : {root / "home", root / "home/hero", root / "home/hero/many"})
    REQUIRE(::lchown(path.c_str(), 20000, 20000) == 0);
  const host::linux::Fd archive(::open((root / "archive").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(archive);
  const auto pack = [&](const std::string& data_bytes_max) {
    return host::linux::SpawnedProcesses().Run(
        {.argv = {"prlimit", "--data=" + data_bytes_max, host::linux::ProgramBesideUs("herod-pack"), "pack", "20000",
                  "20000", "/home/alice"},
         .directory = root / "home",
         .output = archive.get(),
         .deadline = 60s},
        {});
  };
  const auto refused = pack(std::to_string(12 << 20));
  REQUIRE(refused);
  INFO(refused->err);
  CHECK(refused->signal == 0);
  CHECK(refused->err.starts_with("ArchiveNeedsMemory\npack /home/alice/hero: "));
  const auto packed = pack("unlimited");
  REQUIRE(packed);
  INFO(packed->err);
  CHECK(packed->exit_code == 0);
}

TEST_CASE("[HTB-16] priv archives: what a member closed even to himself is archived, with the mode that it has" *
          tests::NeedsOwners()) {
  MadeBox box;
  box.Expire();
  box.Put("home/alice/hero/closed/file", "work");
  for (const std::string path : {"home/alice/hero/closed/file", "home/alice/hero/closed"})
    REQUIRE(::chmod((box.root / path).c_str(), 0) == 0);
  host::linux::KeptArchives archives(box.root / "driver/archive", box.work);
  const auto packed = archives.Pack("/home/alice", "alice.tar.gz", {});
  INFO((packed ? "" : packed.error().message));
  REQUIRE(packed);
  CHECK(packed->files == 1);
  host::linux::SpawnedProcesses processes;
  const auto listed = processes.Run({.argv = {"tar", "-tvzf", box.root / "driver/archive/alice.tar.gz"},
                                     .environment = {{"PATH", "/usr/bin:/bin"}},
                                     .deadline = 60s},
                                    {});
  REQUIRE(listed);
  CHECK(listed->out.find("d--------- ") != std::string::npos);
  CHECK(listed->out.find("---------- ") != std::string::npos);
  struct stat status {};
  REQUIRE(::lstat((box.root / "home/alice/hero/closed").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0);
  REQUIRE(::chmod((box.root / "home/alice/hero/closed").c_str(), 0700) == 0);  // For the test's end.
  REQUIRE(::lstat((box.root / "home/alice/hero/closed/file").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0);
}

TEST_CASE("[HTB-16] priv archives: who stops waiting ends the packing, and nothing is left" * tests::NeedsOwners()) {
  MadeBox box;
  box.Expire();
  box.Put("home/alice/hero/file", "work");
  host::linux::KeptArchives archives(box.root / "driver/archive", box.work);
  std::stop_source stop;
  stop.request_stop();  // Before there can be an answer.
  const auto packed = archives.Pack("/home/alice", "a.tar.gz", stop.get_token());
  REQUIRE_FALSE(packed);
  CHECK(packed.error().reason == "Stopped");
  CHECK(fs::is_empty(box.root / "driver/archive"));
  CHECK(box.accounts.Find("alice"));
}

TEST_CASE(
    "[HTB-19] priv client: a herod-priv that was killed is asked again, and its absence is said with what to do") {
  tests::TempDir root;
  auto process = std::make_unique<tests::PrivProcess>(root);
  priv::Client client(process->socket);
  priv::PrivAccounts accounts(client);
  REQUIRE(accounts.Ensure(Wish("alice")));
  process.reset();
  const auto gone = accounts.Find("alice");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == Code::kUnavailable);
  CHECK(gone.error().message.find("herod-priv.socket") != std::string::npos);
  fs::remove(root / "notify.sock");
  process = std::make_unique<tests::PrivProcess>(root);
  CHECK(accounts.Find("alice").value_or(std::nullopt).has_value());
}

TEST_CASE("[HTB-18] priv homes: looks at the same time share questions, and each gets its own answer" *
          tests::NeedsOwners()) {
  PrivBox box;
  constexpr int kMembers = 100;
  const std::string much(60'000, 'k');  // Two of these do not fit into one answer.
  for (int i = 0; i < kMembers; ++i) {
    const std::string name = "user" + std::to_string(i);
    const auto account = box.accounts.Ensure(Wish(name));
    REQUIRE(account);
    REQUIRE(box.homes.EnsureHome("/home/" + name, account->uid, account->gid));
    REQUIRE(box.homes.WriteAuthorizedKeys("/home/" + name, name + (i % 10 == 0 ? much : "")));
  }
  std::vector<std::jthread> threads;
  threads.reserve(kMembers);
  for (int i = 0; i < kMembers; ++i) {
    threads.emplace_back([&box, &much, i] {
      const std::string name = "user" + std::to_string(i);
      const auto state = box.homes.Look("/home/" + name);
      REQUIRE(state);
      CHECK(state->authorized_keys == name + (i % 10 == 0 ? much : ""));
    });
  }
}

/// What a watch was told, to wait for.
class Told {
 public:
  host::FileWatch::Changed Callback() {
    return [this](std::string_view path) {
      const std::lock_guard lock(mutex_);
      paths_.emplace_back(path);
      told_.notify_all();
    };
  }
  bool Waits(const std::string& path) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, 60s, [&] { return std::find(paths_.begin(), paths_.end(), path) != paths_.end(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> paths_;
};

/// A watch of a real box whose homes are below a root that is thrown away.
struct WatchBox : MadeBox {
  tests::FakeFileWatch local;
  std::unique_ptr<priv::PrivWatch> watch = *priv::PrivWatch::Create(local, client);
  std::jthread runner{[this](const std::stop_token& stop) { watch->Run(stop); }};
};

TEST_CASE(
    "[HTB-13] priv watch: a change in a member's .ssh is hinted by its path on the box, elsewhere is watched here") {
  Told told;  // Outlives the watch, which may still tell it.
  WatchBox box;
  REQUIRE(box.watch->Add("/home/alice/.ssh", false, told.Callback()));
  box.Put("home/alice/.ssh/authorized_keys", "by hand\n");
  CHECK(told.Waits("/home/alice/.ssh/authorized_keys"));
  fs::rename(box.root / "home/alice/.ssh", box.root / "home/alice/away");
  CHECK(told.Waits("/home/alice/.ssh"));  // Gone: to be asked for again.

  const auto absent = box.watch->Add("/home/alice/.ssh", false, told.Callback());
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == Code::kNotFound);
  CHECK(box.watch->Add("/home/alice/.config", false, told.Callback()).error().code == Code::kInvalid);
  CHECK(box.watch->Add("/home/../etc/.ssh", false, told.Callback()).error().code == Code::kInvalid);
  CHECK(box.watch->Add("/home/alice/.ssh", true, told.Callback()).error().code == Code::kInvalid);
}

TEST_CASE("[SEC-15] priv watch: a .ssh that is a link is not watched") {
  Told told;  // Outlives the watch, which may still tell it.
  WatchBox box;
  fs::rename(box.root / "home/alice/.ssh", box.root / "elsewhere");
  fs::create_symlink(box.root / "elsewhere", box.root / "home/alice/.ssh");
  const auto linked = box.watch->Add("/home/alice/.ssh", false, told.Callback());
  REQUIRE_FALSE(linked);
  CHECK(linked.error().code == Code::kForbidden);
}

TEST_CASE("[HTB-19] priv watch: when herod-priv goes away all that it watched is hinted as gone, and asked for again") {
  tests::TempDir root;
  root.MakeDirectory("home/alice/.ssh");
  auto process = std::make_unique<tests::PrivProcess>(root);
  priv::Client client(process->socket);
  Told told;
  Told again;
  tests::FakeFileWatch local;
  const auto watch = *priv::PrivWatch::Create(local, client);
  const std::jthread runner([&](const std::stop_token& stop) { watch->Run(stop); });
  REQUIRE(watch->Add("/home/alice/.ssh", false, told.Callback()));
  process.reset();
  CHECK(told.Waits("/home/alice/.ssh"));
  CHECK_FALSE(watch->Add("/home/alice/.ssh", false, told.Callback()));
  fs::remove(root / "notify.sock");
  process = std::make_unique<tests::PrivProcess>(root);
  CHECK(watch->Add("/home/alice/.ssh", false, again.Callback()));
  root.Write("home/alice/.ssh/x", "");
  CHECK(again.Waits("/home/alice/.ssh/x"));
}

TEST_CASE("[HOST] priv watch: after Remove nothing is told, whatever changes") {
  std::atomic<int> told = 0;
  Told other;
  WatchBox box;
  REQUIRE(box.accounts.Ensure(Wish("bob")));
  REQUIRE(box.homes.EnsureHome("/home/bob", 20001, 20001));
  REQUIRE(box.homes.WriteAuthorizedKeys("/home/bob", "key\n"));
  REQUIRE(box.watch->Add("/home/alice/.ssh", false, [&told](std::string_view) { ++told; }));
  REQUIRE(box.watch->Add("/home/bob/.ssh", false, other.Callback()));
  box.watch->Remove("/home/alice/.ssh");
  box.Put("home/alice/.ssh/x", "");
  box.root.Write("home/bob/.ssh/y", "");
  CHECK(other.Waits("/home/bob/.ssh/y"));  // Later than alice's would have been.
  CHECK(told == 0);
}

}  // namespace
