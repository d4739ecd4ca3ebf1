#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// How far hero_team was followed: `state.toml`.
struct TeamSyncState {
  std::string url{};
  std::string branch{};
  std::string last_synced_commit{};  ///< The newest one that was tried whole.
  std::string last_synced_at{};      ///< RFC 3339.
  std::string accepted_commit{};     ///< A head whose rewritten history an operator accepted; empty: none.
  std::int64_t users = 0;            ///< Declared at last_synced_commit.
  std::int64_t templates = 0;
  std::int64_t problems = 0;  ///< Files that were not applied.
  std::string result{};       ///< Digest of what came of it: a change is worth a new line in the log.

  bool operator==(const TeamSyncState&) const = default;
};

/// `state.toml` and `reconcile.log` of the driver's `hero/var/team_sync`. Thread-safe.
class TeamSync {
 public:
  virtual ~TeamSync() = default;

  /// No value: there is no state yet. Errors: kInvalid when the file is not what Write makes (the place is named);
  /// kUnavailable.
  virtual api::Expected<std::optional<TeamSyncState>> Read() const = 0;

  /// Replaces the state whole. What stood there and was no state is kept beside it as `state.toml.unreadable`. Errors:
  /// kUnavailable.
  virtual api::Expected<void> Write(const TeamSyncState& state) = 0;

  /// Adds a line to the log. Errors: kUnavailable.
  virtual api::Expected<void> Log(std::string_view line) = 0;
};

}  // namespace host
