#pragma once

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "host/linux/files.h"
#include "host/linux/processes.h"
#include "host/priv/client.h"
#include "host/priv/seams.h"
#include "host/priv/socket.h"
#include "tests/support/temp_dir.h"

namespace tests {

/// What a service manager hears: a datagram socket at a path.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path.c_str());  // Of one before.
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind " + path);
  }

  /// The next line; empty when none comes within a minute.
  std::string Next() const {
    std::string line(256, '\0');
    const ssize_t got = ::recv(fd_.get(), line.data(), line.size(), 0);
    line.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return line;
  }

 private:
  host::linux::Fd fd_;
};

/// A herod-priv of its own process on a root that is thrown away. As root homes are members' own there, else ours.
class PrivProcess {
 public:
  explicit PrivProcess(const TempDir& root, const std::string& groups = "audio,hero,ops",
                       const std::string& adoptable = "")
      : socket(root / "priv.sock"), notify_(root / "notify.sock") {
    const std::string program = host::linux::ProgramBesideUs("herod-priv");
    thread_ = std::jthread([=, this, path = root.Path()](const std::stop_token& stop) {
      host::linux::SpawnedProcesses processes;
      std::vector<std::string> argv = {program, "--root", path, "--socket", socket, "--groups", groups};
      if (!adoptable.empty()) argv.insert(argv.end(), {"--adoptable", adoptable});
      const auto ended = processes.Run({.argv = argv,
                                        .environment = {{"NOTIFY_SOCKET", path + "/notify.sock"}},
                                        .deadline = std::chrono::minutes(10),
                                        .output_bytes_max = 1u << 20},
                                       stop);
      if (ended) said_ = ended->err;
    });
    if (notify_.Next() != "READY=1") throw std::runtime_error("herod-priv did not start: " + Stop());
  }

  /// Kills it; what it said, unless it was killed.
  std::string Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return said_;
  }

  const std::string socket;

 private:
  NotifySocket notify_;
  std::string said_;  // Set once its thread has ended.
  std::jthread thread_;
};

/// The seams that herod has on a real box, with a herod-priv behind them.
struct PrivBox {
  TempDir root;
  PrivProcess process{root};
  host::priv::Client client{process.socket};
  host::priv::PrivAccounts accounts{client};
  host::priv::PrivHomes homes{client};
  host::priv::PrivWork work{client};
};

}  // namespace tests
