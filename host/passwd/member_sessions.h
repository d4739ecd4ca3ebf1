#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "host/accounts.h"
#include "host/linux/files.h"
#include "host/passwd/member_owner.h"
#include "host/processes.h"
#include "host/sessions.h"

namespace host::passwd {

struct SessionsOptions {
  std::string helper{};                   ///< The path of herod-home, which ends what is the member's.
  std::string systemctl = "systemctl";    ///< Found in PATH.
  std::string loginctl = "loginctl";      ///< Likewise.
  std::string spool = "/var/spool/cron";  ///< Where crontabs and atjobs are.
  std::string linger = "/var/lib/systemd/linger";
  std::string proc = "/proc";
  std::string subordinates = "/etc/subuid";  ///< Which further numbers a member may give to processes: subuid(5).
  std::chrono::milliseconds grace = std::chrono::seconds(2);  ///< For processes to end by themselves once asked.
};

/// Sessions of a real box: what /proc, systemd and cron's spool say. Processes are ended in two ways: systemd stops the
/// member's slice, and whatever is left, wherever it was started, is killed by a process that has become the member,
/// for the kernel lets that one kill all of them at once and nobody else's: a fork bomb cannot outrun it. What the
/// member runs under subordinate numbers is counted, and killed with the rest, for its user namespace is the member's.
class MemberSessions final : public Sessions {
 public:
  /// `accounts` and `processes` are thread-safe and outlive us.
  MemberSessions(SessionsOptions options, const Accounts& accounts, Processes& processes)
      : options_(std::move(options)), accounts_(accounts), processes_(processes) {}

  api::Expected<SessionsState> Look(std::string_view name) const override;
  api::Expected<void> End(std::string_view name) override;
  api::Expected<void> DropJobs(std::string_view name) override;

 private:
  struct Member {
    std::string name{};
    Owner owner{};
    bool is_expired = false;
  };

  api::Expected<std::optional<Member>> MemberNamed(std::string_view name) const;
  api::Expected<std::vector<std::string>> JobsOf(const Member& member) const;
  bool Lingers(const Member& member) const;
  api::Expected<std::vector<pid_t>> ProcessesOf(const Member& member) const;
  api::Expected<void> StopLingering(const Member& member);
  api::Expected<void> KillAll(const Member& member);
  api::Expected<void> Run(std::vector<std::string> argv);

  // Constant after construction.
  SessionsOptions options_;
  const Accounts& accounts_;
  Processes& processes_;

  std::mutex killing_;  // One at a time: those who kill have a number in common, and would kill each other.
};

/// Kills every process that whoever we are may kill, but this one: what herod-home does as the member.
api::Expected<void> KillAllOfOurs();

}  // namespace host::passwd
