// Fetching by the git program. Nothing here uses libgit2.
#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "api/codec/text.h"
#include "host/file_url.h"
#include "host/libgit2/git.h"
#include "host/linux/files.h"

namespace host::libgit2 {

namespace {

using api::Code;
namespace fs = std::filesystem;

constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kHttpsScheme = "https://";
constexpr const char* kSafeDirectoryFile = "hero-safe-directory";

api::Error Refuse(std::string message) {
  return {.code = Code::kInvalid, .reason = "InvalidUrl", .message = std::move(message)};
}

/// Only file:// and https://, and no name or token: arguments are seen by everybody on the box.
api::Expected<void> Check(std::string_view url, std::string_view mirror) {
  const std::string shown = api::codec::Printable(url, 256);
  if (shown != url) return Refuse("fetch: a URL is too long or has a control character");
  const bool is_https = url.starts_with(kHttpsScheme);
  if (!is_https && !url.starts_with(kFileScheme))
    return Refuse("fetch " + shown + ": only file:// and https:// URLs are fetched");
  const std::string_view rest = url.substr(is_https ? kHttpsScheme.size() : kFileScheme.size());
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (is_https ? authority.empty() : !authority.empty())
    return Refuse("fetch " + shown + ": the URL has no host or path");
  if (authority.find('@') != std::string_view::npos)
    return Refuse("fetch: a URL with a name or token in it is refused");
  if (!mirror.starts_with('/')) return Refuse("fetch " + shown + ": the mirror's path is not absolute");
  return {};
}

/// A configuration value in git's quotes.
std::string Quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

/// The configuration that git reads as the user's: none, or for a repository of another user the permission to read
/// that one path. git refuses such a repository on the serving side as well (git-upload-pack), and that side believes
/// neither -c nor GIT_CONFIG_COUNT, which git takes out of its environment: only a file reaches it.
api::Expected<std::string> UserConfiguration(std::string_view url, const std::string& mirror) {
  const std::string none = "/dev/null";
  const auto local = PathOfFileUrl(url);
  if (!local) return none;
  const std::string& path = *local;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || status.st_uid == ::geteuid())
    return none;  // If absent, git says so better.
  if (path != api::codec::Printable(path, path.size()))
    return Refuse("fetch: a path with a control character is refused");
  std::error_code error;
  const std::string real = fs::canonical(path, error).string();  // Where links on the way lead: git compares either.
  const std::string text = "[safe]\n\tdirectory = " + Quoted(path) + "\n\tdirectory = " + Quoted(real) + "\n";
  const std::string file = mirror + "/" + kSafeDirectoryFile;
  if (auto written = linux::ReplaceFile(file, text, 0600); !written) return written.error();
  return file;
}

/// What every git of ours is told, whatever a configuration says.
constexpr std::array kSettings = {
    "core.hooksPath=/dev/null",  // Nothing in a repository runs.
    "core.fsync=committed",      // Objects and refs: git 2.39 leaves refs to chance, and a power cut an empty one.
    "protocol.allow=never",      // No ext::, ssh:// and the like, in submodules and redirects neither.
    "protocol.file.allow=always",
    "protocol.https.allow=always",
    "gc.autoDetach=false",  // Else it would outlive its deadline.
    "fetch.unpackLimit=1",  // Keep packs: loose objects read six times slower.
    "init.defaultBranch=development",
};

Command GitCommand(const std::vector<std::string>& arguments, const std::string& user_configuration) {
  Command command{
      .argv = {"git"},
      .environment = {{"GIT_CONFIG_GLOBAL", user_configuration},
                      {"GIT_CONFIG_NOSYSTEM", "1"},
                      {"GIT_TERMINAL_PROMPT", "0"},
                      {"HOME", "/nonexistent"},
                      {"LC_ALL", "C"},  // We read its messages.
                      {"PATH", "/usr/local/bin:/usr/bin:/bin"}},
  };
  for (const char* setting : kSettings) command.argv.insert(command.argv.end(), {"-c", setting});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> FetchArguments(const std::string& url, const std::string& mirror, bool is_atomic) {
  std::vector<std::string> arguments = {"--git-dir=" + mirror, "fetch"};
  for (const char* option : {"--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"}) {
    arguments.emplace_back(option);
  }
  if (is_atomic) arguments.emplace_back("--atomic");
  arguments.insert(arguments.end(), {"--end-of-options", url, "+refs/heads/*:refs/heads/*"});
  return arguments;
}

/// The line of git's messages that says why: the first that it marks as an error, else the last one.
std::string WhyOf(const Finished& finished) {
  std::string last;
  for (std::size_t at = 0; at < finished.err.size();) {
    const std::size_t end = std::min(finished.err.find('\n', at), finished.err.size());
    const std::string line = finished.err.substr(at, end - at);
    if (line.starts_with("fatal: ") || line.starts_with("error: ")) return api::codec::Printable(line.substr(7));
    if (!line.empty()) last = line;
    at = end + 1;
  }
  if (!last.empty()) return api::codec::Printable(last);
  return finished.signal != 0 ? "git was ended by signal " + std::to_string(finished.signal)
                              : "git ended with " + std::to_string(finished.exit_code);
}

/// True when git could not make a branch because one that has gone stands in its way: `a` and `a/b` cannot be at once.
bool IsInTheWay(const Finished& finished) { return finished.err.find("; cannot create '") != std::string::npos; }

/// Removes what a killed git left locked, which would stop every later one. A lock that a living one may hold is
/// younger than `age_max`: no git that we start lives longer.
void RemoveLocks(const std::string& mirror, api::Time now, std::chrono::milliseconds age_max) {
  const auto remove_if_stale = [&](const fs::path& path) {
    struct stat status {};
    if (path.extension() != ".lock" || ::lstat(path.c_str(), &status) != 0) return;
    const api::Time changed(std::chrono::seconds(status.st_mtim.tv_sec));
    if (now - changed >= age_max) ::unlink(path.c_str());
  };
  std::error_code error;  // What cannot be read git will say.
  for (fs::directory_iterator entry(mirror, error), end; !error && entry != end; entry.increment(error)) {
    remove_if_stale(entry->path());
  }
  for (fs::recursive_directory_iterator entry(mirror + "/refs", error), end; !error && entry != end;
       entry.increment(error)) {
    remove_if_stale(entry->path());
  }
}

}  // namespace

api::Expected<void> LibGit2Git::Fetch(std::string_view url, std::string_view mirror_path, const FetchOptions& options,
                                      std::stop_token stop) {
  if (auto checked = Check(url, mirror_path); !checked) return checked;
  const std::string mirror(mirror_path);
  const std::string what = "fetch " + std::string(url);
  const auto end = clock_.SteadyNow() + options.deadline;
  const auto run = [&](const std::vector<std::string>& arguments, const std::string& configuration) {
    Command command = GitCommand(arguments, configuration);
    command.deadline = std::chrono::floor<std::chrono::milliseconds>(end - clock_.SteadyNow());
    if (command.deadline.count() <= 0) {
      return api::Expected<Finished>(api::Error{Code::kTimeout, "DeadlineExceeded", what + ": no time is left"});
    }
    auto finished = processes_.Run(command, stop);
    if (finished) return finished;
    RemoveLocks(mirror, clock_.Now(), {});  // It was killed, and its locks are nobody's any more.
    api::Error error = finished.error().Within(what);
    if (error.code != Code::kTimeout) error.code = Code::kUnavailable;  // A missing git is no missing repository.
    return api::Expected<Finished>(std::move(error));
  };
  const auto failed = [&what](const Finished& finished) {
    return api::Error{.code = Code::kUnavailable, .reason = "FetchFailed", .message = what + ": " + WhyOf(finished)};
  };

  if (!Heads(mirror)) {  // Absent, or half made by a run that ended: git init mends that as well.
    const auto made = run({"init", "--quiet", "--bare", "--template=", "--end-of-options", mirror}, "/dev/null");
    if (!made) return made.error();
    if (made->exit_code != 0) return failed(*made);
  }
  RemoveLocks(mirror, clock_.Now(), options.deadline);
  const auto configuration = UserConfiguration(url, mirror);
  if (!configuration) return configuration.error().Within(what);
  auto fetched = run(FetchArguments(std::string(url), mirror, true), *configuration);
  // git's own atomic update cannot replace `a` by `a/b`. All objects have come by now, so the second try needs nothing
  // from the network but the list of heads, and removes branches only after it has that.
  if (fetched && fetched->exit_code != 0 && IsInTheWay(*fetched)) {
    fetched = run(FetchArguments(std::string(url), mirror, false), *configuration);
  }
  if (!fetched) return fetched.error();
  if (fetched->exit_code != 0) return failed(*fetched);
  return {};
}

}  // namespace host::libgit2
