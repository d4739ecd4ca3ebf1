#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "client/wire_client.h"
#include "host/linux/clock.h"
#include "tests/support/team_forge.h"

namespace tests {

/// A box, its hero_team and its forge below one directory, at the same path in every life, so that ends can be compared
/// word by word; and the daemon that works on it.
class CrashBox {
 public:
  /// `directory` is this box's own and empty.
  explicit CrashBox(std::string directory);
  CrashBox(const CrashBox&) = delete;
  CrashBox& operator=(const CrashBox&) = delete;
  ~CrashBox() { Kill(); }

  const TeamForge& forge() const { return forge_; }

  /// Starts it; without a place it notes the places that it comes to, with one it dies there.
  void Start(const std::string& place = "");
  /// Whether it has died by itself, or does within `wait`.
  bool HasDied(std::chrono::milliseconds wait);
  void Kill();
  /// As an operator ends it.
  void Stop();
  /// The places that the daemon came to since the last call.
  std::vector<std::string> TakePlaces();

  /// Keeps all that is there under a number, or puts it back.
  void Keep(std::size_t number);
  void PutBack(std::size_t number);

  /// An operator who says yes to all that waits. Whether the daemon answered.
  bool Approve();
  /// All that people can see of the box, without what differs from life to life. No value: the daemon does not answer,
  /// or has something to do.
  std::optional<std::string> End();

 private:
  std::string Files() const;
  std::optional<std::string> Objects();

  const std::string directory_;
  const std::string live_;
  const std::string root_;
  TeamForge forge_;
  const host::linux::SystemClock clock_;
  const client::Transport transport_;
  client::WireClient wire_;
  pid_t pid_ = 0;
};

}  // namespace tests
