#include "host/log.h"

#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/log.h"
#include "tests/support/temp_dir.h"

namespace {

namespace log = host::log;

std::string LineOf(std::string value) {
  const std::vector<log::Field> fields = {{"key", std::move(value)}};
  const std::string line = host::linux::LogLineOf("saved", fields, std::source_location::current());
  return line.substr(0, line.rfind(" at=log_test.cc:"));
}

class Recording final : public log::Sink {
 public:
  explicit Recording(std::vector<std::string>& lines) : lines_(lines) {}

  void Write(log::Level level, std::string_view message, std::span<const log::Field> fields,
             const std::source_location& where) override {
    lines_.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(message) + " " +
                     std::to_string(fields.size()) + " " + std::string(where.function_name()));
  }

 private:
  std::vector<std::string>& lines_;
};

/// What was written to standard error while `act` ran.
template <class Act>
std::string StderrOf(Act act) {
  const tests::TempDir dir;
  const int saved = ::dup(STDERR_FILENO);
  const int file = ::open((dir / "stderr").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ::dup2(file, STDERR_FILENO);
  act();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(file);
  return dir.Read("stderr");
}

TEST_CASE("[HOST][SEC-57] log: a value is quoted when needed and cannot forge a line or a field") {
  struct Row {
    const char* value;
    std::string line;
  };
  const Row rows[] = {
      {"alice", "saved key=alice"},
      {"", "saved key=\"\""},
      {"two words", "saved key=\"two words\""},
      {"a=b", "saved key=\"a=b\""},
      {"say \"hi\"", "saved key=\"say \\\"hi\\\"\""},
      {"back\\slash", "saved key=\"back\\\\slash\""},
      {"x\n2026-01-01T00:00:00.000Z error forged", "saved key=\"x?2026-01-01T00:00:00.000Z error forged\""},
      {"\x1b[31mred", "saved key=?[31mred"},
      {"grün", "saved key=grün"},
  };
  for (const Row& row : rows) CHECK(LineOf(row.value) == row.line);
}

TEST_CASE("[HOST] log: a value is bounded") { CHECK(LineOf(std::string(1 << 20, 'x')).size() < 4096); }

TEST_CASE("[HOST] log: the sink gets level, message, fields and the caller's place; without one lines are dropped") {
  log::Info("nobody listens");
  std::vector<std::string> lines;
  log::SetSink(std::make_unique<Recording>(lines));
  log::Info("one", {{"object", "alice"}});
  log::Warning("two", {{"object", "alice"}, {"outcome", "done"}});
  log::Error("three");
  log::SetSink(nullptr);

  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("0 one 1 "));
  CHECK(lines[1].starts_with("1 two 2 "));
  CHECK(lines[2].starts_with("2 three 0 "));
}

TEST_CASE("[HOST] log: standard error gets one line an entry, of the least level and above") {
  const std::string text = StderrOf([] {
    const auto sink = host::linux::MakeStderrSink(log::Level::kWarning);
    const auto here = std::source_location::current();
    const std::vector<log::Field> fields = {{"object", "alice"}};
    sink->Write(log::Level::kInfo, "hidden", {}, here);
    sink->Write(log::Level::kWarning, "reconciled", fields, here);
    sink->Write(log::Level::kError, "{} is no format", {}, here);
  });
  const auto end = text.find('\n');
  REQUIRE(end != std::string::npos);
  CHECK(text.substr(10, 1) == "T");
  CHECK(text.substr(23, end - 23).starts_with("Z warning reconciled object=alice at=log_test.cc:"));
  CHECK(text.substr(end).find("Z error {} is no format at=log_test.cc:") != std::string::npos);
  CHECK(text.find("hidden") == std::string::npos);
}

TEST_CASE("[HOST] log: the journal gets levels as it knows them, and no second time of day") {
  const std::string text = StderrOf([] {
    struct stat status {};
    REQUIRE(::fstat(STDERR_FILENO, &status) == 0);
    ::setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
    const auto sink = host::linux::MakeStderrSink(log::Level::kInfo);
    ::unsetenv("JOURNAL_STREAM");
    sink->Write(log::Level::kInfo, "one", {}, std::source_location::current());
    sink->Write(log::Level::kWarning, "two", {}, std::source_location::current());
    sink->Write(log::Level::kError, "three", {}, std::source_location::current());
  });
  CHECK(text.starts_with("<6>one at=log_test.cc:"));
  CHECK(text.find("\n<4>two at=") != std::string::npos);
  CHECK(text.find("\n<3>three at=") != std::string::npos);
}

}  // namespace
