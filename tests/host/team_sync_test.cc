#include "host/linux/team_sync.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/support/fake_team_sync.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

using host::TeamSyncState;
using host::linux::TeamSyncFiles;

std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

const TeamSyncState kState{.url = "https://forge.example.org/a \"b\"\\c.git",
                           .branch = "development",
                           .last_synced_commit = "0123456789012345678901234567890123456789",
                           .last_synced_at = "2026-11-21T13:00:00Z",
                           .users = 3,
                           .templates = 2,
                           .problems = 1,
                           .result = "abc"};

/// state.toml and reconcile.log in a directory.
struct Real {
  TempDir dir;
  TeamSyncFiles sync{dir.Path()};

  void Garble() const { dir.Write("state.toml", "last_synced_commit = "); }
  std::string Lines() const { return TextOf(dir / "reconcile.log"); }
};

struct Fake {
  FakeTeamSync sync;

  void Garble() { sync.Garble(); }
  std::string Lines() const {
    std::string text;
    for (const std::string& line : sync.lines()) text += line + "\n";
    return text;
  }
};

TEST_CASE_TEMPLATE("[HTB-09] team sync contract: a state that was written is read as the same, until the next one is",
                   Backend, Fake, Real) {
  Backend backend;
  CHECK(*backend.sync.Read() == std::nullopt);
  REQUIRE(backend.sync.Write(kState));
  CHECK(*backend.sync.Read() == kState);
  TeamSyncState next = kState;
  next.last_synced_commit = next.accepted_commit = std::string(40, 'f');
  REQUIRE(backend.sync.Write(next));
  CHECK(*backend.sync.Read() == next);
}

TEST_CASE_TEMPLATE("[HTB-09] team sync contract: what is no state is invalid until a new one is written", Backend, Fake,
                   Real) {
  Backend backend;
  REQUIRE(backend.sync.Write(kState));
  backend.Garble();
  const auto read = backend.sync.Read();
  REQUIRE_FALSE(read);
  CHECK(read.error().code == api::Code::kInvalid);
  REQUIRE(backend.sync.Write(kState));
  CHECK(*backend.sync.Read() == kState);
}

TEST_CASE_TEMPLATE("[HTB-09] team sync contract: the log only grows, a line at a time", Backend, Fake, Real) {
  Backend backend;
  REQUIRE(backend.sync.Log("one"));
  REQUIRE(backend.sync.Write(kState));
  REQUIRE(backend.sync.Log("two"));
  CHECK(backend.Lines() == "one\ntwo\n");
}

TEST_CASE("[HTB-09] team sync: state.toml is for people too, and for its owner alone") {
  const TempDir dir;
  TeamSyncFiles files(dir.Path());
  REQUIRE(files.Write(kState));
  CHECK(TextOf(dir.Path() + "/state.toml")
            .find("\nlast_synced_commit = \"0123456789012345678901234567890123456789\"\n") != std::string::npos);
  CHECK((std::filesystem::status(dir.Path() + "/state.toml").permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("[HTB-09] team sync: what is no state is told with its place, and kept aside when a new one is written") {
  for (const char* garbage : {"last_synced_commit = ", "last_synced_commit = 3\n", "", "x = 1\n", "\xff\xfe"}) {
    CAPTURE(garbage);
    const TempDir dir;
    TeamSyncFiles files(dir.Path());
    std::ofstream(dir.Path() + "/state.toml") << garbage;
    const auto read = files.Read();
    REQUIRE_FALSE(read);
    CHECK(read.error().code == api::Code::kInvalid);
    CHECK(read.error().message.find(dir.Path() + "/state.toml") != std::string::npos);
    REQUIRE(files.Write(kState));
    CHECK(*files.Read() == kState);
    CHECK(TextOf(dir.Path() + "/state.toml.unreadable") == garbage);
  }
}

TEST_CASE("[HTB-09] team sync: a log that is there goes on") {
  const TempDir dir;
  REQUIRE(TeamSyncFiles(dir.Path()).Log("one"));
  REQUIRE(TeamSyncFiles(dir.Path()).Log("two"));
  CHECK(TextOf(dir.Path() + "/reconcile.log") == "one\ntwo\n");
}

TEST_CASE("[HTB-09] team sync: a state that cannot be written leaves the one that is there") {
  const TempDir dir;
  TeamSyncFiles files(dir.Path());
  REQUIRE(files.Write(kState));
  TeamSyncState next = kState;
  next.users = 4;
  {
    const FileSizeLimit full(16);
    const auto written = files.Write(next);
    REQUIRE_FALSE(written);
    CHECK(written.error().code == api::Code::kUnavailable);
  }
  CHECK(*files.Read() == kState);
}

}  // namespace
}  // namespace tests
