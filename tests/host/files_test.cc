#include "host/linux/files.h"

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace {

using api::Code;
using host::linux::Fd;
using host::linux::OpenBeneath;
using host::linux::ReplaceFile;
using host::linux::Replacement;
using tests::TempDir;

Fd OpenDirectory(const std::string& path) {
  auto fd = host::linux::Open(path, O_RDONLY | O_DIRECTORY);
  REQUIRE(fd);
  return *std::move(fd);
}

std::vector<std::string> NamesIn(const TempDir& dir) {
  auto names = host::linux::ListNames(OpenDirectory(dir.Path()).get(), dir.Path());
  REQUIRE(names);
  return *names;
}

TEST_CASE("[HOST] files: a replacement is whole, has its mode whatever the umask, and leaves nothing beside it") {
  const TempDir dir;
  dir.Write("name", "old");
  const Fd directory = OpenDirectory(dir.Path());
  const mode_t umask = ::umask(0077);

  CHECK(ReplaceFile(directory.get(), "name", "new", 0644));

  ::umask(umask);
  CHECK(dir.Read("name") == "new");
  CHECK(NamesIn(dir) == std::vector<std::string>{"name"});
  struct stat status {};
  REQUIRE(::stat((dir / "name").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("[HOST] files: a replacement that is given up leaves the old file and nothing beside it") {
  const TempDir dir;
  dir.Write("name", "old");
  const Fd directory = OpenDirectory(dir.Path());
  {
    auto replacement = Replacement::Begin(directory.get(), "name", 0600);
    REQUIRE(replacement);
    REQUIRE(replacement->Append("half of the n"));
  }
  CHECK(dir.Read("name") == "old");
  CHECK(NamesIn(dir) == std::vector<std::string>{"name"});
}

TEST_CASE("[HOST] files: a replacement over one version keeps that one as a copy, and leaves any other where it is") {
  struct Row {
    const char* name;
    const char* before;   // When its stamp was taken; empty: no file.
    const char* changed;  // Before the replacement is put in place; empty: removed.
    bool is_replaced;
  };
  const Row rows[] = {
      {"as it was", "old", "old", true},        {"made", "", "", true},
      {"made by another", "", "his", false},    {"changed by another", "old", "newer", false},
      {"removed by another", "old", "", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const TempDir dir;
    const std::string before = row.before;
    const std::string changed = row.changed;
    if (!before.empty()) dir.Write("name", before);
    const Fd directory = OpenDirectory(dir.Path());
    const auto stamp = host::linux::StampOf(directory.get(), "name");
    REQUIRE(stamp);
    {
      auto replacement = Replacement::Begin(directory.get(), "name", 0600);
      REQUIRE(replacement);
      REQUIRE(replacement->Append("ours"));
      if (changed != before) {
        std::filesystem::remove(dir / "name");
        if (!changed.empty()) dir.Write("name", changed);
      }
      const auto committed = replacement->CommitOver(*stamp, "name-");
      CHECK(committed.has_value() == row.is_replaced);
      if (!row.is_replaced) CHECK(committed.error().code == Code::kConflict);
    }
    const std::string theirs = changed.empty() ? "(absent)" : changed;
    CHECK(dir.Read("name") == (row.is_replaced ? "ours" : theirs));
    CHECK(dir.Read("name-") == (row.is_replaced && !before.empty() ? before : "(absent)"));
    for (const std::string& name : NamesIn(dir)) CHECK_FALSE(name.ends_with(".tmp"));
  }
}

TEST_CASE("[HOST] files: what a killed writer left is removed, a living writer's file is not") {
  const TempDir dir;
  dir.Write(".name.0123456789abcdef.tmp", "left by a killed writer");
  dir.Write(".other.0123456789abcdef.tmp", "another name's");
  dir.Write(".name.notours.tmp", "not in our form");
  const Fd directory = OpenDirectory(dir.Path());
  auto first = Replacement::Begin(directory.get(), "name", 0600);
  auto second = Replacement::Begin(directory.get(), "name", 0600);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(dir.Read(".name.0123456789abcdef.tmp") == "(absent)");

  REQUIRE(first->Append("first"));
  REQUIRE(second->Append("second"));
  CHECK(first->Commit());
  CHECK(dir.Read("name") == "first");
  CHECK(second->Commit());
  CHECK(dir.Read("name") == "second");
  CHECK(NamesIn(dir) == std::vector<std::string>{".name.notours.tmp", ".other.0123456789abcdef.tmp", "name"});
}

TEST_CASE("[HOST] files: writers of one name at the same time leave one of their versions, whole") {
  const TempDir dir;
  const Fd directory = OpenDirectory(dir.Path());
  {
    std::vector<std::jthread> writers;
    for (char c = 'a'; c < 'a' + 8; ++c) {
      writers.emplace_back([&directory, c] {
        for (int i = 0; i < 5; ++i) CHECK(ReplaceFile(directory.get(), "name", std::string(10'000, c), 0600));
      });
    }
  }
  const std::string content = dir.Read("name");
  CHECK(content == std::string(10'000, content.front()));
  CHECK(NamesIn(dir) == std::vector<std::string>{"name"});
}

TEST_CASE("[HOST] files: a full disk leaves the old file and says so") {
  const TempDir dir;
  dir.Write("name", "old");
  const Fd directory = OpenDirectory(dir.Path());
  api::Expected<void> replaced;
  {
    const tests::FileSizeLimit limit(1000);
    replaced = ReplaceFile(directory.get(), "name", std::string(10'000, 'x'), 0600);
  }
  REQUIRE_FALSE(replaced);
  CHECK(replaced.error().code == Code::kUnavailable);
  CHECK(replaced.error().message.starts_with("write name: "));
  CHECK(dir.Read("name") == "old");
  CHECK(NamesIn(dir) == std::vector<std::string>{"name"});
}

TEST_CASE("[SEC-15] files: nothing is opened through a link or outside of the directory, and a FIFO does not block") {
  const TempDir dir;
  dir.Write("outside/secret", "secret");
  dir.Write("home/plain", "fine");
  std::filesystem::create_symlink(dir / "outside", dir / "home/link");
  std::filesystem::create_symlink("plain", dir / "home/inner");
  REQUIRE(::mkfifo((dir / "home/fifo").c_str(), 0600) == 0);
  const Fd home = OpenDirectory(dir / "home");

  const auto plain = OpenBeneath(home.get(), "plain", O_RDONLY, "~/plain");
  REQUIRE(plain);
  CHECK(host::linux::ReadUpTo(plain->get(), 2, "~/plain").value_or("") == "fi");
  CHECK(host::linux::ReadUpTo(plain->get(), 100, "~/plain").value_or("") == "ne");

  for (const std::string path : {"link/secret", "inner", "../outside/secret", "/etc/passwd", "plain/below"}) {
    CAPTURE(path);
    const auto refused = OpenBeneath(home.get(), path, O_RDONLY, "~/" + std::string(path));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kForbidden);
    CHECK(refused.error().message.starts_with("~/" + std::string(path)));
  }
  CHECK(OpenBeneath(home.get(), "fifo", O_RDONLY, "~/fifo"));  // Without O_NONBLOCK this would wait for a writer.
  const auto absent = OpenBeneath(home.get(), "absent", O_RDONLY, "~/absent");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == Code::kNotFound);
}

TEST_CASE("[SEC-15] files: a plain path is absolute and goes only down") {
  for (const std::string path : {"/home", "/home/alice", "/home//alice/", "/home/.ssh", "/home/..x"}) {
    CAPTURE(path);
    CHECK(host::linux::IsPlainPath(path));
  }
  for (const std::string path : {"", "/", "//", "home", "/.", "/..", "/home/..", "/home/../x", "/home/./x"}) {
    CAPTURE(path);
    CHECK_FALSE(host::linux::IsPlainPath(path));
  }
}

TEST_CASE("[HOST] files: directories are made with their mode; a file in the way is said") {
  const TempDir dir;
  const mode_t umask = ::umask(0077);
  CHECK(host::linux::MakeDirectories(dir / "a/b/c", 0755));
  CHECK(host::linux::MakeDirectories(dir / "a/b/c", 0700));
  ::umask(umask);
  struct stat status {};
  REQUIRE(::stat((dir / "a/b/c").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0755);

  dir.Write("file", "");
  const auto refused = host::linux::MakeDirectories(dir / "file/below", 0755);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
}

TEST_CASE("[HOST] files: a stamp differs once a file was replaced, and settles with time") {
  const TempDir dir;
  const Fd directory = OpenDirectory(dir.Path());
  CHECK(host::linux::StampOf(directory.get(), "name").value_or({.inode = 1}) == host::linux::FileStamp{});
  REQUIRE(ReplaceFile(directory.get(), "name", "one", 0600));
  const auto one = host::linux::StampOf(directory.get(), "name");
  REQUIRE(one);
  REQUIRE(ReplaceFile(directory.get(), "name", "two", 0600));
  const auto two = host::linux::StampOf(directory.get(), "name");
  REQUIRE(two);
  CHECK(*one != *two);

  host::linux::FileStamp old = *two;
  old.changed_ns -= std::chrono::nanoseconds(std::chrono::minutes(1)).count();
  CHECK(host::linux::IsSettled(old));
}

}  // namespace
