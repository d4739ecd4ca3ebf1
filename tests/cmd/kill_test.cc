// The daemon as a process of its own: killed in the middle of its work, and asked for twice.
#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "client/wait.h"
#include "client/wire_client.h"
#include "host/linux/clock.h"
#include "host/linux/processes.h"
#include "tests/support/ssh_key.h"
#include "tests/support/team_forge.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

using std::chrono::seconds;

std::string HerodPath() { return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "herod").string(); }

/// herod on a box below a directory. Killed with this.
class HerodProcess {
 public:
  HerodProcess(const std::string& config, const std::string& root) {
    std::vector<std::string> texts{HerodPath(), "--config", config, "--root", root};
    std::vector<char*> argv;
    argv.reserve(texts.size() + 1);
    for (std::string& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    std::array<int, 2> errors{};
    REQUIRE(pipe2(errors.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    const int failure = posix_spawn(&pid_, texts[0].c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(errors[1]);
    log_ = errors[0];
    REQUIRE(failure == 0);
  }
  HerodProcess(const HerodProcess&) = delete;
  HerodProcess& operator=(const HerodProcess&) = delete;
  ~HerodProcess() {
    Kill();
    close(log_);
  }

  /// As the kernel does when memory runs out: no handler, no clean-up.
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
  }

  /// Reads its log until `count` more lines hold `word`. False when it ended, or says nothing for 20 s.
  bool ReadUntil(const std::string& word, int count) {
    std::array<char, 4096> part{};
    while (count > 0) {
      pollfd polled{log_, POLLIN, 0};
      if (poll(&polled, 1, 20'000) != 1) return false;
      const ssize_t size = read(log_, part.data(), part.size());
      if (size <= 0) return false;
      unread_.append(part.data(), static_cast<std::size_t>(size));
      for (std::size_t end = 0; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1))
        count -= unread_.substr(0, end).find(word) != std::string::npos ? 1 : 0;
    }
    return true;
  }

 private:
  pid_t pid_ = 0;
  int log_ = -1;
  std::string unread_;
};

struct KilledBox {
  KilledBox() { std::ofstream(config) << "[team]\nurl = \"" << forge.url() << "\"\n"; }

  std::vector<std::string> Lines(const std::string& file) const {
    std::vector<std::string> lines;
    std::ifstream stream(root + file);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  const TempDir dir;
  const std::string root = dir / "box";
  const std::string config = dir / "herod.toml";
  const TeamForge forge{dir.Path()};
  const host::linux::SystemClock clock;
  const client::Transport transport{{.socket_path = root + "/run/hero/hero.sock"}, clock};
  client::WireClient wire{transport};
};

constexpr int kMembers = 12;

TEST_CASE("[HTB-89][ENGINE-19] kill -9 of the whole daemon within its passes: started again, it makes the box right") {
  KilledBox box;
  std::vector<api::ObjectKey> users;
  for (int i = 0; i < kMembers; ++i) {
    const std::string name = "m" + std::to_string(i);
    box.forge.WriteUser(name);
    users.push_back({"users.hero.dev", "", name});
  }
  box.forge.Push();
  // Each start gets a little further: the sync, accounts that join one rewrite, homes, keys.
  for (const int steps : {1, 2, 5, 9, 14}) {
    CAPTURE(steps);
    HerodProcess herod(box.config, box.root);
    REQUIRE(herod.ReadUntil(" step ", steps));
    herod.Kill();
  }
  HerodProcess herod(box.config, box.root);
  REQUIRE(herod.ReadUntil(" started ", 1));
  const auto ready = client::WaitUntil(box.wire, users, *client::ParseWaitFor("condition=Ready"), seconds(60),
                                       box.clock, {}, [](const api::ObjectKey&) {});
  REQUIRE_MESSAGE(ready, ready.error().message);

  std::set<std::string> names;
  std::set<std::string> numbers;
  int members = 0;
  for (const std::string& line : box.Lines("/etc/passwd")) {
    if (!line.starts_with("m")) continue;
    ++members;
    const std::size_t number = line.find(':', line.find(':') + 1) + 1;
    names.insert(line.substr(0, line.find(':')));
    numbers.insert(line.substr(number, line.find(':', number) - number));
  }
  CHECK(members == kMembers);  // Each once,
  CHECK(names.size() == kMembers);
  CHECK(numbers.size() == kMembers);  // and with a number of its own.
  for (const std::string& name : names)
    CHECK(box.Lines("/home/" + name + "/.ssh/authorized_keys").back() == SshKey(name));
  const auto plan = box.wire.Fetch("/hero/v1/plan");
  REQUIRE(plan);
  CHECK(plan->Find("steps")->size() == 0);
  CHECK(plan->Find("problems")->size() == 0);
}

TEST_CASE("[SEC-61] a second herod on the same root ends with what to do, and the first goes on") {
  KilledBox box;
  box.forge.WriteUser("alice");
  box.forge.Push();
  HerodProcess herod(box.config, box.root);
  REQUIRE(herod.ReadUntil(" started ", 1));
  host::linux::SpawnedProcesses processes;
  const auto second =
      processes.Run({.argv = {HerodPath(), "--config", box.config, "--root", box.root}, .deadline = seconds(20)}, {});
  REQUIRE(second);
  CHECK(second->exit_code == 1);
  CHECK(second->err.starts_with("herod: " + box.root));
  CHECK(second->err.ends_with("/store.db is held by another process; stop the other herod first\n"));
  const auto ready =
      client::WaitUntil(box.wire, {{"users.hero.dev", "", "alice"}}, *client::ParseWaitFor("condition=Ready"),
                        seconds(60), box.clock, {}, [](const api::ObjectKey&) {});
  CHECK(ready);
}

}  // namespace
}  // namespace tests
