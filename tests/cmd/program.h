#pragma once

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

namespace tests {

/// Where a program was built: beside the test.
inline std::string ProgramPath(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

/// One of our programs as a process of its own. Killed with this.
class Program {
 public:
  /// `output` is its standard output; none: ours.
  Program(const std::string& name, const std::vector<std::string>& arguments, int output = STDOUT_FILENO) {
    std::vector<std::string> texts{ProgramPath(name)};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(texts.size() + 1);
    for (std::string& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    std::array<int, 2> errors{};
    REQUIRE(pipe2(errors.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    const int failure = posix_spawn(&pid_, texts[0].c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(errors[1]);
    errors_ = errors[0];
    REQUIRE(failure == 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    Kill();
    close(errors_);
  }

  pid_t pid() const { return pid_; }

  /// As the kernel does when memory runs out: no handler, no clean-up.
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    Wait();
  }

  /// Its exit status, as wait reports it. What it still says goes to `ReadErrors` before.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

  /// Reads its standard error until `count` more lines hold `word`. False when it ended, or says nothing for 20 s.
  bool ReadUntil(const std::string& word, int count) {
    while (count > 0) {
      if (!ReadSome()) return false;
      for (std::size_t end = 0; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1))
        count -= unread_.substr(0, end).find(word) != std::string::npos ? 1 : 0;
    }
    return true;
  }

  /// The rest of its standard error, until it ends or says nothing for 20 s.
  std::string ReadErrors() {
    while (ReadSome()) {
    }
    return unread_;
  }

 private:
  bool ReadSome() {
    std::array<char, 4096> part{};
    pollfd polled{errors_, POLLIN, 0};
    if (poll(&polled, 1, 20'000) != 1) return false;
    const ssize_t size = read(errors_, part.data(), part.size());
    if (size > 0) unread_.append(part.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  pid_t pid_ = 0;
  int errors_ = -1;
  std::string unread_;
};

}  // namespace tests
