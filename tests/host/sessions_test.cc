// Ending what runs for a member. The numbers here are nobody's on any machine: all processes of one are killed.
#include "host/sessions.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "host/passwd/member_process.h"
#include "host/passwd/member_sessions.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::SessionsState;

constexpr int kUid = 28417;  // No other test's.

void WaitForKill() {
  for (;;) ::pause();
}

/// A member's process that ends by SIGKILL alone, and does what it is given once it is the member.
class Stubborn {
 public:
  explicit Stubborn(
      void (*body)(int ready) =
          [](int ready) {
            if (::write(ready, "x", 1) == 1) WaitForKill();
          },
      uid_t uid = kUid) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::signal(SIGTERM, SIG_IGN);
      ::signal(SIGHUP, SIG_IGN);
      const bool is_member = ::setgid(uid) == 0 && ::setuid(uid) == 0;
      if (!is_member) ::_exit(1);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::setsid();
      body(ends[1]);
      ::_exit(1);
    }
    ::close(ends[1]);
    char ready = 0;
    REQUIRE(::read(ends[0], &ready, 1) == 1);
    ::close(ends[0]);
  }
  pid_t pid() const { return pid_; }
  Stubborn(const Stubborn&) = delete;
  Stubborn& operator=(const Stubborn&) = delete;
  ~Stubborn() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

/// A machine with one member, whose systemd only takes notes.
struct Machine {
  Machine() {
    for (const std::string tool : {"systemctl", "loginctl"}) {
      root.Write(tool, "#!/bin/sh\necho \"" + tool + " $*\" >> " + (root / "said") + "\n");
      REQUIRE(::chmod((root / tool).c_str(), 0755) == 0);
    }
    root.MakeDirectory("linger");
    root.MakeDirectory("spool/crontabs");
    root.MakeDirectory("spool/atjobs");
    SetExpired(true);
  }

  void SetExpired(bool is_expired) {
    accounts.Put(
        {.name = "zoe", .uid = kUid, .gid = kUid, .home = "/home/zoe", .shell = "/bin/bash", .is_expired = is_expired});
  }
  void PutJob(const std::string& path, uid_t owner = kUid) const {
    root.Write(path, "* * * * * true\n");
    REQUIRE(::chown((root / path).c_str(), owner, owner) == 0);
  }

  tests::TempDir root;
  tests::FakeAccounts accounts;
  host::linux::SpawnedProcesses processes;
  host::passwd::MemberSessions sessions{{.helper = host::linux::ProgramBesideUs("herod-home"),
                                         .systemctl = root / "systemctl",
                                         .loginctl = root / "loginctl",
                                         .spool = root / "spool",
                                         .linger = root / "linger",
                                         .subordinates = root / "subuid",
                                         .grace = std::chrono::milliseconds(50)},
                                        accounts,
                                        processes};
};

TEST_CASE("[SEC-11] sessions: every process of the member is ended, also what ignores being asked, and nobody else's" *
          tests::NeedsRoot()) {
  Machine box;
  const Stubborn one;
  const Stubborn another;
  CHECK(box.sessions.Look("zoe").value_or({}).processes == 2);
  const auto ended = box.sessions.End("zoe");
  INFO((ended ? "" : ended.error().message));
  CHECK(ended);
  CHECK(box.sessions.Look("zoe").value_or({.processes = 9}) == SessionsState{});
  CHECK(box.root.Read("said") == "systemctl --no-block stop user-" + std::to_string(kUid) + ".slice\n");
  CHECK(box.sessions.End("zoe"));  // Again: nothing to do, nobody is asked.
  CHECK(box.root.Read("said").size() < 60);
}

/// Ends the main thread, and goes on in another one.
void LoseMainThread(int ready) {
  std::thread([ready] {
    std::string status;
    while (status.find("State:\tZ") == std::string::npos) {
      std::ifstream file("/proc/self/status");
      status.assign(std::istreambuf_iterator<char>(file), {});
    }
    if (::write(ready, "x", 1) == 1) WaitForKill();
  }).detach();
  ::syscall(SYS_exit, 0);
}

TEST_CASE("[SEC-11] sessions: a process whose main thread has ended is one that runs, and is ended" *
          tests::NeedsRootUnsanitized()) {
  Machine box;
  const Stubborn headless(LoseMainThread);
  CHECK(box.sessions.Look("zoe").value_or({}).processes == 1);
  CHECK(box.sessions.End("zoe"));
  CHECK(box.sessions.Look("zoe").value_or({.processes = 9}) == SessionsState{});
}

TEST_CASE("[SEC-11] sessions: a member who kills all of the own all the time does not kill whoever ends them" *
          tests::NeedsRoot()) {
  const auto kill_always = [](int ready) {
    for (bool is_said = false;; is_said = is_said || ::write(ready, "x", 1) == 1) ::kill(-1, SIGKILL);
  };
  for (int i = 0; i < 5; ++i) {
    Machine box;
    const Stubborn killer(kill_always);
    const auto ended = box.sessions.End("zoe");
    INFO((ended ? "" : ended.error().message));
    CHECK(ended);
  }
}

/// Whether a process of the member may send signals to us, who end them.
api::Expected<std::string> TryToReachUs(const host::linux::Fd&, const std::string&, const std::string&) {
  const pid_t us = ::getpid();
  const pid_t member = ::fork();
  if (member == 0) {
    const bool is_member = ::setresuid(kUid, kUid, kUid) == 0;
    ::_exit(is_member && ::kill(us, 0) != 0 && errno == EPERM ? 0 : 1);
  }
  int status = 1;
  ::waitpid(member, &status, 0);
  if (status == 0) return std::string();
  return api::Error{Code::kInternal, "InReach", "the member may kill it"};
}

TEST_CASE("[SEC-11] sessions: whoever ends a member's processes is out of their reach" * tests::NeedsRoot()) {
  for (const bool is_out_of_reach : {true, false}) {
    CAPTURE(is_out_of_reach);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      for (const int standard : {STDIN_FILENO, STDERR_FILENO}) ::dup2(null, standard);
      const host::passwd::MemberTask task = {
          .name = "try", .needs_home = false, .is_out_of_reach = is_out_of_reach, .run = TryToReachUs};
      std::array<std::string, 5> words = {"test", "try", std::to_string(kUid), std::to_string(kUid), "/home/zoe"};
      std::array<char*, 5> arguments{};
      std::transform(words.begin(), words.end(), arguments.begin(), [](std::string& word) { return word.data(); });
      ::_exit(host::passwd::MemberMain(5, arguments.data(), {&task, 1}));
    }
    int status = 1;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK((status == 0) == is_out_of_reach);
  }
}

TEST_CASE("[SEC-11] sessions: it is killed also when nobody is seen, and again when a first attempt fails" *
          tests::NeedsRoot()) {
  Machine box;
  const std::string calls = box.root / "calls";
  box.root.Write("helper", "#!/bin/sh\necho \"$*\" >>" + calls + "\n[ $(wc -l <" + calls +
                               ") -gt 1 ] || exit 1\nexec " + host::linux::ProgramBesideUs("herod-home") + " \"$@\"\n");
  REQUIRE(::chmod((box.root / "helper").c_str(), 0755) == 0);
  host::passwd::MemberSessions sessions({.helper = box.root / "helper",
                                         .systemctl = "true",
                                         .loginctl = "true",
                                         .spool = box.root / "spool",
                                         .linger = box.root / "linger",
                                         .subordinates = box.root / "subuid",
                                         .grace = std::chrono::milliseconds(50)},
                                        box.accounts, box.processes);
  const std::string call = "end 28417 28417 /home/zoe\n";
  CHECK(sessions.End("zoe"));
  CHECK(box.root.Read("calls") == call + call);
}

TEST_CASE("[SEC-11] sessions: where processes of others are hidden, none seen is not none" * tests::NeedsRoot()) {
  Machine box;
  host::passwd::MemberSessions sessions({.helper = host::linux::ProgramBesideUs("herod-home"),
                                         .systemctl = "true",
                                         .loginctl = "true",
                                         .linger = box.root / "linger",
                                         .proc = box.root.MakeDirectory("proc")},
                                        box.accounts, box.processes);
  CHECK(sessions.Look("zoe").error().reason == "ProcessesHidden");
  CHECK(sessions.End("zoe").error().reason == "ProcessesHidden");
}

TEST_CASE("[SEC-11] sessions: what runs under a member's subordinate number is counted, by name and by number" *
          tests::NeedsRoot()) {
  for (const std::string holder : {"zoe", "28417"}) {
    CAPTURE(holder);
    Machine box;
    box.root.Write("subuid", "other:28460:10\n" + holder + ":28450:10\nbroken\n");
    constexpr auto kStay = [](int ready) {
      if (::write(ready, "x", 1) == 1) WaitForKill();
    };
    const Stubborn other(kStay, 28460);
    CHECK(box.sessions.Look("zoe").value_or({.processes = 9}).processes == 0);
    const Stubborn subordinate(kStay, 28459);
    CHECK(box.sessions.Look("zoe").value_or({}).processes == 1);
    // Not of the member's user namespace, so out of reach: that is told.
    CHECK(box.sessions.End("zoe").error().reason == "ProcessesLeft");
  }
}

/// Makes a user namespace, and takes a subordinate number once there is one.
void BecomeSubordinate(int ready) {
  const bool is_made = ::unshare(CLONE_NEWUSER) == 0;
  if (::write(ready, "x", 1) != 1 || !is_made) ::_exit(1);
  while (::setuid(1) != 0) ::sched_yield();
  WaitForKill();
}

TEST_CASE("[SEC-11] sessions: what runs under a subordinate number in a member's user namespace is ended" *
          tests::NeedsRoot()) {
  Machine box;
  box.root.Write("subuid", "zoe:28450:10\n");
  const Stubborn hidden(BecomeSubordinate);
  std::ofstream map("/proc/" + std::to_string(hidden.pid()) + "/uid_map");
  if (!(map << "0 28417 1\n1 28451 1\n" << std::flush)) {
    MESSAGE("left out: no user namespaces here");
    return;
  }
  std::string status;
  while (status.find("Uid:\t28451\t28451") == std::string::npos) {
    std::ifstream file("/proc/" + std::to_string(hidden.pid()) + "/status");
    status.assign(std::istreambuf_iterator<char>(file), {});
    REQUIRE_FALSE(status.empty());
  }
  CHECK(box.sessions.Look("zoe").value_or({}).processes == 1);
  const auto ended = box.sessions.End("zoe");
  INFO((ended ? "" : ended.error().message));
  CHECK(ended);
  CHECK(box.sessions.Look("zoe").value_or({.processes = 9}) == SessionsState{});
}

TEST_CASE("[SEC-11] sessions: nothing is ended while the account may log in again" * tests::NeedsRoot()) {
  Machine box;
  box.SetExpired(false);
  const Stubborn one;
  box.PutJob("spool/crontabs/zoe");
  const auto ended = box.sessions.End("zoe");
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == Code::kConflict);
  CHECK(box.sessions.DropJobs("zoe").error().code == Code::kConflict);
  CHECK(box.sessions.Look("zoe").value_or({}) == SessionsState{.processes = 1, .jobs = 1});
}

TEST_CASE("[SEC-11] sessions: lingering ends by logind, and by hand where it does not answer" * tests::NeedsRoot()) {
  Machine box;
  box.root.Write("linger/zoe", "");
  box.root.Write("linger/other", "");
  CHECK(box.sessions.Look("zoe").value_or({}).lingers);
  CHECK(box.sessions.End("zoe"));
  CHECK_FALSE(box.sessions.Look("zoe").value_or({.lingers = true}).lingers);
  CHECK(box.root.Read("said") == "loginctl disable-linger zoe\n");
  CHECK(fs::exists(box.root / "linger/other"));
}

TEST_CASE("[SEC-11] sessions: the crontab is set aside, jobs of at go, those of others stay" * tests::NeedsRoot()) {
  Machine box;
  box.PutJob("spool/crontabs/zoe");
  box.PutJob("spool/crontabs/other", 28418);
  box.PutJob("spool/atjobs/a0000101a2b3c4");
  box.PutJob("spool/atjobs/a0000201a2b3c4", 28418);
  CHECK(box.sessions.Look("zoe").value_or({}).jobs == 2);
  CHECK(box.sessions.DropJobs("zoe"));
  CHECK(box.sessions.Look("zoe").value_or({.jobs = 9}).jobs == 0);
  CHECK(box.root.Read("spool/crontabs/.zoe.set-aside") == "* * * * * true\n");
  CHECK(fs::exists(box.root / "spool/crontabs/other"));
  CHECK(fs::exists(box.root / "spool/atjobs/a0000201a2b3c4"));
  CHECK_FALSE(fs::exists(box.root / "spool/atjobs/a0000101a2b3c4"));
  CHECK(box.sessions.DropJobs("zoe"));
}

TEST_CASE("[SEC-11] sessions: a system's account has none to end, an absent one nothing" * tests::NeedsRoot()) {
  Machine box;
  box.accounts.Put({.name = "daemon", .uid = 1, .gid = 1, .home = "/home/daemon", .is_expired = true});
  CHECK(box.sessions.End("daemon").error().code == Code::kForbidden);
  CHECK(box.sessions.Look("daemon").error().code == Code::kForbidden);
  CHECK(box.sessions.End("nobody_here"));
  CHECK(box.sessions.Look("nobody_here").value_or({.jobs = 9}) == SessionsState{});
}

TEST_CASE("[SEC-11] sessions: root never kills all of its own") {
  if (::geteuid() == 0) CHECK(host::passwd::KillAllOfOurs().error().code == Code::kForbidden);
}

}  // namespace
