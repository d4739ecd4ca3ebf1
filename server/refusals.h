#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "host/clock.h"
#include "reconciler/audit.h"
#include "server/caller.h"

namespace server {

/// Puts into the audit log who was refused what, and from where. A caller fills no disk by asking: after kPerMinute
/// lines of one account, or of one address that is nobody, the rest of that minute is counted, and the next line says
/// how many there were. Thread-safe.
class Refusals {
 public:
  static constexpr int kPerMinute = 60;  ///< A person's mistakes are fewer; a program's are all alike.

  /// Both are thread-safe and outlive this.
  Refusals(reconciler::Audit& audit, const host::Clock& clock) : audit_(audit), clock_(clock) {}

  struct What {
    std::string actor{};  ///< Caller::Actor.
    std::string verb{};
    std::string target{};   ///< `users.hero.dev/alice`
    std::string outcome{};  ///< The error's reason.
  };
  /// `peer` is who opened the connection, whoever it acts as.
  void Note(const Caller& peer, What what);

 private:
  struct Minute {
    std::chrono::steady_clock::time_point began{};
    int written = 0;
    std::int64_t left_out = 0;
  };

  std::optional<std::string> Admit(std::string key);

  reconciler::Audit& audit_;
  const host::Clock& clock_;

  std::mutex mutex_;
  std::map<std::string, Minute> minutes_;  // Guarded by mutex_.
};

}  // namespace server
