#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "host/libgit2/git.h"
#include "host/linux/clock.h"
#include "host/linux/processes.h"
#include "tests/support/temp_dir.h"

namespace tests {

using Branches = std::map<std::string, std::string>;

/// The kind of the error, none when there is a value.
template <class T>
std::optional<api::Code> CodeOf(const api::Expected<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

/// An origin, a work tree that pushes to it, and the seam.
struct GitWorld {
  TempDir dir;
  host::linux::SpawnedProcesses processes;
  host::linux::SystemClock clock;
  host::libgit2::LibGit2Git git{processes, clock};
  std::string origin = dir / "origin.git";
  std::string mirror = dir / "mirror.git";
  std::string url = "file://" + origin;

  GitWorld() {
    Git({"init", "-q", "--bare", origin});
    Git({"init", "-q", dir / "work"});
  }

  /// Runs git in the work tree; its output without the line's end.
  std::string Git(const std::vector<std::string>& arguments) {
    host::Command command{.argv = {"git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"},
                          .environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", dir.Path()}},
                          .directory = std::filesystem::exists(dir / "work") ? dir / "work" : dir.Path(),
                          .deadline = std::chrono::seconds(60)};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const auto finished = processes.Run(command, {});
    REQUIRE(finished);
    INFO(finished->err);
    REQUIRE(finished->exit_code == 0);
    return finished->out.substr(0, finished->out.find('\n'));
  }
  /// Commits these files and pushes them as that branch. The commit's id.
  std::string Push(const std::string& branch, const std::map<std::string, std::string>& files) {
    for (const auto& [path, content] : files) dir.Write("work/" + path, content);
    Git({"add", "-A"});
    Git({"commit", "-q", "--allow-empty", "-m", "a change"});
    Git({"push", "-q", "-f", origin, "HEAD:refs/heads/" + branch});
    return Git({"rev-parse", "HEAD"});
  }
  api::Expected<void> Fetch() { return git.Fetch(url, mirror, {}, {}); }
  Branches HeadsOf(const std::string& repository) const {
    const auto heads = git.Heads(repository);
    INFO((heads ? "" : heads.error().message));
    REQUIRE(heads);
    return *heads;
  }
};

}  // namespace tests
