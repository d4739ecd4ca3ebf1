// Fetching by the git program. Nothing here uses libgit2.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "host/libgit2/git.h"
#include "host/libgit2/git_command.h"
#include "host/libgit2/leftovers.h"
#include "host/linux/files.h"

namespace host::libgit2 {

namespace {

using api::Code;
using api::Expected;
namespace fs = std::filesystem;

constexpr std::string_view kFreshSuffix = ".new";  // No mirror's name ends so.

std::vector<std::string> FetchArguments(const std::string& url, const std::string& mirror, bool is_atomic) {
  std::vector<std::string> arguments = {"--git-dir=" + mirror, "fetch"};
  for (const char* option : {"--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"}) {
    arguments.emplace_back(option);
  }
  if (is_atomic) arguments.emplace_back("--atomic");
  arguments.insert(arguments.end(), {"--end-of-options", url, "+refs/heads/*:refs/heads/*"});
  return arguments;
}

/// True when git could not make a branch because one that has gone stands in its way: `a` and `a/b` cannot be at once.
bool IsInTheWay(const Finished& finished) { return finished.err.find("; cannot create '") != std::string::npos; }

/// Whether git complains of what is in the mirror, not of the origin or the way to it. Wrong in doubt: a fresh mirror
/// costs a whole fetch, a broken one for ever is worse.
bool IsAboutTheMirror(std::string_view messages) {
  static constexpr std::array kWords = {
      "bad object",
      "is corrupt",
      "is empty",
      "missing blob",
      "missing tree",
      "missing commit",
      "not a git repository",
      "bad config",
      "bad ref",
      "bad tree",
      "inflate",
      "broken",
      "invalid index-pack",
      "packed-refs",
      "did not send all necessary objects",
      "unable to read",
      "object file",
      "does not match index",
  };
  for (std::size_t at = 0; at < messages.size();) {
    const std::size_t end = std::min(messages.find('\n', at), messages.size());
    const std::string_view line = messages.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("remote: ") || line.find("askpass") != std::string_view::npos) continue;
    if (std::any_of(kWords.begin(), kWords.end(),
                    [line](const char* words) { return line.find(words) != std::string_view::npos; }))
      return true;
  }
  return false;
}

}  // namespace

/// One fetch: its deadline is over all that it runs.
class LibGit2Git::Fetching {
 public:
  Fetching(LibGit2Git& git, std::string url, const FetchOptions& options, std::stop_token stop)
      : git_(git),
        url_(std::move(url)),
        what_("fetch " + url_),
        deadline_(options.deadline),
        end_(git.clock_.SteadyNow() + options.deadline),
        stop_(std::move(stop)) {}

  /// Fetches into a mirror; `is_broken` is set when the failure is the mirror's.
  Expected<void> Into(const std::string& mirror, bool& is_broken) {
    const auto heads = git_.Heads(mirror);
    if (!heads) {
      is_broken = heads.error().code != Code::kNotFound;
      if (is_broken) return heads.error();
      // Absent, or half made by a run that ended: git init mends that as well.
      const auto made = Run({"init", "--quiet", "--bare", "--template=", "--end-of-options", mirror}, mirror, {});
      if (!made) return made.error();
      if (made->exit_code != 0) return WhyGitFailed(what_, *made);
    }
    RemoveLeftovers(mirror, git_.clock_.Now(), deadline_);
    const auto environment = FetchEnvironment(url_, mirror, git_.access_);
    if (!environment) return environment.error().Within(what_);
    if (heads && !heads->empty())
      if (auto listed = CheckList(mirror, *environment); !listed) return listed;
    auto fetched = Run(FetchArguments(url_, mirror, true), mirror, *environment);
    // git's own atomic update cannot replace `a` by `a/b`. All objects have come by now, so the second try needs
    // nothing from the network but the list of heads, and removes branches only after it has that.
    if (fetched && fetched->exit_code != 0 && IsInTheWay(*fetched))
      fetched = Run(FetchArguments(url_, mirror, false), mirror, *environment);
    if (!fetched) return fetched.error();
    if (fetched->exit_code == 0) return {};
    is_broken = IsAboutTheMirror(fetched->err);
    return WhyGitFailed(what_, *fetched);
  }

  /// Fetches all anew beside a broken mirror and puts it in its place. The broken one stays until that is done.
  Expected<void> Anew(const std::string& mirror) {
    const std::string fresh = mirror + std::string(kFreshSuffix);
    std::error_code error;
    fs::remove_all(fresh, error);  // Of a run that was cut off.
    bool is_broken = false;
    if (auto fetched = Into(fresh, is_broken); !fetched) {
      fs::remove_all(fresh, error);
      return fetched;
    }
    if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, mirror.c_str(), RENAME_EXCHANGE) != 0)
      return linux::SystemError("replace the broken mirror " + mirror, errno);
    fs::remove_all(fresh, error);  // The broken one. If it stays, the next fetch that needs the name removes it.
    return {};
  }

 private:
  /// Over https whatever page comes with 200 and without a line's end counts to git as a list without any branch (its
  /// old "dumb" protocol), and the fetch would remove them all. So nobody loses the last branch over https.
  Expected<void> CheckList(const std::string& mirror, const std::map<std::string, std::string>& environment) {
    if (!url_.starts_with("https://")) return {};
    const auto listed = Run({"ls-remote", "--heads", "--quiet", "--end-of-options", url_}, mirror, environment);
    if (!listed) return listed.error();
    if (listed->exit_code != 0) return WhyGitFailed(what_, *listed);
    if (!listed->out.empty()) return {};
    return api::Error{Code::kUnavailable, "NoBranches",
                      what_ +
                          ": the server names no branch at all, which we take for a broken answer; if all are really "
                          "gone, delete this Repository"};
  }

  Expected<Finished> Run(const std::vector<std::string>& arguments, const std::string& mirror,
                         const std::map<std::string, std::string>& environment) {
    Command command = GitCommand(arguments, environment);
    command.deadline = std::chrono::floor<std::chrono::milliseconds>(end_ - git_.clock_.SteadyNow());
    if (command.deadline.count() <= 0)
      return api::Error{Code::kTimeout, "DeadlineExceeded", what_ + ": no time is left"};
    auto finished = git_.processes_.Run(command, stop_);
    if (finished) return finished;
    RemoveLeftovers(mirror, git_.clock_.Now(), {});  // It was killed, and they are nobody's any more.
    api::Error error = finished.error().Within(what_);
    if (error.code != Code::kTimeout) error.code = Code::kUnavailable;  // A missing git is no missing repository.
    return error;
  }

  LibGit2Git& git_;
  const std::string url_;
  const std::string what_;
  const std::chrono::milliseconds deadline_;
  const std::chrono::steady_clock::time_point end_;
  const std::stop_token stop_;
};

Expected<void> LibGit2Git::Fetch(std::string_view url, std::string_view mirror_path, const FetchOptions& options,
                                 std::stop_token stop) {
  if (auto checked = CheckUrl(url); !checked) return checked;
  const std::string mirror(mirror_path);
  if (!mirror.starts_with('/'))
    return api::Error{Code::kInvalid, "InvalidUrl",
                      "fetch " + std::string(url) + ": the mirror's path is not absolute"};
  Fetching fetching(*this, std::string(url), options, std::move(stop));
  bool is_broken = false;
  auto fetched = fetching.Into(mirror, is_broken);
  if (fetched || !is_broken) return fetched;
  return fetching.Anew(mirror);
}

}  // namespace host::libgit2
