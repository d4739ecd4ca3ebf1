#include "host/archives.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <sys/stat.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/box_paths.h"
#include "host/libarchive/packer.h"
#include "host/libarchive/work.h"
#include "host/linux/files.h"
#include "host/linux/kept_archives.h"
#include "host/linux/processes.h"
#include "tests/support/fake_archives.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using namespace std::chrono_literals;

constexpr const char* kName = "alice-20261120T205851Z.tar.gz";

template <class T>
std::optional<Code> CodeOf(const api::Expected<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

struct Box {
  tests::TempDir root;
  host::BoxPaths paths = host::PathsOf(root.Path(), "driver");
  host::libarchive::LibWork work{paths.root};
  host::linux::KeptArchives archives{paths.archive, work};
  std::string hero = "home/alice/hero";

  std::string Archive() const { return paths.archive + "/" + kName; }
  /// Runs tar; its exit code.
  static int Tar(const std::vector<std::string>& arguments) {
    host::Command command{.argv = {"tar"}, .environment = {{"PATH", "/usr/bin:/bin"}}, .deadline = 60s};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const auto finished = host::linux::SpawnedProcesses().Run(command, {});
    REQUIRE(finished);
    INFO(finished->err);
    return finished->exit_code;
  }
  void PutWork() const { root.Write(hero + "/code/file", "work"); }
};

/// Everything that an archive has to bring back, one line a file; the path's bytes are kept as they are.
std::map<std::string, std::string> Describe(const std::string& top) {
  std::map<std::string, std::string> lines;
  std::map<ino_t, std::string> first_names;
  std::vector<fs::path> paths{top};
  for (const auto& entry : fs::recursive_directory_iterator(top)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode)) continue;
    std::string line = std::to_string(status.st_mode) + " " + std::to_string(status.st_uid) + ":" +
                       std::to_string(status.st_gid) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
                       std::to_string(status.st_mtim.tv_nsec);
    if (S_ISLNK(status.st_mode)) line += " -> " + fs::read_symlink(path).string();
    if (S_ISREG(status.st_mode)) {
      std::ifstream file(path, std::ios::binary);
      line += " " + std::to_string(std::hash<std::string>()({std::istreambuf_iterator<char>(file), {}}));
      line += " same as " + first_names.try_emplace(status.st_ino, path.string().substr(top.size())).first->second;
    }
    lines[path.string().substr(top.size())] = line;
  }
  return lines;
}

/// One of everything that may be in a home.
void PutOneOfEach(const Box& box) {
  const auto& root = box.root;
  root.Write(box.hero + "/code/a.txt", "a");
  root.Write(box.hero + "/code/b/.hidden", std::string(300'000, 'x'));
  root.Write(box.hero + "/code/b/empty", "");
  root.MakeDirectory(box.hero + "/var/empty");
  root.Write(box.hero + "/names/with space and\nnewline", "1");
  root.Write(box.hero + "/names/grün", "2");
  root.Write(box.hero + "/names/latin1-\xfc", "3");
  root.Write(box.hero + "/names/" + std::string(250, 'n'), "4");
  root.Write(box.hero + "/" + std::string(120, 'd') + "/" + std::string(120, 'e') + "/" + std::string(120, 'f'), "5");
  fs::create_symlink("a.txt", root / (box.hero + "/code/link"));
  fs::create_symlink("/nowhere/at/all", root / (box.hero + "/code/absolute"));
  fs::create_symlink("nowhere", root / (box.hero + "/code/dangling"));
  fs::create_directory_symlink("..", root / (box.hero + "/code/loop"));
  fs::create_symlink(std::string(3000, 'l'), root / (box.hero + "/code/long"));
  fs::create_hard_link(root / (box.hero + "/code/a.txt"), root / (box.hero + "/code/z.txt"));
  REQUIRE(::mkfifo((root / (box.hero + "/var/fifo")).c_str(), 0600) == 0);
  REQUIRE(::mknod((root / (box.hero + "/var/web.sock")).c_str(), S_IFSOCK | 0600, 0) == 0);
  REQUIRE(::chmod((root / (box.hero + "/code/b/empty")).c_str(), 04751) == 0);
  REQUIRE(::chmod((root / (box.hero + "/var/empty")).c_str(), 02700) == 0);
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 1'000'000'000, .tv_nsec = 123'456'789}};
  REQUIRE(::utimensat(AT_FDCWD, (root / (box.hero + "/code/a.txt")).c_str(), times, 0) == 0);
}

/// What every one promises, the fake one too.
struct Real : Box {
  void MakeHome() const { root.MakeDirectory("home/alice"); }
};

struct Fake {
  tests::FakeArchives archives;

  static void MakeHome() {}
  void PutWork() { archives.PutWork("/home/alice"); }
};

TEST_CASE_TEMPLATE("[HTB-16] archives contract: what there is to pack is packed, and is there from then on", Backend,
                   Fake, Real) {
  Backend backend;
  backend.MakeHome();
  CHECK_FALSE(backend.archives.IsWorthwhile("/home/alice").value_or(true));
  CHECK(CodeOf(backend.archives.Pack("/home/alice", kName, {})) == Code::kNotFound);
  CHECK_FALSE(backend.archives.Has(kName).value_or(true));
  backend.PutWork();
  CHECK(backend.archives.IsWorthwhile("/home/alice").value_or(false));
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(CodeOf(backend.archives.Pack("/home/alice", kName, stopped.get_token())) == Code::kUnavailable);
  CHECK_FALSE(backend.archives.Has(kName).value_or(true));
  for (int i = 0; i < 2; ++i) {  // Twice is once.
    const auto packed = backend.archives.Pack("/home/alice", kName, {});
    REQUIRE_MESSAGE(packed, packed.error().message);
    CHECK(packed->files == 1);
    CHECK(backend.archives.Has(kName).value_or(false));
  }
  CHECK_FALSE(backend.archives.Has("bob-20261120T205851Z.tar.gz").value_or(true));
}

TEST_CASE("[HTB-16][SEC-13] archives: tar restores what was packed, to the mode and the nanosecond") {
  Box box;
  PutOneOfEach(box);
  if (tests::IsRoot()) REQUIRE(::chown((box.root / (box.hero + "/code/a.txt")).c_str(), 20000, 20001) == 0);
  const auto packed = box.archives.Pack("/home/alice", kName, {});
  INFO((packed ? "" : packed.error().message));
  REQUIRE(packed);

  box.root.MakeDirectory("restored");
  CHECK(Box::Tar({"-C", box.root / "restored", "--numeric-owner", "-xpzf", box.Archive()}) == 0);
  const auto want = Describe(box.root / box.hero);
  CHECK(want.size() > 20);
  CHECK(Describe(box.root / "restored/hero") == want);
  CHECK_FALSE(fs::exists(box.root / "restored/hero/var/fifo"));
}

TEST_CASE("[SEC-13] archives: files that hold credentials by their names are left out and counted, and stay") {
  Box box;
  const std::vector<std::string> secrets = {"secrets.toml",     ".credentials.json",   "code/.env", "code/.netrc",
                                            "cfg/id_ed25519",   "cfg/id_rsa",          "cfg/token", "cfg/server.key",
                                            "cfg/identity.age", "cfg/.git-credentials"};
  const std::vector<std::string> work = {"secrets.toml.example", "code/.env.example", "cfg/id_ed25519.pub",
                                         "code/token.cc",        "code/keys.md",      "cfg/key"};
  for (const std::string& name : secrets) box.root.Write(box.hero + "/" + name, "hunter2");
  for (const std::string& name : work) box.root.Write(box.hero + "/" + name, "work");
  box.root.Write(box.hero + "/token.key/inside", "a directory is not a file");
  fs::create_symlink("secrets.toml", box.root / (box.hero + "/code/secrets.toml"));

  const auto packed = box.archives.Pack("/home/alice", kName, {});
  REQUIRE(packed);
  CHECK(packed->files == static_cast<std::int64_t>(work.size()) + 1);
  CHECK(packed->credentials_left_out == static_cast<std::int64_t>(secrets.size()) + 1);
  box.root.MakeDirectory("restored");
  REQUIRE(Box::Tar({"-C", box.root / "restored", "-xpzf", box.Archive()}) == 0);
  for (const std::string& name : secrets) {
    CAPTURE(name);
    CHECK_FALSE(fs::exists(box.root / ("restored/hero/" + name)));
    CHECK(fs::exists(box.root / (box.hero + "/" + name)));
  }
  for (const std::string& name : work) {
    CAPTURE(name);
    CHECK(fs::exists(box.root / ("restored/hero/" + name)));
  }
  CHECK(fs::exists(box.root / "restored/hero/token.key/inside"));
}

TEST_CASE("[SEC-13] archives: one that the disk could not hold is not begun, and it says how much is missing") {
  Box box;
  box.PutWork();
  host::libarchive::LibWork careful_work(box.paths.root, {.reserve_bytes = 1ull << 62});
  host::linux::KeptArchives careful(box.paths.archive, careful_work);
  const auto packed = careful.Pack("/home/alice", kName, {});
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code == Code::kUnavailable);
  CHECK(packed.error().reason == "ArchiveNeedsSpace");
  CHECK(packed.error().message.find(box.Archive() + ": there are ") != std::string::npos);
  CHECK(fs::is_empty(box.paths.archive));
}

TEST_CASE("[SEC-13] archives: what the work takes is counted through the whole tree, without following links") {
  const Box box;
  box.root.Write(box.hero + "/a/b/one", std::string(1u << 20, 'x'));
  box.root.Write(box.hero + "/a/two", std::string(1u << 20, 'x'));
  box.root.Write(box.hero + "/z/y/x/three", std::string(1u << 20, 'x'));
  box.root.Write("elsewhere/four", std::string(16u << 20, 'x'));
  fs::create_symlink("../../../elsewhere", box.root / (box.hero + "/a/link"));
  const auto home = host::linux::Open(box.root / "home/alice", O_RDONLY | O_DIRECTORY);
  REQUIRE(home);
  const auto bytes = host::libarchive::AllocatedBytes(home->get(), "hero", {});
  REQUIRE(bytes);
  CHECK(*bytes >= 3u << 20);
  CHECK(*bytes < 8u << 20);  // Directories and the last blocks of files take some, too.
  std::stop_source stop;
  stop.request_stop();
  CHECK(CodeOf(host::libarchive::AllocatedBytes(home->get(), "hero", stop.get_token())) == Code::kUnavailable);
}

TEST_CASE("[SEC-13] archives: the directory is 0700, the file 0600, whatever the umask and whatever was there") {
  Box box;
  box.PutWork();
  fs::create_directories(box.paths.archive);
  REQUIRE(::chmod(box.paths.archive.c_str(), 0755) == 0);
  const mode_t umask = ::umask(0);
  CHECK(box.archives.Pack("/home/alice", kName, {}));
  ::umask(umask);
  struct stat status {};
  REQUIRE(::stat(box.paths.archive.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  REQUIRE(::stat(box.Archive().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("[HTB-16] archives: the same home gives the same bytes") {
  Box box;
  PutOneOfEach(box);
  REQUIRE(box.archives.Pack("/home/alice", "one.tar.gz", {}));
  REQUIRE(box.archives.Pack("/home/alice", "two.tar.gz", {}));
  const std::string below = box.paths.archive.substr(box.root.Path().size() + 1);
  const std::string one = box.root.Read(below + "/one.tar.gz");
  CHECK(one == box.root.Read(below + "/two.tar.gz"));
  CHECK(one.substr(4, 4) == std::string(4, '\0'));  // gzip's time of packing.
}

TEST_CASE("[HTB-16] archives: an archive is there once it is whole; leftovers do not count and go") {
  Box box;
  box.PutWork();
  CHECK_FALSE(box.archives.Has(kName).value_or(true));
  fs::create_directories(box.paths.archive);
  const std::string leftover = box.paths.archive + "/." + kName + ".0123456789abcdef.tmp";
  std::ofstream(leftover) << "half an archive";
  CHECK_FALSE(box.archives.Has(kName).value_or(true));
  REQUIRE(box.archives.Pack("/home/alice", kName, {}));
  CHECK(box.archives.Has(kName).value_or(false));
  CHECK_FALSE(fs::exists(leftover));

  fs::create_directory(box.paths.archive + "/directory.tar.gz");
  CHECK_FALSE(box.archives.Has("directory.tar.gz").value_or(true));
}

TEST_CASE("[HTB-16] archives: worthwhile is a home with a hero directory") {
  Box box;
  CHECK_FALSE(box.archives.IsWorthwhile("/home/alice").value_or(true));
  box.root.MakeDirectory("home/alice");
  CHECK_FALSE(box.archives.IsWorthwhile("/home/alice").value_or(true));
  CHECK(CodeOf(box.archives.Pack("/home/alice", kName, {})) == Code::kNotFound);
  box.root.Write("home/alice/hero", "a file");
  CHECK_FALSE(box.archives.IsWorthwhile("/home/alice").value_or(true));
  fs::remove(box.root / "home/alice/hero");
  box.root.MakeDirectory("home/alice/hero");
  CHECK(box.archives.IsWorthwhile("/home/alice").value_or(false));
  CHECK(box.archives.Pack("/home/alice", kName, {}));
}

TEST_CASE("[SEC-15] archives: neither a home nor a hero directory that is a link is followed") {
  Box box;
  box.root.Write("outside/hero/secret", "not to be packed");
  box.root.MakeDirectory("home/alice");
  fs::create_directory_symlink(box.root / "outside/hero", box.root / "home/alice/hero");
  CHECK_FALSE(box.archives.IsWorthwhile("/home/alice").value_or(true));
  CHECK(CodeOf(box.archives.Pack("/home/alice", kName, {})) == Code::kNotFound);

  fs::create_directory_symlink(box.root / "outside", box.root / "home/eve");
  CHECK(CodeOf(box.archives.IsWorthwhile("/home/eve")) == Code::kForbidden);
  CHECK(CodeOf(box.archives.Pack("/home/eve", kName, {})) == Code::kForbidden);
  for (const std::string home : {"", "/", "home/alice", "/home/../outside", "/../../etc"}) {
    CHECK(CodeOf(box.archives.Pack(home, kName, {})) == Code::kInvalid);
  }
  CHECK_FALSE(box.archives.Has(kName).value_or(true));
}

TEST_CASE("[SEC-13] archives: a name that leaves the directory or hides is refused") {
  Box box;
  box.PutWork();
  for (const std::string name : {"", "../x.tar.gz", "a/b", ".hidden", "/nowhere/x"}) {
    CAPTURE(name);
    CHECK(CodeOf(box.archives.Has(name)) == Code::kInvalid);
    CHECK(CodeOf(box.archives.Pack("/home/alice", name, {})) == Code::kInvalid);
  }
  CHECK(CodeOf(box.archives.Has(std::string(201, 'x'))) == Code::kInvalid);
}

TEST_CASE("[HTB-16] archives: a full disk leaves no archive") {
  Box box;
  std::minstd_rand random(7);
  std::string noise;
  for (int i = 0; i < 200'000; ++i) noise += static_cast<char>(random() >> 8);  // Does not compress.
  box.root.Write(box.hero + "/noise", noise);
  api::Expected<host::Packed> packed = host::Packed{};
  {
    const tests::FileSizeLimit limit(20'000);
    packed = box.archives.Pack("/home/alice", kName, {});
  }
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code == Code::kUnavailable);
  CHECK(packed.error().message.find("File too large") != std::string::npos);
  CHECK(fs::is_empty(box.paths.archive));
}

TEST_CASE("[HTB-16] archives: a tree too deep is named, not cut") {
  Box box;
  std::string path = box.hero;
  for (int i = 0; i <= host::libarchive::Packer::kDepthMax; ++i) path += "/d";
  box.root.MakeDirectory(path);
  const auto packed = box.archives.Pack("/home/alice", kName, {});
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code == Code::kUnavailable);
  CHECK(packed.error().message.find("hero/d/d/d") != std::string::npos);
  CHECK_FALSE(box.archives.Has(kName).value_or(true));
}

TEST_CASE("[SEC-12] archives: files that grow, shrink, come and go meanwhile leave an archive that tar reads") {
  Box box;
  box.root.Write("decoy", "as it was");
  for (int i = 0; i < 20; ++i) box.root.Write(box.hero + "/file" + std::to_string(i), std::string(100'000, 'x'));
  std::jthread restless([&box](const std::stop_token& stop) {
    for (unsigned i = 0; !stop.stop_requested(); ++i) {
      const std::string path = box.root / (box.hero + "/file" + std::to_string(i % 20));
      std::error_code ignored;  // Whatever is there by now: the packer has to cope with it.
      // Not by the path: truncate() would follow the link to whatever it names.
      if (const host::linux::Fd fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC)); fd)
        CHECK(::ftruncate(fd.get(), i % 3 == 0 ? 10 : 200'000) == 0);
      if (i % 5 == 0) fs::remove(path, ignored);
      if (i % 7 == 0) fs::create_symlink(box.root / "decoy", path, ignored);
      if (i % 11 == 0) fs::create_directory(path, ignored);
    }
  });
  for (int i = 0; i < 10; ++i) {
    const auto packed = box.archives.Pack("/home/alice", kName, {});
    INFO((packed ? "" : packed.error().message));
    REQUIRE(packed);
    CHECK(Box::Tar({"-tzf", box.Archive()}) == 0);
  }
  CHECK(box.root.Read("decoy") == "as it was");
}

TEST_CASE("[HOST] fake archives: what is packed is there, writes are counted and the nth call fails") {
  tests::FakeArchives archives;
  CHECK(CodeOf(archives.Pack("/home/alice", kName, {})) == Code::kNotFound);
  archives.PutWork("/home/alice");
  archives.FailNth(2, {Code::kUnavailable, "Broken", "the disk is full"});
  CHECK(archives.IsWorthwhile("/home/alice").value_or(false));
  CHECK(CodeOf(archives.Pack("/home/alice", kName, {})) == Code::kUnavailable);
  CHECK_FALSE(archives.Has(kName).value_or(true));
  CHECK(archives.Pack("/home/alice", kName, {}));
  CHECK(archives.Has(kName).value_or(false));
  CHECK(archives.writes() == 1);
}

}  // namespace
