#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/linux/processes.h"

namespace tests {

/// Somebody with an ssh key of their own, made by the real ssh-keygen in a directory of the test's.
class SshSigner {
 public:
  SshSigner(const std::string& directory, const std::string& name) : name_(name), key_(directory + "/" + name) {
    host::linux::SpawnedProcesses processes;
    const auto made = processes.Run({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key_},
                                     .environment = {{"PATH", "/usr/bin:/bin"}},
                                     .deadline = std::chrono::seconds(30)},
                                    {});
    if (!made || made->exit_code != 0)
      throw std::runtime_error("ssh-keygen: " + (made ? made->err : made.error().message));
  }

  /// What git has to be told, before its verb, to sign with that key.
  std::vector<std::string> Settings() const {
    return {"-c", "gpg.format=ssh", "-c", "user.signingkey=" + key_ + ".pub", "-c", "commit.gpgsign=true"};
  }
  /// The line of a file of allowed signers. `options` as in ssh-keygen(1), with a blank behind.
  std::string AllowedLine(const std::string& options = "") const {
    std::ifstream file(key_ + ".pub");
    return name_ + "@example.org " + options + std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  const std::string name_;
  const std::string key_;
};

}  // namespace tests
