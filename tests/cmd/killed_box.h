#pragma once

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "client/wire_client.h"
#include "host/linux/clock.h"
#include "tests/support/team_forge.h"
#include "tests/support/temp_dir.h"

/// The daemon as a process of its own, for tests that kill it.
namespace tests {

inline std::string HerodPath() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "herod").string();
}

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

}  // namespace tests
