#include "host/sandbox/homes.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace host::sandbox {

namespace {

using api::Code;
using linux::Fd;
using linux::OpenBeneath;

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr mode_t kPublicDirectory = 0755;
constexpr mode_t kModeBits = 07777;
constexpr int kDirectory = O_PATH | O_DIRECTORY;  // To look and to go on from; opens without the right to read.

api::Error Refuse(std::string_view shown, std::string_view what) {
  return {.code = Code::kForbidden,
          .reason = "NotAPlainPath",
          .message = std::string(shown) + " " + std::string(what) + "; move it away, and the next run makes it anew"};
}

/// A directory below `parent`. Errors: kNotFound; kForbidden naming what stands there instead.
api::Expected<Fd> OpenDirectory(const Fd& parent, const std::string& name, int flags, const std::string& shown) {
  auto directory = OpenBeneath(parent.get(), name, flags, shown);
  if (directory || directory.error().code != Code::kForbidden) return directory;
  const auto status = linux::StatEntry(parent.get(), name, shown);
  return Refuse(shown, status && S_ISLNK(status->st_mode) ? "is a link" : "is no directory");
}

/// The parts of a home's path. Errors: kInvalid.
api::Expected<std::vector<std::string>> PartsOf(std::string_view home) {
  if (!linux::IsPlainPath(home)) {
    return api::Error{Code::kInvalid, "InvalidHome",
                      "home " + std::string(home) + " is no absolute path without . and .."};
  }
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < home.size();) {
    const std::size_t end = std::min(home.find('/', at), home.size());
    if (end > at) parts.emplace_back(home.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// Gives what `fd` names this mode, if it has another. Through /proc, because fchmod takes no O_PATH descriptor.
api::Expected<void> SetMode(const Fd& fd, mode_t mode, const std::string& shown) {
  struct stat status {};
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  if (::fstat(fd.get(), &status) != 0) return linux::SystemError("stat " + shown, errno);
  if ((status.st_mode & kModeBits) == mode) return {};
  if (::chmod(path.c_str(), mode) != 0) return linux::SystemError("chmod " + shown, errno);
  return {};
}

/// The directory below `parent`, made when it is absent.
api::Expected<Fd> MakeDirectory(const Fd& parent, const std::string& name, mode_t mode, int flags,
                                const std::string& shown) {
  const bool is_new = ::mkdirat(parent.get(), name.c_str(), mode) == 0;
  if (!is_new && errno != EEXIST) return linux::SystemError("make directory " + shown, errno);
  auto directory = OpenDirectory(parent, name, flags, shown);
  if (!directory) return directory;
  if (is_new) {
    if (auto set = SetMode(*directory, mode, shown); !set) return set.error();  // The umask may have taken some.
  }
  return directory;
}

/// Whether the key file is a regular one; false when it is absent.
api::Expected<bool> HasKeys(const Fd& ssh, const std::string& shown) {
  const auto status = linux::StatEntry(ssh.get(), "authorized_keys", shown);
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  if (S_ISREG(status->st_mode)) return true;
  return Refuse(shown, S_ISLNK(status->st_mode) ? "is a link" : "is no regular file");
}

}  // namespace

/// The home, opened part by part so that an error names the one that is wrong.
api::Expected<Fd> SandboxHomes::OpenHome(std::string_view home) const {
  const auto parts = PartsOf(home);
  if (!parts) return parts.error();
  auto directory = linux::Open(root_, kDirectory);
  if (!directory) {  // Not kNotFound: without the box's root nothing is known of the home.
    return api::Error{Code::kUnavailable, "BoxRootUnavailable", directory.error().message};
  }
  std::string shown;
  for (const std::string& part : *parts) {
    shown += "/" + part;
    directory = OpenDirectory(*directory, part, kDirectory, shown);
    if (!directory) return directory;
  }
  return directory;
}

api::Expected<HomeState> SandboxHomes::Look(std::string_view home) const {
  const auto directory = OpenHome(home);
  if (!directory && directory.error().code == Code::kNotFound) return HomeState{};
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("stat " + std::string(home), errno);
  HomeState state{.exists = true, .is_private = (status.st_mode & kModeBits) == kPrivateDirectory};
  // A home that its owner cannot enter: mending the mode comes first, the keys are seen after that.
  if ((status.st_mode & S_IXUSR) == 0) return state;

  const std::string shown_ssh = std::string(home) + "/.ssh";
  const auto ssh = OpenDirectory(*directory, ".ssh", kDirectory, shown_ssh);
  if (!ssh && ssh.error().code == Code::kNotFound) return state;
  if (!ssh) return ssh.error();
  const std::string shown = shown_ssh + "/authorized_keys";
  const auto has_keys = HasKeys(*ssh, shown);
  if (!has_keys) return has_keys.error();
  if (!*has_keys) return state;
  const auto file = OpenBeneath(ssh->get(), "authorized_keys", O_RDONLY, shown);
  if (!file) return file.error();
  if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return Refuse(shown, "is no regular file");
  auto keys = linux::ReadUpTo(file->get(), kKeysBytesMax + 1, shown);
  if (!keys) return keys.error();
  state.has_keys_file = true;
  state.authorized_keys = *std::move(keys);
  return state;
}

api::Expected<void> SandboxHomes::EnsureHome(std::string_view home, std::int64_t, std::int64_t) {
  const auto parts = PartsOf(home);
  if (!parts) return parts.error();
  auto directory = linux::Open(root_, kDirectory);
  if (!directory) return api::Error{Code::kUnavailable, "BoxRootUnavailable", directory.error().message};
  std::string shown;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const bool is_home = i + 1 == parts->size();
    shown += "/" + (*parts)[i];
    directory =
        MakeDirectory(*directory, (*parts)[i], is_home ? kPrivateDirectory : kPublicDirectory, kDirectory, shown);
    if (!directory) return directory.error();
  }
  return SetMode(*directory, kPrivateDirectory, shown);
}

api::Expected<void> SandboxHomes::WriteAuthorizedKeys(std::string_view home, std::string_view content) {
  const std::string shown_ssh = std::string(home) + "/.ssh";
  const std::string shown = shown_ssh + "/authorized_keys";
  if (content.size() > kKeysBytesMax) {
    return api::Error{Code::kInvalid, "TooManyKeys",
                      "write " + shown + ": the keys are longer than " + std::to_string(kKeysBytesMax) + " bytes"};
  }
  const auto directory = OpenHome(home);
  if (!directory) return directory.error();
  const auto ssh = MakeDirectory(*directory, ".ssh", kPrivateDirectory, O_RDONLY | O_DIRECTORY, shown_ssh);
  if (!ssh) return ssh.error();
  if (auto set = SetMode(*ssh, kPrivateDirectory, shown_ssh); !set) return set;
  if (auto has_keys = HasKeys(*ssh, shown); !has_keys) return has_keys.error();
  auto replaced = linux::ReplaceFile(ssh->get(), "authorized_keys", content, kPrivateFile);
  if (!replaced) return replaced.error().Within(shown_ssh);
  return {};
}

}  // namespace host::sandbox
