#include "reconciler/audit_chain.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/append_log.h"
#include "tests/support/fake_append_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

using reconciler::ChainCheck;
using reconciler::ChainedLog;
using Lines = std::vector<std::string>;

std::string LineOf(int i) { return R"({"actor":"jo","n":)" + std::to_string(i) + "}"; }

/// A file that is written, left and opened again.
struct Desk {
  void Write(int from, int to) const {
    host::linux::AppendFile file(path);
    ChainedLog log(file, clock);
    for (int i = from; i <= to; ++i) REQUIRE(log.Append(LineOf(i)));
  }
  std::string Text(const std::string& name = "audit.log") const { return dir.Read(name); }
  Lines Split() const {
    Lines lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  TempDir dir{};
  std::string path = dir / "audit.log";
  FakeClock clock{};
};

std::string Joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// What is found, as `3: was changed`; what is no fault in brackets.
Lines Found(const std::vector<std::string>& texts) {
  ChainCheck check;
  for (const std::string& text : texts) check.Add("f", text);
  Lines found;
  for (const auto& finding : check.report().findings) {
    const std::string text = std::to_string(finding.line) + ": " + finding.message;
    found.push_back(finding.is_fault ? text : "(" + text + ")");
  }
  return found;
}

TEST_CASE("[SEC-54] audit chain: what is untouched is whole, over restarts, and every line is still JSON of its own") {
  Desk desk;
  desk.Write(1, 3);
  desk.Write(4, 5);
  const Lines lines = desk.Split();
  REQUIRE(lines.size() == 6);  // The first says where the chain begins.
  CHECK(lines[0].find(R"("verb":"begin")") != std::string::npos);
  CHECK(lines[3].starts_with(R"({"actor":"jo","n":3,"seq":4,"chain":")"));
  ChainCheck check;
  check.Add("f", desk.Text());
  CHECK(check.report().findings.empty());
  CHECK(check.report().lines == 6);
  CHECK(check.report().head.seq == 6);
  CHECK(lines[5].find(check.report().head.hash) != std::string::npos);
}

TEST_CASE("[SEC-54] audit chain: what was changed, removed, put in or moved is named") {
  Desk desk;
  desk.Write(1, 6);  // Line i+1 has n = i.
  const Lines whole = desk.Split();
  const auto after = [&](const std::function<void(Lines&)>& change) {
    Lines lines = whole;
    change(lines);
    return Found({Joined(lines)});
  };
  CHECK(after([](Lines& lines) { lines[3][10] = 'x'; }) == Lines{"4: was changed"});
  CHECK(after([](Lines& lines) { lines[3].erase(2, 5); }) == Lines{"4: was changed"});
  CHECK(after([](Lines& lines) { lines[3].resize(20); }) ==
        Lines{"4: was changed or put in: it is no line of the chain", "5: 1 line is missing before it"});
  CHECK(after([](Lines& lines) { lines.erase(lines.begin() + 2, lines.begin() + 4); }) ==
        Lines{"3: 2 lines are missing before it"});
  CHECK(after([](Lines& lines) { lines.insert(lines.begin() + 2, R"({"actor":"eve"})"); }) ==
        Lines{"3: was changed or put in: it is no line of the chain"});
  CHECK(after([](Lines& lines) { std::swap(lines[2], lines[3]); }) ==
        Lines{"3: 1 line is missing before it",
              "4: stands in the wrong place: it is line 3 of the chain, behind line 4",
              "5: 1 line is missing before it"});
  CHECK(after([](Lines& lines) { lines.insert(lines.begin() + 3, lines[1]); }).front() ==
        "4: stands in the wrong place: it is line 2 of the chain, behind line 3");
  // A hash that fits its own line and not the one before.
  CHECK(after([](Lines& lines) {
          reconciler::ChainHead head{.seq = 3, .hash = std::string(64, '0')};
          lines[3] = reconciler::Chained(LineOf(99), head);
        }) == Lines{"4: was changed", "5: was changed"});
  CHECK(after([](Lines& lines) { lines[0].replace(lines[0].find("\"bytes\":0"), 9, "\"bytes\":9"); }).front() ==
        "1: begins the chain behind 9 bytes, and there are 0: what stands before it was changed");
}

TEST_CASE("[SEC-54] audit chain: a line that a kill cut off is told from one that somebody cut") {
  Desk desk;
  desk.Write(1, 3);
  const std::string whole = desk.Text();
  const std::string torn = whole.substr(0, whole.size() - 30);
  CHECK(Found({torn}) == Lines{"(4: is cut off: the machine stopped while it was written)"});
  desk.dir.Write("audit.log", torn);
  desk.Write(4, 5);  // The next start goes on behind it.
  CHECK(Found({desk.Text()}) == Lines{"(4: is cut off: the machine stopped while it was written)"});
  Lines lines = desk.Split();
  lines[3].pop_back();
  CHECK(Found({Joined(lines)}) == Lines{"4: was changed or put in: it is no line of the chain"});
}

TEST_CASE("[SEC-54] audit chain: a rotated log goes on in the next file, and a missing file is noticed") {
  Desk desk;
  {
    host::linux::AppendFile file(desk.path);
    ChainedLog log(file, desk.clock);
    for (const char* const to : {"audit.log.2", "audit.log.1"}) {
      for (int i = 0; i < 3; ++i) REQUIRE(log.Append(LineOf(i)));
      std::filesystem::rename(desk.path, desk.dir / to);
    }
    REQUIRE(log.Append(LineOf(9)));
  }
  const std::string oldest = desk.Text("audit.log.2");
  const std::string older = desk.Text("audit.log.1");
  const std::string newest = desk.Text();
  CHECK(Found({oldest, older, newest}).empty());
  CHECK(Found({oldest, newest}) ==
        Lines{"1: does not go on where the file before ends: lines are missing between them, or files"});
  CHECK(Found({oldest, older.substr(older.find('\n') + 1)}).front() ==
        "1: does not go on where the file before ends: lines are missing between them, or files");
  CHECK(Found({newest}) == Lines{"(1: goes on from line 8 of an earlier file, which was not checked)"});
  CHECK(Found({oldest, "{\"actor\":\"eve\"}\n"}).back() == "1: has no chain: it is older than that, or was replaced");
}

TEST_CASE("[SEC-54] audit chain: a kill at any byte of a rotation is told as what it is, never as a change") {
  Desk first;
  {
    host::linux::AppendFile file(first.path);
    ChainedLog log(file, first.clock);
    for (int i = 0; i < 3; ++i) REQUIRE(log.Append(LineOf(i)));
    std::filesystem::rename(first.path, first.dir / "audit.log.1");
    REQUIRE(log.Append(LineOf(3)));
  }
  const std::string older = first.Text("audit.log.1");
  const std::string whole = first.Text();
  const std::size_t mark = whole.find('\n') + 1;  // The line that says where the file goes on from.
  const std::string own =
      "begins a chain of its own: the log was rotated when herod stood still or was killed, or it was replaced";
  const std::string cut = "is cut off: the machine stopped while it was written";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    Desk desk;
    desk.dir.Write("audit.log", whole.substr(0, size));
    desk.Write(4, 5);  // The next start.
    const Lines found = Found({older, desk.Text()});
    if (size == 0) CHECK(found == Lines{"1: " + own});
    if (size > 0 && size < mark - 1) CHECK(found == Lines{"(1: " + cut + ")", "2: " + own});
    const bool is_whole = size == mark - 1 || size == mark || size >= whole.size() - 1;  // But for a line feed.
    if (is_whole) CHECK(found.empty());
    if (size > mark && size < whole.size() - 1) CHECK(found == Lines{"(2: " + cut + ")"});
  }
}

TEST_CASE("[SEC-54] audit chain: what is older than the chain is accepted as it was when the chain began") {
  Desk desk;
  const std::string old = "{\"actor\":\"jo\"}\n{\"actor\":\"sam\"}\n";
  desk.dir.Write("audit.log", old);
  desk.Write(1, 2);
  CHECK(desk.Text().starts_with(old));
  CHECK(Found({desk.Text()}).empty());
  const std::string shorter = desk.Text().substr(old.find('\n') + 1);
  CHECK(Found({shorter}) ==
        Lines{"2: begins the chain behind 31 bytes, and there are 16: what stands before it was changed"});
  CHECK(Found({old}) == Lines{"(2: has no chain: it is older than that, or was replaced)"});
}

TEST_CASE("[SEC-54] audit chain: a line that could not be written leaves no gap") {
  FakeAppendLog memory;
  FakeClock clock;
  ChainedLog log(memory, clock);
  REQUIRE(log.Append(LineOf(1)));
  memory.FailNth(1, {api::Code::kUnavailable, "DiskFull", "no room"});
  CHECK_FALSE(log.Append(LineOf(2)));
  REQUIRE(log.Append(LineOf(3)));
  CHECK(Found({Joined(memory.lines())}).empty());
  CHECK(memory.lines().size() == 3);
}

}  // namespace
}  // namespace tests
