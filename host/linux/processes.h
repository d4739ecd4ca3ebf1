#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "host/processes.h"

namespace host::linux {

/// Children that were killed and do not end, because a disk or a mount of theirs hangs: whoever waited for them goes
/// on, and they are reaped when they have ended after all. Thread-safe.
class Stragglers {
 public:
  /// Waits for the end of a child of ours, `end` being its pidfd, and reaps it. No value: it did not come in time; the
  /// child is kept here.
  std::optional<siginfo_t> Reap(pid_t pid, int end, std::chrono::milliseconds patience);

  /// Reaps those that have ended meanwhile; how many are left.
  std::size_t Sweep();

 private:
  std::mutex mutex_;
  std::vector<pid_t> left_;  // Guarded by mutex_. As many as were ever stuck at once.
};

/// Children by posix_spawn: the same price however large this process is. Their user is ours. A child that made a
/// session of its own leaves the process group and is not killed with it. One that was killed is waited for five
/// seconds at most.
class SpawnedProcesses final : public Processes {
 public:
  api::Expected<Finished> Run(const Command& command, std::stop_token stop) override;

 private:
  Stragglers stragglers_;
};

/// The path of a program that is installed beside this one.
std::string ProgramBesideUs(std::string_view name);

}  // namespace host::linux
