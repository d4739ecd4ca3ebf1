#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/meta/object.h"

namespace api::v1 {

struct RepositorySpec {
  std::string url{};                      ///< `file://` or `https://`.
  std::optional<std::string> interval{};  ///< Between two fetches that nothing hinted at; no value: the box's.

  bool operator==(const RepositorySpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("url", self.url);
    field("interval", self.interval);
  }
};

struct RepositoryStatus {
  std::string url{};                               ///< Where the heads were fetched from.
  std::map<std::string, std::string> heads{};      ///< Commit by branch, as the mirror has them.
  std::optional<Time> last_fetch_time{};           ///< When the last successful fetch ended.
  std::map<std::string, std::string> rewritten{};  ///< The commit that a branch had, by branches that lack it now.

  bool operator==(const RepositoryStatus&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("url", self.url);
    field("heads", self.heads);
    field("lastFetchTime", self.last_fetch_time);
    field("rewritten", self.rewritten);
  }
};

/// A bare mirror of a git repository on this box, kept close to its origin.
struct Repository {
  static constexpr KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "Repository", .plural = "repositories"};

  ObjectMeta metadata{};
  RepositorySpec spec{};
  RepositoryStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
