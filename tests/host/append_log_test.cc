// What every log that only grows promises, the fake one too; then what is the file's alone.
#include "host/append_log.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/append_log.h"
#include "tests/support/fake_append_log.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using Lines = std::vector<std::string>;

Lines LinesOf(const std::string& path) {
  Lines lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct File {
  tests::TempDir dir;
  host::linux::AppendFile log{dir / "log"};

  Lines lines() const { return LinesOf(dir / "log"); }
};

struct Fake {
  tests::FakeAppendLog log;

  Lines lines() const { return log.lines(); }
};

TEST_CASE_TEMPLATE("[HOST] append log: lines stand in the order in which they came, empty and long ones too", Backend,
                   File, Fake) {
  Backend backend;
  const Lines lines = {"first", "", std::string(100'000, 'x'), "tab\tand \"quotes\"", "last"};
  for (const std::string& line : lines) REQUIRE(backend.log.Append(line));
  CHECK(backend.lines() == lines);
}

TEST_CASE_TEMPLATE("[HOST] append log: of many writers at once no line is lost, torn or behind its writer's next",
                   Backend, File, Fake) {
  constexpr int kWriters = 8;
  constexpr int kLines = 100;
  Backend backend;
  {
    std::vector<std::jthread> writers;
    writers.reserve(kWriters);
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&backend, writer] {
        for (int i = 0; i < kLines; ++i) {
          CHECK(backend.log.Append(std::to_string(writer) + " " + std::to_string(i)));
        }
      });
    }
  }
  std::map<std::string, int> next;  // By writer.
  for (const std::string& line : backend.lines()) {
    const std::string writer = line.substr(0, line.find(' '));
    CHECK(line == writer + " " + std::to_string(next[writer]++));
  }
  CHECK(next.size() == kWriters);
  for (const auto& [writer, count] : next) CHECK(count == kLines);
}

TEST_CASE_TEMPLATE("[HOST] append log: a line that cannot be written is not there, and the next one is", Backend, File,
                   Fake) {
  Backend backend;
  REQUIRE(backend.log.Append("before"));
  {
    // Room for a part of the line: on a file it is the disk, the fake is told.
    const tests::FileSizeLimit full(10);
    if constexpr (std::is_same_v<Backend, Fake>) {
      backend.log.FailNth(1, {Code::kUnavailable, "DiskFull", "append: no space left"});
    }
    const auto refused = backend.log.Append("lost, for it is long");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kUnavailable);
  }
  REQUIRE(backend.log.Append("after"));
  CHECK(backend.lines() == Lines{"before", "after"});
}

TEST_CASE_TEMPLATE("[HOST] append log: its end can be looked at", Backend, File, Fake) {
  Backend backend;
  CHECK(backend.log.End(10)->size == 0);
  REQUIRE(backend.log.Append("first"));
  REQUIRE(backend.log.Append("second"));
  const auto end = backend.log.End(9);
  REQUIRE(end);
  CHECK(end->size == 13);
  CHECK(end->tail == "t\nsecond\n");
  CHECK(backend.log.End(100)->tail == "first\nsecond\n");
  CHECK(backend.log.End(0)->tail.empty());
}

TEST_CASE("[HOST] append log: the file is 0600, and made anew when somebody moved it away or removed it") {
  File file;
  REQUIRE(file.log.Append("one"));
  struct stat status {};
  REQUIRE(::stat((file.dir / "log").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  fs::rename(file.dir / "log", file.dir / "log.1");
  CHECK(file.log.End(10)->size == 0);
  REQUIRE(file.log.Append("two"));
  CHECK(LinesOf(file.dir / "log.1") == Lines{"one"});
  CHECK(file.log.End(10)->size == 4);
  CHECK(file.lines() == Lines{"two"});
  fs::remove(file.dir / "log");
  REQUIRE(file.log.Append("three"));
  CHECK(file.lines() == Lines{"three"});
}

TEST_CASE("[HOST] append log: two who open one file, as two processes do, keep each other's lines") {
  File file;
  host::linux::AppendFile other(file.dir / "log");
  REQUIRE(file.log.Append("one"));
  REQUIRE(other.Append("two"));
  REQUIRE(file.log.Append("three"));
  CHECK(file.lines() == Lines{"one", "two", "three"});
}

TEST_CASE("[HOST] append log: whatever keeps a file from being opened is kUnavailable, a missing directory too") {
  File file;
  file.dir.Write("elsewhere", "somebody's\n");
  fs::create_symlink(file.dir / "elsewhere", file.dir / "log");
  CHECK(file.log.Append("x").error().code == Code::kUnavailable);
  CHECK(file.dir.Read("elsewhere") == "somebody's\n");
  fs::remove(file.dir / "log");
  fs::create_directory(file.dir / "log");
  CHECK(file.log.Append("x").error().code == Code::kUnavailable);

  host::linux::AppendFile nowhere(file.dir / "absent/log");
  const auto refused = nowhere.Append("x");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);  // Not kNotFound: the line could not be kept, and is tried again.
  CHECK(refused.error().message.find("absent/log") != std::string::npos);
}

}  // namespace
