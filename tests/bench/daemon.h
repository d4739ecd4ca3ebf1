#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/inotify.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "host/linux/files.h"

namespace bench {

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Waits until it is so, looking whenever something in the directory changes. False after 20 s without a change.
inline bool Await(const std::string& directory, const std::function<bool()>& is_so) {
  const host::linux::Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(watch.get(), directory.c_str(), IN_ALL_EVENTS & ~(IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE));
  std::array<char, 4096> events{};
  for (;;) {
    if (is_so()) return true;
    pollfd wait{watch.get(), POLLIN, 0};
    if (::poll(&wait, 1, 20'000) <= 0) return is_so();
    while (::read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

/// A program that lies beside this one, as long as this lives. What it says on standard error goes to `log`.
class Daemon {
 public:
  /// The first of `arguments` is the program's name. Throws std::runtime_error when it cannot be started.
  Daemon(std::vector<std::string> arguments, const std::string& log) {
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / arguments.front();
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + program);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

}  // namespace bench
