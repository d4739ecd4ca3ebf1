#include "host/passwd/member_sessions.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/log.h"
#include "host/passwd/member_process.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

using api::Code;
using linux::Fd;
using linux::SystemError;

constexpr std::chrono::milliseconds kSystemdPatience = std::chrono::seconds(10);
constexpr int kKillsMax = 5;  // One is enough; more for what another one's setuid program makes meanwhile.
constexpr std::size_t kStatusBytesMax = 4096;

/// The line of /proc/PID/status that begins so, without its name.
std::string_view LineOf(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = status.substr(at + name.size());
  return rest.substr(0, rest.find('\n'));
}

/// Whether a process is the member's by any of its four numbers, and has not ended.
bool IsOf(std::string_view status, std::int64_t uid) {
  const std::string_view state = LineOf(status, "\nState:");
  if (state.find('Z') != std::string_view::npos || state.find('X') != std::string_view::npos) return false;
  std::string_view uids = LineOf(status, "\nUid:");
  while (!uids.empty()) {
    const std::size_t begin = uids.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return false;
    uids.remove_prefix(begin);
    const std::string_view number = uids.substr(0, uids.find_first_of(" \t"));
    if (NumberOf(number) == uid) return true;
    uids.remove_prefix(number.size());
  }
  return false;
}

/// The processes of a number, wherever they were started.
api::Expected<std::vector<pid_t>> ProcessesOf(uid_t uid) {
  const auto proc = linux::Open("/proc", O_RDONLY | O_DIRECTORY);
  if (!proc) return proc.error();
  const auto names = linux::ListNames(proc->get(), "/proc");
  if (!names) return names.error();
  std::vector<pid_t> processes;
  for (const std::string& name : *names) {
    const auto pid = NumberOf(name);
    if (!pid) continue;
    const auto status = linux::ReadFile("/proc/" + name + "/status", kStatusBytesMax);
    if (status && IsOf(*status, static_cast<std::int64_t>(uid))) processes.push_back(static_cast<pid_t>(*pid));
  }
  return processes;
}

/// Waits until all of these have ended, or the time is over.
void WaitFor(const std::vector<pid_t>& processes, std::chrono::milliseconds patience) {
  std::vector<Fd> ends;
  for (const pid_t pid : processes) {
    Fd end(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (end) ends.push_back(std::move(end));
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  for (const Fd& end : ends) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd wait{end.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  }
}

api::Error NotExpired(const std::string& name) {
  return {Code::kConflict, "NotExpired",
          "end the sessions of " + name + ": the account may log in again; expire it first"};
}

}  // namespace

/// No value: there is no such account.
api::Expected<std::optional<MemberSessions::Member>> MemberSessions::MemberNamed(std::string_view name) const {
  const auto owner = OwnerOf(accounts_, "/home/" + std::string(name));
  if (!owner) return owner.error();
  if (!*owner) return std::optional<Member>();
  const auto account = accounts_.Find(name);
  if (!account) return account.error();
  return std::optional(Member{std::string(name), **owner, *account && (*account)->is_expired});
}

bool MemberSessions::Lingers(const Member& member) const {
  return ::access((options_.linger + "/" + member.name).c_str(), F_OK) == 0;
}

/// The crontab and at's jobs, as paths below the spool. Only what the member owns: others may not be there.
api::Expected<std::vector<std::string>> MemberSessions::JobsOf(const Member& member) const {
  std::vector<std::string> jobs;
  const auto spool = linux::Open(options_.spool, O_PATH | O_DIRECTORY);
  if (!spool && spool.error().code == Code::kNotFound) return jobs;
  if (!spool) return spool.error();
  const auto add = [&](const std::string& path) {
    const auto status = linux::StatEntry(spool->get(), path, path);
    if (status && S_ISREG(status->st_mode) && status->st_uid == member.owner.uid) jobs.push_back(path);
  };
  add("crontabs/" + member.name);
  const auto at = linux::OpenBeneath(spool->get(), "atjobs", O_RDONLY | O_DIRECTORY, options_.spool + "/atjobs");
  if (!at && at.error().code == Code::kNotFound) return jobs;
  if (!at) return at.error();
  const auto names = linux::ListNames(at->get(), options_.spool + "/atjobs");
  if (!names) return names.error();
  for (const std::string& name : *names) add("atjobs/" + name);
  return jobs;
}

api::Expected<SessionsState> MemberSessions::Look(std::string_view name) const {
  const auto member = MemberNamed(name);
  if (!member) return member.error();
  if (!*member) return SessionsState{};
  const auto processes = ProcessesOf((*member)->owner.uid);
  if (!processes) return processes.error();
  const auto jobs = JobsOf(**member);
  if (!jobs) return jobs.error();
  return SessionsState{.processes = static_cast<std::int64_t>(processes->size()),
                       .lingers = Lingers(**member),
                       .jobs = static_cast<std::int64_t>(jobs->size())};
}

api::Expected<void> MemberSessions::Run(std::vector<std::string> argv) {
  const std::string program = argv.front();
  const auto finished = processes_.Run({.argv = std::move(argv),
                                        .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"LC_ALL", "C"}},
                                        .deadline = kSystemdPatience},
                                       std::stop_token());
  if (!finished) return finished.error();
  if (finished->exit_code == 0) return {};
  return api::Error{Code::kUnavailable, "SystemdFailed", "run " + program + ": " + finished->err};
}

/// By logind, which also lets the member's manager go; by hand where it does not answer.
api::Expected<void> MemberSessions::StopLingering(const Member& member) {
  if (!Lingers(member)) return {};
  const auto said = Run({options_.loginctl, "disable-linger", member.name});
  if (!Lingers(member)) return {};
  if (!said) log::Warning("loginctl did not end lingering", {{"member", member.name}, {"error", said.error().message}});
  if (::unlink((options_.linger + "/" + member.name).c_str()) == 0 || errno == ENOENT) return {};
  return SystemError("end lingering of " + member.name, errno);
}

api::Expected<void> MemberSessions::End(std::string_view name) {
  const auto member = MemberNamed(name);
  if (!member) return member.error();
  if (!*member) return {};
  const Owner& owner = (*member)->owner;
  if (!(*member)->is_expired) return NotExpired((*member)->name);
  if (auto stopped = StopLingering(**member); !stopped) return stopped;

  auto processes = ProcessesOf(owner.uid);
  if (processes && processes->empty()) return {};
  // Asked first; without waiting, for what ignores it would have 90 s. That there is no systemd is no reason to stop.
  const auto asked = Run({options_.systemctl, "--no-block", "stop", "user-" + std::to_string(owner.uid) + ".slice"});
  if (!asked)
    log::Warning("systemd did not stop a slice", {{"member", (*member)->name}, {"error", asked.error().message}});
  if (processes) WaitFor(*processes, options_.grace);
  for (int tries_left = kKillsMax; tries_left > 0; --tries_left) {
    processes = ProcessesOf(owner.uid);
    if (!processes) return processes.error();
    if (processes->empty()) return {};
    const auto killed = RunAsMember(
        processes_, {.program = options_.helper, .task = "end", .owner = owner, .home = "/home/" + (*member)->name});
    if (!killed) return killed.error();
    WaitFor(*processes, options_.grace);
  }
  processes = ProcessesOf(owner.uid);
  if (processes && processes->empty()) return {};
  return api::Error{Code::kUnavailable, "ProcessesLeft",
                    "end the sessions of " + (*member)->name + ": " +
                        (processes ? std::to_string(processes->size()) + " processes do not end (ps -fu " +
                                         std::to_string(owner.uid) + ")"
                                   : processes.error().message)};
}

api::Expected<void> MemberSessions::DropJobs(std::string_view name) {
  const auto member = MemberNamed(name);
  if (!member) return member.error();
  if (!*member) return {};
  if (!(*member)->is_expired) return NotExpired((*member)->name);
  const auto jobs = JobsOf(**member);
  if (!jobs) return jobs.error();
  const auto spool = linux::Open(options_.spool, O_PATH | O_DIRECTORY);
  if (!spool) return jobs->empty() ? api::Expected<void>() : spool.error();
  for (const std::string& job : *jobs) {
    const bool is_crontab = job.starts_with("crontabs/");
    // cron leaves names with a dot in front alone.
    const std::string aside = "crontabs/." + (*member)->name + ".set-aside";
    const int failed = is_crontab ? ::renameat(spool->get(), job.c_str(), spool->get(), aside.c_str())
                                  : ::unlinkat(spool->get(), job.c_str(), 0);
    if (failed != 0 && errno != ENOENT) return SystemError("remove " + options_.spool + "/" + job, errno);
  }
  return {};
}

api::Expected<void> KillAllOfOurs() {
  if (::geteuid() == 0) return api::Error{Code::kForbidden, "StillRoot", "kill all processes: not as root"};
  if (::kill(-1, SIGKILL) == 0 || errno == ESRCH) return {};
  return SystemError("kill all processes", errno);
}

}  // namespace host::passwd
