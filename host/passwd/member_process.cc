#include "host/passwd/member_process.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <grp.h>
#include <stop_token>
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

// Writing 64 KiB takes milliseconds. A member can stop the process, or have his home on a disk that hangs.
constexpr std::chrono::seconds kPatience{30};

// The exit code of a failure is this and the error's code. Shells and signals use those above 125.
constexpr int kFailed = 64;
constexpr int kLastCode = static_cast<int>(Code::kInternal);
constexpr std::size_t kAnswerBytesMax = 4096;

/// Gives up being root, for ever, and all groups.
api::Expected<void> BecomeMember(uid_t uid, gid_t gid) {
  if (::setgroups(0, nullptr) != 0) return linux::SystemError("give up the groups", errno);
  if (::setresgid(gid, gid, gid) != 0) return linux::SystemError("become group " + std::to_string(gid), errno);
  if (::setresuid(uid, uid, uid) != 0) return linux::SystemError("become user " + std::to_string(uid), errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return linux::SystemError("give up new privileges", errno);
  if (::setuid(0) == 0) return api::Error{Code::kInternal, "StillRoot", "became root again after giving it up"};
  return {};
}

api::Expected<void> WriteAsMember(const std::string& uid_text, const std::string& gid_text, const std::string& home) {
  const auto uid = NumberOf(uid_text);
  const auto gid = NumberOf(gid_text);
  if (!uid || !gid || !MayBeMembers(*uid, {}) || *gid <= 0 || *gid > api::v1::kPeopleIds.last) {
    return api::Error{Code::kForbidden, "ForeignHome", "home " + home + ": " + uid_text + " is no person's number"};
  }
  const auto content = linux::ReadUpTo(STDIN_FILENO, kKeysBytesMax + 1, "the keys");
  if (!content) return content.error();
  const auto directory = linux::Open(".", O_PATH | O_DIRECTORY);  // Gives no right to anything below it.
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("stat " + home, errno);
  if (status.st_uid != *uid) return api::Error{Code::kForbidden, "ForeignHome", "home " + home + " is another's"};
  if (auto became = BecomeMember(static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)); !became) return became;
  return WriteKeys(*directory, home, *content);
}

}  // namespace

api::Expected<void> RunAsMember(Processes& processes, const MemberCall& call) {
  const auto finished =
      processes.Run({.argv = {call.helper, "keys", std::to_string(call.uid), std::to_string(call.gid), call.home},
                     .directory = "/proc/self/fd/" + std::to_string(call.directory),
                     .input = call.content,
                     .deadline = kPatience,
                     .output_bytes_max = kAnswerBytesMax},
                    std::stop_token());
  if (!finished && finished.error().code == Code::kNotFound) {
    return api::Error{Code::kUnavailable, "NoHelper", finished.error().message + "; install it beside herod"};
  }
  if (!finished) return finished.error();
  if (finished->exit_code == 0) return {};
  const int code = finished->exit_code - kFailed;
  const std::size_t end = finished->out.find('\n');
  if (code >= 0 && code <= kLastCode && end != std::string::npos) {
    return api::Error{static_cast<Code>(code), finished->out.substr(0, end), finished->out.substr(end + 1)};
  }
  return api::Error{Code::kUnavailable, "HelperFailed",
                    "write in " + call.home + ": " + call.helper + " ended with " +
                        (finished->signal != 0 ? "signal " + std::to_string(finished->signal)
                                               : "exit code " + std::to_string(finished->exit_code))};
}

int HelperMain(int argc, char** argv) {
  constexpr int kArguments = 5;
  if (argc != kArguments || std::string_view(argv[1]) != "keys") {
    std::fputs("herod-home writes in a member's home for herod, which alone calls it\n", stderr);
    return 2;
  }
  ::umask(077);
  const auto written = WriteAsMember(argv[2], argv[3], argv[4]);
  if (written) return 0;
  const api::Error& error = written.error();
  std::printf("%s\n%s", error.reason.c_str(), error.message.c_str());
  return std::fflush(stdout) == 0 ? kFailed + static_cast<int>(error.code) : 1;
}

}  // namespace host::passwd
