#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "host/linux/files.h"

/// What a service says to systemd and gets from it: three variables, lines of text over a datagram socket, and
/// descriptors from 3 on (sd_notify(3), sd_listen_fds(3)). Needs no library.
namespace host::linux {

class ServiceManager {
 public:
  /// Reads the environment of this process, once, before it has threads. Nobody is told anything without a manager.
  static ServiceManager FromEnvironment();

  /// `READY=1`, `STOPPING=1`, `WATCHDOG=1`, `STATUS=…`. Failures are nobody's to know: the manager has its own
  /// deadlines. Thread-safe.
  void Say(std::string_view line) const;

  /// How often at least it wants to hear WATCHDOG=1; no value: never.
  std::optional<std::chrono::milliseconds> WatchdogInterval() const { return watchdog_; }

  /// The only socket that it listens on for us; no value: none. Errors: kInvalid for more than one. Call once.
  api::Expected<std::optional<Fd>> TakeSocket() const;

 private:
  // Constant after construction.
  std::string address_;  // Of the manager's socket; @ in front: an abstract one.
  std::optional<std::chrono::milliseconds> watchdog_;
  int sockets_ = 0;
};

}  // namespace host::linux
