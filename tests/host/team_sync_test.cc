#include "host/linux/team_sync.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

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

TEST_CASE("[HTB-09] team sync: a state that was written is read as the same, by people too") {
  const TempDir dir;
  TeamSyncFiles files(dir.Path());
  CHECK(*files.Read() == std::nullopt);
  REQUIRE(files.Write(kState));
  CHECK(*files.Read() == kState);
  CHECK(TextOf(dir.Path() + "/state.toml")
            .find("\nlast_synced_commit = \"0123456789012345678901234567890123456789\"\n") != std::string::npos);
  TeamSyncState next = kState;
  next.last_synced_commit = std::string(40, 'f');
  REQUIRE(files.Write(next));
  CHECK(*files.Read() == next);
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

TEST_CASE("[HTB-09] team sync: the log only grows, a line at a time") {
  const TempDir dir;
  TeamSyncFiles files(dir.Path());
  REQUIRE(files.Log("one"));
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
