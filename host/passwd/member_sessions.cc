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

#include "api/v1/account_ids.h"
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
// For a process that never ends its copy of herod-home: five of them fit into the time that EndSessions has.
constexpr std::chrono::milliseconds kKillPatience = std::chrono::seconds(4);
constexpr std::size_t kStatusBytesMax = 4096;  // The lines that we read are among the first 1500 but for who is
                                               // in hundreds of groups: what is not seen then has not ended.
constexpr std::size_t kSubordinatesBytesMax = 1u << 20;  // Ten thousand members have 300 KB.

/// The line of /proc/PID/status that begins so, without its name.
std::string_view LineOf(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = status.substr(at + name.size());
  const std::size_t end = rest.find('\n');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);  // Cut off, it says something else.
}

/// Whether all of a process has ended. Of one whose main thread alone has, the others go on.
bool HasEnded(std::string_view status) {
  const std::string_view state = LineOf(status, "\nState:");
  if (state.find('X') != std::string_view::npos) return true;
  if (state.find('Z') == std::string_view::npos) return false;
  const std::string_view threads = LineOf(status, "\nThreads:");
  const std::size_t begin = threads.find_first_not_of(" \t");
  return begin != std::string_view::npos && NumberOf(threads.substr(begin)).value_or(2) <= 1;
}

/// Whether a process is the member's by any of its four numbers, and has not ended.
bool IsOf(std::string_view status, const std::vector<api::v1::IdRange>& numbers) {
  if (HasEnded(status)) return false;
  std::string_view uids = LineOf(status, "\nUid:");
  while (!uids.empty()) {
    const std::size_t begin = uids.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return false;
    uids.remove_prefix(begin);
    const std::string_view number = uids.substr(0, uids.find_first_of(" \t"));
    const std::int64_t uid = NumberOf(number).value_or(-1);
    if (std::any_of(numbers.begin(), numbers.end(), [uid](const auto& range) { return range.Contains(uid); }))
      return true;
    uids.remove_prefix(number.size());
  }
  return false;
}

/// The numbers that a member's processes can have: the own, and those that subuid gives to the name or the number.
/// Errors: kUnavailable when that file cannot be read.
api::Expected<std::vector<api::v1::IdRange>> NumbersOf(const std::string& name, std::int64_t uid,
                                                       const std::string& subordinates) {
  std::vector<api::v1::IdRange> numbers = {{uid, uid}};
  const auto text = linux::ReadFile(subordinates, kSubordinatesBytesMax);
  if (!text && text.error().code == Code::kNotFound) return numbers;
  if (!text) return text.error();
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t holder_end = line.find(':');
    const std::size_t first_end = holder_end == std::string_view::npos ? holder_end : line.find(':', holder_end + 1);
    if (first_end == std::string_view::npos) continue;
    const std::string_view holder = line.substr(0, holder_end);
    const auto first = NumberOf(line.substr(holder_end + 1, first_end - holder_end - 1));
    const auto count = NumberOf(line.substr(first_end + 1));
    if (first && count && *first > 0 && (holder == name || NumberOf(holder) == uid))
      numbers.push_back({*first, *first + *count - 1});
  }
  return numbers;
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

/// The member's processes, wherever they were started. Errors: kUnavailable when those of others are hidden from us,
/// for then none seen means nothing.
api::Expected<std::vector<pid_t>> MemberSessions::ProcessesOf(const Member& member) const {
  if (const auto first = linux::ReadFile(options_.proc + "/1/status", kStatusBytesMax); !first) {
    return api::Error{Code::kUnavailable, "ProcessesHidden",
                      "count the processes of " + member.name + ": " + first.error().message +
                          "; mount /proc without hidepid, or with its gid= of root's"};
  }
  const auto numbers = NumbersOf(member.name, member.owner.uid, options_.subordinates);
  if (!numbers) return numbers.error();
  const auto proc = linux::Open(options_.proc, O_RDONLY | O_DIRECTORY);
  if (!proc) return proc.error();
  const auto names = linux::ListNames(proc->get(), options_.proc);
  if (!names) return names.error();
  std::vector<pid_t> processes;
  for (const std::string& name : *names) {
    const auto pid = NumberOf(name);
    if (!pid) continue;
    const auto status = linux::ReadFile(options_.proc + "/" + name + "/status", kStatusBytesMax);
    if (status && IsOf(*status, *numbers)) processes.push_back(static_cast<pid_t>(*pid));
  }
  return processes;
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
  const auto processes = ProcessesOf(**member);
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
  if (!(*member)->is_expired) return NotExpired((*member)->name);
  if (auto stopped = StopLingering(**member); !stopped) return stopped;

  const auto processes = ProcessesOf(**member);
  if (!processes) return processes.error();
  if (!processes->empty()) {
    // Asked first; without waiting, for what ignores it would have 90 s. That there is no systemd is no reason to stop.
    const std::string slice = "user-" + std::to_string((*member)->owner.uid) + ".slice";
    if (const auto asked = Run({options_.systemctl, "--no-block", "stop", slice}); !asked)
      log::Warning("systemd did not stop a slice", {{"member", (*member)->name}, {"error", asked.error().message}});
    WaitFor(*processes, options_.grace);
  }
  return KillAll(**member);
}

/// Kills at least once, also where nothing is seen: what is in the middle of a change of its numbers is not counted.
/// That one attempt fails says nothing of the next.
api::Expected<void> MemberSessions::KillAll(const Member& member) {
  const std::string what = "end the sessions of " + member.name + ": ";
  api::Error last;
  for (int tries_left = kKillsMax; tries_left > 0; --tries_left) {
    const auto before = ProcessesOf(member);
    if (!before) return before.error();
    const auto killed = [&] {
      const std::lock_guard lock(killing_);
      return RunAsMember(processes_, {.program = options_.helper,
                                      .task = "end",
                                      .owner = member.owner,
                                      .home = "/home/" + member.name,
                                      .deadline = kKillPatience});
    }();
    if (killed) WaitFor(*before, options_.grace);
    const auto left = ProcessesOf(member);
    if (!left) return left.error();
    if (killed && left->empty()) return {};
    last = killed ? api::Error{Code::kUnavailable, "ProcessesLeft",
                               what + std::to_string(left->size()) + " processes do not end (ps -fu " +
                                   std::to_string(member.owner.uid) + ")"}
                  : killed.error();
  }
  return last;
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
