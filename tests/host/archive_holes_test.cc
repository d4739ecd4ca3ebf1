// What a member can put below ~/hero that would keep an archive from ever being complete: holes, mounts, a disk that
// fills meanwhile.
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <stop_token>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/box_paths.h"
#include "host/libarchive/packer.h"
#include "host/libarchive/work.h"
#include "host/linux/files.h"
#include "host/linux/kept_archives.h"
#include "host/linux/processes.h"
#include "tests/support/hung_mount.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::libarchive::Packer;

constexpr const char* kName = "alice-20261120T205851Z.tar.gz";
constexpr std::int64_t kTerabyte = 1ll << 40;

struct Box {
  tests::TempDir root;
  host::BoxPaths paths = host::PathsOf(root.Path(), "driver");
  host::libarchive::LibWork work{paths.root};
  host::linux::KeptArchives archives{paths.archive, work};

  /// The path of something in ~/hero.
  std::string InWork(const std::string& path) const { return root / ("home/alice/hero/" + path); }
  host::Packed Pack() {
    const auto packed = archives.Pack("/home/alice", kName, {});
    INFO((packed ? "" : packed.error().message));
    REQUIRE(packed);
    return *packed;
  }
  /// Restores the archive below `restored`.
  void Restore() const {
    root.MakeDirectory("restored");
    const auto finished = host::linux::SpawnedProcesses().Run(
        {.argv = {"tar", "-C", root / "restored", "-xpzf", paths.archive + "/" + kName},
         .environment = {{"PATH", "/usr/bin:/bin"}},
         .deadline = std::chrono::seconds(60)},
        {});
    REQUIRE(finished);
    INFO(finished->err);
    REQUIRE(finished->exit_code == 0);
  }
};

struct Bytes {
  std::int64_t at = 0;
  std::string text{};
};

void WriteHoled(const std::string& path, std::int64_t size, const std::vector<Bytes>& parts) {
  fs::create_directories(fs::path(path).parent_path());
  const host::linux::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(file);
  REQUIRE(::ftruncate(file.get(), size) == 0);
  for (const Bytes& part : parts) {
    REQUIRE(::pwrite(file.get(), part.text.data(), part.text.size(), part.at) ==
            static_cast<ssize_t>(part.text.size()));
  }
}

std::string ReadAt(const std::string& path, std::int64_t at, std::size_t count) {
  const host::linux::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file);
  std::string text(count, '?');
  REQUIRE(::pread(file.get(), text.data(), count, at) == static_cast<ssize_t>(count));
  return text;
}

struct stat Stat(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

TEST_CASE("[HTB-16] archives: terabytes of holes are packed as holes, and come back with every byte in its place") {
  Box box;
  const std::string text(10'000, 'x');
  struct Row {
    const char* name;
    std::int64_t size;
    std::vector<Bytes> parts;
  };
  const Row rows[] = {
      {"whole", 10'000, {{0, text}}},
      {"hole-behind", kTerabyte, {{0, text}}},
      {"hole-before", kTerabyte, {{kTerabyte - 10'000, text}}},
      {"holes-around", kTerabyte + 7, {{0, "begin"}, {kTerabyte / 2, text}, {kTerabyte + 4, "end"}}},
      {"hole-alone", kTerabyte, {}},
      {"small-hole", 100'000, {{0, "a"}, {99'999, "z"}}},
      {"empty", 0, {}},
  };
  for (const Row& row : rows) WriteHoled(box.InWork(row.name), row.size, row.parts);
  fs::create_hard_link(box.InWork("holes-around"), box.InWork("second-name"));
  const host::Packed packed = box.Pack();
  CHECK(packed.files == 8);
  CHECK(packed.holed_left_out == 0);
  CHECK(fs::file_size(box.paths.archive + "/" + kName) < 64u << 10);

  box.Restore();
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string restored = box.root / ("restored/hero/" + std::string(row.name));
    const struct stat status = Stat(restored);
    CHECK(status.st_size == row.size);
    CHECK(status.st_blocks * 512 < 1 << 20);
    for (const Bytes& part : row.parts) CHECK(ReadAt(restored, part.at, part.text.size()) == part.text);
    if (row.size == kTerabyte && row.parts.empty()) CHECK(ReadAt(restored, kTerabyte / 3, 3) == std::string(3, '\0'));
  }
  CHECK(Stat(box.root / "restored/hero/second-name").st_ino == Stat(box.root / "restored/hero/holes-around").st_ino);
}

TEST_CASE("[HTB-16] archives: a file of more holes than an archive notes is packed whole, or left out and counted") {
  Box box;
  const auto put = [&box](const char* name, std::int64_t apart) {
    std::vector<Bytes> parts;
    for (std::int64_t i = 0; i <= static_cast<std::int64_t>(Packer::kPiecesMax); ++i) parts.push_back({i * apart, "x"});
    WriteHoled(box.InWork(name), parts.back().at + 1, parts);
  };
  put("dense", 8 << 10);  // Of each 8 KiB one block.
  put("thin", 1 << 20);   // 20 GB of zeros.
  const host::Packed packed = box.Pack();
  CHECK(packed.files == 1);
  CHECK(packed.holed_left_out == 1);
  box.Restore();
  CHECK(Stat(box.root / "restored/hero/dense").st_size == Stat(box.InWork("dense")).st_size);
  CHECK(ReadAt(box.root / "restored/hero/dense", static_cast<std::int64_t>(Packer::kPiecesMax) * (8 << 10), 1) == "x");
  CHECK_FALSE(fs::exists(box.root / "restored/hero/thin"));
  CHECK(fs::exists(box.InWork("thin")));  // It is still in the home.
}

/// Packs a ~/hero of one file that does not compress, with a say after each kCheckBytes of the archive.
struct NoisyBox : Box {
  static constexpr std::size_t kBytes = 4 * Packer::kCheckBytes;

  NoisyBox() {
    std::string bytes;
    std::uint64_t bits = 1;
    while (bytes.size() < kBytes) {
      bits = bits * 6364136223846793005u + 1442695040888963407u;
      bytes += static_cast<char>(bits >> 56);
    }
    root.Write("home/alice/hero/noise", bytes);
  }

  api::Expected<host::Packed> Pack(const Packer::Check& check, std::stop_token stop) const {
    const auto home = host::linux::Open(root / "home/alice", O_RDONLY | O_DIRECTORY);
    const auto to = host::linux::Open(root.Path(), O_RDONLY | O_DIRECTORY);
    REQUIRE(home);
    REQUIRE(to);
    auto file = host::linux::Replacement::Begin(to->get(), "archive", 0600);
    REQUIRE(file);
    return Packer(file->Descriptor(), std::move(stop), check).Pack(home->get(), "hero");
  }
};

TEST_CASE("[HTB-16] archives: a disk that fills while an archive is written ends it, whoever fills it") {
  const NoisyBox box;
  int asked = 0;
  const auto packed = box.Pack(
      [&asked]() -> api::Expected<void> {
        if (++asked < 2) return {};
        return api::Error{Code::kUnavailable, "ArchiveNeedsSpace", "only 3 MiB were left"};
      },
      {});
  REQUIRE_FALSE(packed);
  CHECK(packed.error().reason == "ArchiveNeedsSpace");
  CHECK(asked == 2);
}

TEST_CASE("[HTB-16] archives: a stop ends the packing within a file, also one that was cut meanwhile") {
  for (const bool is_cut : {false, true}) {
    CAPTURE(is_cut);
    const NoisyBox box;
    std::stop_source stop;
    int asked = 0;
    const auto packed = box.Pack(
        [&]() -> api::Expected<void> {
          ++asked;
          if (is_cut) fs::resize_file(box.InWork("noise"), 0);  // Zeros are due for all of the rest.
          stop.request_stop();
          return {};
        },
        stop.get_token());
    REQUIRE_FALSE(packed);
    CHECK(packed.error().code == Code::kUnavailable);
    CHECK(packed.error().message.find("we are stopping") != std::string::npos);
    CHECK(asked == 1);
  }
}

TEST_CASE("[HTB-16] archives: a file that was cut while it was packed is filled up to the length it had") {
  const NoisyBox box;
  const auto packed = box.Pack(
      [&box]() -> api::Expected<void> {
        fs::resize_file(box.InWork("noise"), 0);
        return {};
      },
      {});
  REQUIRE(packed);
  CHECK(packed->files == 1);
}

TEST_CASE("[HTB-16] archives: what is mounted below ~/hero is left out and counted, a directory and a file" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Box box;
    box.root.Write("home/alice/hero/code/own", "mine");
    box.root.MakeDirectory("home/alice/hero/mounted");
    tests::MountMemory(box.InWork("mounted"), "");
    box.root.Write("home/alice/hero/mounted/foreign", "not ours");
    box.root.Write("home/alice/hero/bound", "");
    REQUIRE(::mount(box.InWork("mounted/foreign").c_str(), box.InWork("bound").c_str(), nullptr, MS_BIND, nullptr) ==
            0);
    const host::Packed packed = box.Pack();
    CHECK(packed.mounts_left_out == 2);
    CHECK(packed.files == 1);
    box.Restore();
    CHECK(box.root.Read("restored/hero/code/own") == "mine");
    CHECK_FALSE(fs::exists(box.root / "restored/hero/mounted"));
    CHECK_FALSE(fs::exists(box.root / "restored/hero/bound"));
  });
}

TEST_CASE("[HTB-16][SEC-15] archives: a FUSE mount that never answers keeps no archive waiting" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Box box;
    box.root.Write("home/alice/hero/code/own", "mine");
    const tests::HungMount hung(box.root, box.root.MakeDirectory("home/alice/hero/code/hung"));
    if (!hung.is_mounted()) {
      MESSAGE("left out: this machine has no FUSE");
      return;
    }
    const host::Packed packed = box.Pack();
    CHECK(packed.mounts_left_out == 1);
    CHECK(packed.files == 1);
  });
}

TEST_CASE("[HTB-16] archives: a ~/hero that is itself another file system is named, for somebody has to decide" *
          tests::NeedsMounts()) {
  tests::WithOwnMounts([] {
    Box box;
    box.root.MakeDirectory("home/alice/hero");
    tests::MountMemory(box.InWork(""), "");
    const auto is_worthwhile = box.archives.IsWorthwhile("/home/alice");
    REQUIRE_FALSE(is_worthwhile);
    CHECK(is_worthwhile.error().code == Code::kForbidden);
    CHECK(is_worthwhile.error().message == "/home/alice/hero is another file system; unmount it");
  });
}

}  // namespace
