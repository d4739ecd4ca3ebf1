#pragma once

#include <cstdint>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// What runs for a member, or would start something by itself.
struct SessionsState {
  std::int64_t processes = 0;  ///< Of any kind, wherever they were started; without those that have ended.
  bool lingers = false;        ///< systemd keeps the member's own manager running without a login.
  std::int64_t jobs = 0;       ///< A crontab counts one, each job of at counts one.

  bool IsRunning() const { return processes > 0 || lingers; }
  bool operator==(const SessionsState&) const = default;
};

/// The sessions of members on a real box (SEC-11). Expiry keeps new logins out and ends nothing that is there: open
/// connections, new channels over them, tmux, services, timers. Thread-safe.
class Sessions {
 public:
  virtual ~Sessions() = default;

  /// Nothing, for an account that is absent. Errors: kUnavailable, kForbidden for an account that is no member's.
  virtual api::Expected<SessionsState> Look(std::string_view name) const = 0;

  /// Ends lingering and every process, first asking, then not; nobody of that number is left afterwards. Of an account
  /// that is absent nothing. Takes up to 20 s where processes do not listen. Errors: kConflict unless the account is
  /// expired, else it could log in again meanwhile; kUnavailable when something is left (it is counted).
  virtual api::Expected<void> End(std::string_view name) = 0;

  /// Removes what cron and at would start; the crontab is kept beside its place, as `.NAME.set-aside`. Errors: as End.
  virtual api::Expected<void> DropJobs(std::string_view name) = 0;
};

}  // namespace host
