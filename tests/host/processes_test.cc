#include "host/processes.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <poll.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "host/linux/processes.h"
#include "tests/support/temp_dir.h"

namespace {

using api::Code;
using host::Command;
using host::Finished;
using namespace std::chrono_literals;

const std::string kPath = "/usr/bin:/bin";

Command Shell(const std::string& script) {
  return {.argv = {"sh", "-c", script}, .environment = {{"PATH", kPath}}, .deadline = 30s};
}

api::Expected<Finished> Run(const Command& command) { return host::linux::SpawnedProcesses().Run(command, {}); }

/// Waits for the end of a process that is not our child: a kill has come to it when Run returns, its end comes a moment
/// later.
bool EndsSoon(const std::string& pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0));
  if (fd < 0) return true;  // Gone already.
  pollfd wait{fd, POLLIN, 0};
  const bool has_ended = ::poll(&wait, 1, 30'000) == 1;
  ::close(fd);
  return has_ended;
}

TEST_CASE("[HOST] processes: exit code, signal and both outputs come back") {
  const auto fine = Run(Shell("printf out; printf err >&2"));
  REQUIRE(fine);
  CHECK(fine->exit_code == 0);
  CHECK(fine->signal == 0);
  CHECK(fine->out == "out");
  CHECK(fine->err == "err");
  CHECK(Run(Shell("exit 7")).value_or({}).exit_code == 7);
  const auto killed = Run(Shell("kill -TERM $$"));
  REQUIRE(killed);
  CHECK(killed->exit_code == -1);
  CHECK(killed->signal == SIGTERM);
}

TEST_CASE("[HOST] processes: a child inherits nothing but what it is given") {
  ::setenv("HERO_TEST_LEAK", "leaked", 1);
  const int leak = ::open("/dev/null", O_RDONLY);  // NOLINT: without O_CLOEXEC, as a careless library would.
  std::signal(SIGPIPE, SIG_IGN);
  const auto finished =
      Run(Shell("env; ls /proc/self/fd | tr '\\n' ' '; pwd; cat; grep -E 'SigIgn|SigBlk' /proc/self/status"));
  const auto session = Run({.argv = {"/bin/cat", "/proc/self/stat"}, .deadline = 30s});
  std::signal(SIGPIPE, SIG_DFL);
  ::close(leak);
  ::unsetenv("HERO_TEST_LEAK");

  REQUIRE(finished);
  CHECK(finished->out.find("HERO_TEST_LEAK") == std::string::npos);
  CHECK(finished->out.find("0 1 2 3 /\n") != std::string::npos);  // 3 is ls's own.
  CHECK(finished->out.find("SigBlk:\t0000000000000000") != std::string::npos);
  const auto ignored = finished->out.find("SigIgn:\t");
  REQUIRE(ignored != std::string::npos);
  constexpr unsigned long long kPublic = 0x7fff'ffff;  // glibc ignores its own 32 and 33 in whatever it spawns.
  CHECK((std::stoull(finished->out.substr(ignored + 8, 16), nullptr, 16) & kPublic) == 0);
  REQUIRE(session);  // pid (cat) state ppid pgrp session: the child leads both.
  const std::string pid = session->out.substr(0, session->out.find(' '));
  CHECK(session->out.find(" " + std::to_string(::getpid()) + " " + pid + " " + pid + " ") != std::string::npos);
}

TEST_CASE("[HOST] processes: the input is read to its end, and without one there is none") {
  for (const std::string& input : {std::string(), std::string("two\nlines"), std::string(100'000, 'x')}) {
    const auto finished = Run({.argv = {"cat"},
                               .environment = {{"PATH", "/bin"}},
                               .input = input,
                               .deadline = 30s,
                               .output_bytes_max = 200'000});
    REQUIRE(finished);
    CHECK(finished->out == input);
  }
}

TEST_CASE("[HOST] processes: the directory is the one that was asked for") {
  const tests::TempDir dir;
  Command command = Shell("pwd -P");
  command.directory = dir.Path();
  CHECK(Run(command).value_or({}).out == dir.Path() + "\n");
  command.directory = dir / "absent";
  const auto refused = Run(command);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
}

TEST_CASE("[HOST] processes: of long outputs the end is kept, and both are read at once") {
  Command command = Shell("i=0; while [ $i -lt 20000 ]; do echo line-$i; echo err-$i >&2; i=$((i+1)); done; echo last");
  command.output_bytes_max = 1000;
  const auto finished = Run(command);
  REQUIRE(finished);
  CHECK(finished->out.size() == 1000);
  CHECK(finished->out.ends_with("line-19999\nlast\n"));
  CHECK(finished->err.size() == 1000);
  CHECK(finished->err.ends_with("err-19999\n"));
}

TEST_CASE("[HOST] processes: a command that cannot be run is refused with its kind") {
  struct Row {
    std::string name;
    Command command;
    Code code;
  };
  const tests::TempDir dir;
  dir.Write("plain", "no program");
  const Row rows[] = {
      {"no such program", {.argv = {"hero-no-such-program"}, .deadline = 1s}, Code::kNotFound},
      {"no such path", {.argv = {dir / "absent"}, .deadline = 1s}, Code::kNotFound},
      {"not executable", {.argv = {dir / "plain"}, .deadline = 1s}, Code::kUnavailable},
      {"no name", {.argv = {}, .deadline = 1s}, Code::kInvalid},
      {"no deadline", {.argv = {"true"}}, Code::kInvalid},
      {"a zero byte", {.argv = {"true", std::string("a\0b", 3)}, .deadline = 1s}, Code::kInvalid},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto refused = Run(row.command);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == row.code);
  }
}

TEST_CASE("[HOST] processes: at the deadline the whole group is killed, endless output or not") {
  for (const std::string ending : {"wait", "yes"}) {
    CAPTURE(ending);
    const tests::TempDir dir;
    Command command = Shell("cat </dev/zero >/dev/null & echo $! >" + (dir / "pid") + "; " + ending);
    command.deadline = 300ms;
    const auto killed = Run(command);
    REQUIRE_FALSE(killed);
    CHECK(killed.error().code == Code::kTimeout);
    REQUIRE(dir.Read("pid") != "(absent)");
    CHECK(EndsSoon(dir.Read("pid")));
  }
}

TEST_CASE("[HOST] processes: a stop kills at once and is kUnavailable; asked for before, nothing is started") {
  const tests::TempDir dir;
  std::stop_source stop;
  Command command = Shell("echo ready; touch " + (dir / "started") + "; exec tail -f /dev/null");
  command.deadline = 10min;
  auto running =
      std::async(std::launch::async, [&] { return host::linux::SpawnedProcesses().Run(command, stop.get_token()); });
  stop.request_stop();
  REQUIRE(running.wait_for(30s) == std::future_status::ready);
  const auto stopped = running.get();
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == Code::kUnavailable);

  std::filesystem::remove(dir / "started");
  const auto refused = host::linux::SpawnedProcesses().Run(command, stop.get_token());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK(dir.Read("started") == "(absent)");
}

TEST_CASE("[HOST] processes: what a finished command left in its group ends with it and does not keep us") {
  const tests::TempDir dir;
  const auto finished = Run(Shell("tail -f /dev/null & echo $! >" + (dir / "pid") + "; echo done"));
  REQUIRE(finished);
  CHECK(finished->exit_code == 0);
  CHECK(finished->out == "done\n");
  CHECK(EndsSoon(dir.Read("pid")));
}

TEST_CASE("[HOST] processes: a child that does not end is waited for no longer than told, and reaped once it has") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) ::pause();
  }
  REQUIRE(pid > 0);
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  REQUIRE(end >= 0);
  host::linux::Stragglers stragglers;
  CHECK_FALSE(stragglers.Reap(pid, end, 0ms));
  CHECK(stragglers.Sweep() == 1);
  REQUIRE(::kill(pid, SIGKILL) == 0);
  pollfd wait{end, POLLIN, 0};
  REQUIRE(::poll(&wait, 1, 30'000) == 1);
  CHECK(stragglers.Sweep() == 0);
  CHECK(::kill(pid, 0) != 0);  // Nobody's number any more: it was reaped.
  ::close(end);
}

TEST_CASE("[HOST] processes: many at once each get their own result") {
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 5; ++i) {
        const auto finished = Run(Shell("echo " + std::to_string(t) + "; exit " + std::to_string(i)));
        REQUIRE(finished);
        CHECK(finished->out == std::to_string(t) + "\n");
        CHECK(finished->exit_code == i);
      }
    });
  }
}

}  // namespace
