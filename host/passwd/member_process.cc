#include "host/passwd/member_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "host/passwd/account_rules.h"
#include "host/passwd/home_files.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

using api::Code;

// The exit code of a failure is this and the error's code. Shells and signals use those above 125.
constexpr int kFailed = 64;
constexpr int kLastCode = static_cast<int>(Code::kInternal);
constexpr std::size_t kAnswerBytesMax = 4096;

/// The number that is nobody's (systemd hands out 61184 and above, homed up to 60513): who has it beside the member's
/// is out of the member's reach.
constexpr uid_t kOutOfReach = 61183;

/// Gives up being root, for ever, and all groups. `own` is the real and the saved number: by these others may kill us,
/// by the effective one we may do what the member may.
api::Expected<void> BecomeMember(uid_t uid, gid_t gid, uid_t own) {
  if (::setgroups(0, nullptr) != 0) return linux::SystemError("give up the groups", errno);
  if (::setresgid(gid, gid, gid) != 0) return linux::SystemError("become group " + std::to_string(gid), errno);
  if (::setresuid(own, uid, own) != 0) return linux::SystemError("become user " + std::to_string(uid), errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return linux::SystemError("give up new privileges", errno);
  if (::setuid(0) == 0 || ::kill(1, 0) == 0)
    return api::Error{Code::kInternal, "StillRoot", "has root's rights after giving them up"};
  return {};
}

/// Ends us with whoever started us, however it ends: nobody else would end the packing of a large home. Only now, for
/// a process that changes its user loses the signal (prctl(2)). Whoever ended before that reads our words no more.
api::Expected<void> EndWithParent() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return linux::SystemError("end with the parent", errno);
  pollfd words{.fd = STDERR_FILENO, .events = 0, .revents = 0};
  if (::poll(&words, 1, 0) > 0 && (words.revents & POLLERR) != 0)
    return api::Error{Code::kUnavailable, "Orphaned", "whoever asked for it has ended"};
  return {};
}

api::Expected<std::string> RunTask(const MemberTask& task, const std::string& uid_text, const std::string& gid_text,
                                   const std::string& home) {
  const auto uid = NumberOf(uid_text);
  const auto gid = NumberOf(gid_text);
  if (!uid || !gid || !MayBeMembers(*uid, {}) || *gid <= 0 || *gid > api::v1::kPeopleIds.last) {
    return ForeignHome(home, uid_text + " is no person's number");
  }
  const auto input = linux::ReadUpTo(STDIN_FILENO, kKeysBytesMax + 1, "the input");
  if (!input) return input.error();
  const auto directory = linux::Open(".", O_PATH | O_DIRECTORY);  // Gives no right to anything below it.
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("stat " + home, errno);
  if (task.needs_home && status.st_uid != *uid) return ForeignHome(home, "it is another's");
  const uid_t own = task.is_out_of_reach ? kOutOfReach : static_cast<uid_t>(*uid);
  if (auto became = BecomeMember(static_cast<uid_t>(*uid), static_cast<gid_t>(*gid), own); !became)
    return became.error();
  if (auto bound = EndWithParent(); !bound) return bound.error();
  return task.run(*directory, home, *input);
}

}  // namespace

api::Expected<std::string> RunAsMember(Processes& processes, const MemberCall& call, const std::stop_token& stop) {
  const auto finished = processes.Run(
      {.argv = {call.program, call.task, std::to_string(call.owner.uid), std::to_string(call.owner.gid), call.home},
       .directory = call.directory < 0 ? "/" : "/proc/self/fd/" + std::to_string(call.directory),
       .input = call.content,
       .output = call.output,
       .deadline = call.deadline,
       .output_bytes_max = kAnswerBytesMax},
      stop);
  if (!finished && finished.error().code == Code::kNotFound) {
    return api::Error{Code::kUnavailable, "NoHelper", finished.error().message + "; install it beside herod"};
  }
  if (!finished) return finished.error();
  if (finished->exit_code == 0) return finished->err;
  const int code = finished->exit_code - kFailed;
  const std::size_t end = finished->err.find('\n');
  if (code >= 0 && code <= kLastCode && end != std::string::npos) {
    return api::Error{static_cast<Code>(code), finished->err.substr(0, end), finished->err.substr(end + 1)};
  }
  return api::Error{Code::kUnavailable, "HelperFailed",
                    call.task + " in " + call.home + ": " + call.program + " ended with " +
                        (finished->signal != 0 ? "signal " + std::to_string(finished->signal)
                                               : "exit code " + std::to_string(finished->exit_code))};
}

int MemberMain(int argc, char** argv, std::span<const MemberTask> tasks) {
  constexpr int kArguments = 5;
  const auto task = std::find_if(tasks.begin(), tasks.end(),
                                 [&](const MemberTask& known) { return argc == kArguments && known.name == argv[1]; });
  if (task == tasks.end()) {
    std::fputs("works in a member's home for herod, which alone calls it\n", stderr);
    return 2;
  }
  ::umask(077);
  const auto said = RunTask(*task, argv[2], argv[3], argv[4]);
  if (said) return std::fputs(said->c_str(), stderr) >= 0 ? 0 : 1;
  const api::Error& error = said.error();
  std::fprintf(stderr, "%s\n%s", error.reason.c_str(), error.message.c_str());
  return kFailed + static_cast<int>(error.code);
}

}  // namespace host::passwd
