#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/linux/processes.h"
#include "tests/support/ssh_key.h"

namespace tests {

/// A hero_team repository and a clone of it, made by the real git in a directory of the test's. The clone is where
/// members are written; Push merges what is there (Commit, then Publish). Each member has a key of their own (SshKey).
class TeamForge {
 public:
  explicit TeamForge(const std::string& directory) : bare_(directory + "/hero_team.git"), work_(directory + "/work") {
    Git({"init", "-q", "--bare", "-b", "development", bare_});
    Git({"init", "-q", "-b", "development", work_});
    std::filesystem::create_directories(work_ + "/manifest_templates");
    std::ofstream(work_ + "/manifest_templates/developer.toml") << "# Nothing yet.\n";
  }

  std::string url() const { return "file://" + bare_; }

  /// `more` are lines of TOML behind those that every member has.
  void WriteUser(const std::string& name, const std::string& more = "") const {
    std::filesystem::create_directories(work_ + "/users");
    std::ofstream(work_ + "/users/" + name + ".toml")
        << "name = \"" << name << "\"\nssh_pubkeys = [\"" << SshKey(name) << "\"]\ngroups = [\"developers\"]\n"
        << "branch_suffix = \"" << name << "\"\nmanifest_template = \"developer\"\n"
        << more;
  }
  void RemoveUser(const std::string& name) const { std::filesystem::remove(work_ + "/users/" + name + ".toml"); }

  void Commit() const {
    Git({"-C", work_, "add", "-A"});
    Git({"-C", work_, "-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-qm", "change"});
  }
  void Publish() const { Git({"-C", work_, "push", "-q", bare_, "development"}); }
  void Push() const {
    Commit();
    Publish();
  }

 private:
  static void Git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "git");
    host::linux::SpawnedProcesses processes;
    auto done = processes.Run({.argv = arguments,
                               .environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                               {"HOME", "/nonexistent"},
                                               {"GIT_CONFIG_NOSYSTEM", "1"}},
                               .deadline = std::chrono::seconds(30)},
                              {});
    if (!done) throw std::runtime_error(done.error().message);
    if (done->exit_code != 0) throw std::runtime_error(done->err);
  }

  const std::string bare_;
  const std::string work_;
};

}  // namespace tests
