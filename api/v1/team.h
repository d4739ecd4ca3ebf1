#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/meta/object.h"

namespace api::v1 {

struct TeamSpec {
  std::string url{};  ///< The hero_team repository.
  std::string branch = "development";
  std::string interval = "5m";  ///< Poll of the repository; a duration.

  bool operator==(const TeamSpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("url", self.url);
    field("branch", self.branch);
    field("interval", self.interval);
  }
};

/// A file of hero_team that was not applied; what it said last is kept.
struct FileProblem {
  std::string path{};
  std::string message{};  ///< With line and column where they are known.

  bool operator==(const FileProblem&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("path", self.path);
    field("message", self.message);
  }
};

struct TeamStatus {
  std::string last_synced_commit{};     ///< The newest commit that was tried whole (D-04).
  std::int64_t users = 0;               ///< Declared at that commit.
  std::int64_t templates = 0;           ///< Manifest templates declared at that commit.
  bool org_keys_checked = false;        ///< False: there is no OrgKey, so names of keys were taken as they are.
  std::vector<FileProblem> problems{};  ///< Empty when every file is good; 100 at most, the last says how many more.

  bool operator==(const TeamStatus&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("lastSyncedCommit", self.last_synced_commit);
    field("users", self.users);
    field("templates", self.templates);
    field("orgKeysChecked", self.org_keys_checked);
    field("problems", self.problems);
  }
};

/// The team of this box, as its hero_team repository declares it. One object, named `team`.
struct Team {
  static constexpr KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "Team", .plural = "teams"};

  ObjectMeta metadata{};
  TeamSpec spec{};
  TeamStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
