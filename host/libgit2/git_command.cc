// How git is called, and what its messages mean. Nothing here uses libgit2.
#include "host/libgit2/git_command.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "api/codec/text.h"
#include "host/file_url.h"
#include "host/forge_url.h"
#include "host/linux/files.h"
#include "host/linux/token_file.h"

namespace host::libgit2 {

namespace {

using api::Code;
namespace fs = std::filesystem;

constexpr std::string_view kFileScheme = "file://";
constexpr std::string_view kHttpsScheme = "https://";
constexpr const char* kSafeDirectoryFile = "hero-safe-directory";

/// What every git of ours is told.
constexpr std::array kSettings = {
    "core.hooksPath=/dev/null",  // Nothing in a repository runs.
    "core.fsync=committed",      // Objects and refs: git 2.39 leaves refs to chance, and a power cut an empty one.
    "protocol.allow=never",      // No ext::, ssh:// and the like, in submodules and redirects neither.
    "protocol.file.allow=always",
    "protocol.https.allow=always",
    "credential.helper=",   // None that a machine may have: the token is ours to give.
    "gc.autoDetach=false",  // Else it would outlive its deadline.
    "fetch.unpackLimit=1",  // Keep packs: loose objects read six times slower.
    "init.defaultBranch=development",
};

api::Error Refuse(std::string message) {
  return {.code = Code::kInvalid, .reason = "InvalidUrl", .message = std::move(message)};
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

}  // namespace

api::Expected<void> CheckUrl(std::string_view url) {
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
  return {};
}

api::Expected<std::map<std::string, std::string>> FetchEnvironment(std::string_view url, const std::string& mirror,
                                                                   const ForgeAccess& access) {
  std::map<std::string, std::string> environment;
  const auto configuration = UserConfiguration(url, mirror);
  if (!configuration) return configuration.error();
  environment["GIT_CONFIG_GLOBAL"] = *configuration;
  const auto there = ParseForgeUrl(url);
  const auto forge = ParseForgeUrl(access.url);
  if (!there || !forge || there->origin != forge->origin) return environment;
  if (!access.ca_file.empty()) environment["GIT_SSL_CAINFO"] = access.ca_file;
  if (access.token_file.empty()) return environment;
  // Only to say early, and better than git could, what is wrong with it.
  if (auto token = linux::ReadTokenFile(access.token_file); !token) return token.error();
  environment["GIT_ASKPASS"] = access.askpass;
  environment["HERO_ASKPASS_ORIGIN"] = forge->origin;
  environment["HERO_ASKPASS_TOKEN_FILE"] = access.token_file;
  return environment;
}

Command GitCommand(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment) {
  Command command{.argv = {"git"}, .environment = std::move(environment)};
  command.environment.insert({{"GIT_CONFIG_GLOBAL", "/dev/null"},
                              {"GIT_CONFIG_NOSYSTEM", "1"},
                              {"GIT_TERMINAL_PROMPT", "0"},
                              {"HOME", "/nonexistent"},
                              {"LC_ALL", "C"},  // We read its messages.
                              {"PATH", "/usr/local/bin:/usr/bin:/bin"}});
  for (const char* setting : kSettings) command.argv.insert(command.argv.end(), {"-c", setting});
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

api::Error WhyGitFailed(const std::string& what, const Finished& finished) {
  const std::string& said = finished.err;
  if (said.find("could not read Username") != std::string::npos ||
      said.find("could not read Password") != std::string::npos)
    return {Code::kForbidden, "NoCredentials",
            what + ": the server wants a name and a token; only the host of [forge].url is given one"};
  if (said.find("Authentication failed") != std::string::npos || said.find("error: 403") != std::string::npos)
    return {Code::kForbidden, "TokenRefused",
            what + ": the server does not take the token for this repository; see [forge].token_file"};
  return {.code = Code::kUnavailable, .reason = "FetchFailed", .message = what + ": " + WhyOf(finished)};
}

}  // namespace host::libgit2
