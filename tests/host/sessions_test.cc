// Ending what runs for a member. The numbers here are nobody's on any machine: all processes of one are killed.
#include "host/sessions.h"

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "host/passwd/member_sessions.h"
#include "tests/support/fake_accounts.h"
#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using host::SessionsState;

constexpr int kUid = 28417;  // No other test's.

/// A member's process that ends by SIGKILL alone, and forks when asked to.
class Stubborn {
 public:
  Stubborn() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::signal(SIGTERM, SIG_IGN);
      ::signal(SIGHUP, SIG_IGN);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool is_member = ::setgid(kUid) == 0 && ::setuid(kUid) == 0;
      if (!is_member) ::_exit(1);
      ::setsid();
      const bool is_said = ::write(ends[1], "x", 1) == 1;
      while (is_said) ::pause();
      ::_exit(1);
    }
    char ready = 0;
    REQUIRE(::read(ends[0], &ready, 1) == 1);
    ::close(ends[0]);
    ::close(ends[1]);
  }
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
