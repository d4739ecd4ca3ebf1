#include "host/passwd/home_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace host::passwd {

namespace {

using api::Code;
using linux::Fd;
using linux::Mounts;
using linux::OpenBeneath;

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr mode_t kModeBits = 07777;
constexpr int kDirectory = O_PATH | O_DIRECTORY;  // To look and to go on from; opens without the right to read.

api::Error Refuse(std::string_view shown, std::string_view what) {
  return {.code = Code::kForbidden,
          .reason = "NotAPlainPath",
          .message = std::string(shown) + " " + std::string(what) + "; move it away, and the next run makes it anew"};
}

/// What stands in the place of the key file. A directory is refused: nothing can be put in its place but by emptying
/// it.
enum class KeyFile { kAbsent, kRegular, kOther };
api::Expected<KeyFile> KindOfKeys(const Fd& ssh, const std::string& shown) {
  const auto status = linux::StatBeneath(ssh.get(), "authorized_keys", shown);
  if (!status && status.error().code == Code::kNotFound) return KeyFile::kAbsent;
  if (!status) return status.error();
  if (S_ISDIR(status->st_mode)) return Refuse(shown, "is a directory");
  return S_ISREG(status->st_mode) ? KeyFile::kRegular : KeyFile::kOther;
}

bool IsExposed(const struct stat& status, mode_t mode, std::optional<uid_t> owner) {
  return (status.st_mode & kModeBits) != mode || (owner && status.st_uid != *owner);
}

/// Makes way for a .ssh of our own. Whose home it is may rename what is in it, whoever's that is; nobody needs to give
/// him a directory that he may have moved there from somebody else. A link that finds the name taken goes: what it
/// leads to stays, and a key that was revoked must not live on behind it.
api::Expected<void> SetAside(const Fd& home, bool is_link, const std::string& shown) {
  if (::renameat2(home.get(), ".ssh", home.get(), ".ssh.set-aside", RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST && is_link && ::unlinkat(home.get(), ".ssh", 0) == 0) return {};
  return Refuse(shown, "is no directory of its owner's and cannot be renamed to .ssh.set-aside");
}

/// Our own .ssh, 0700, to write in.
api::Expected<Fd> OpenOwnSsh(const Fd& home, const std::string& shown) {
  const auto status = linux::StatBeneath(home.get(), ".ssh", shown);
  if (!status && status.error().code != Code::kNotFound) return status.error();
  if (status && (!S_ISDIR(status->st_mode) || status->st_uid != ::geteuid())) {
    if (auto aside = SetAside(home, S_ISLNK(status->st_mode), shown); !aside) return aside.error();
  }
  const auto ssh = MakeDirectory(home, ".ssh", kPrivateDirectory, kDirectory, shown, Mounts::kRefuse);
  if (!ssh) return ssh.error();
  if (auto set = SetMode(*ssh, kPrivateDirectory, shown); !set) return set.error();
  return OpenBeneath(ssh->get(), ".", O_RDONLY | O_DIRECTORY, shown);
}

}  // namespace

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

api::Expected<Fd> OpenDirectory(const Fd& parent, const std::string& name, int flags, const std::string& shown,
                                Mounts mounts) {
  auto directory = OpenBeneath(parent.get(), name, flags, shown, mounts);
  if (directory || directory.error().code != Code::kForbidden) return directory;
  if (linux::IsOtherFileSystem(directory.error())) return directory;
  const auto status = linux::StatBeneath(parent.get(), name, shown);
  return Refuse(shown, status && S_ISLNK(status->st_mode) ? "is a link" : "is no directory");
}

api::Expected<void> SetMode(const Fd& fd, mode_t mode, const std::string& shown) {
  struct stat status {};
  // Through /proc, because fchmod takes no O_PATH descriptor.
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  if (::fstat(fd.get(), &status) != 0) return linux::SystemError("stat " + shown, errno);
  if ((status.st_mode & kModeBits) == mode) return {};
  if (::chmod(path.c_str(), mode) != 0) return linux::SystemError("chmod " + shown, errno);
  return {};
}

api::Expected<Fd> MakeDirectory(const Fd& parent, const std::string& name, mode_t mode, int flags,
                                const std::string& shown, Mounts mounts) {
  const bool is_new = ::mkdirat(parent.get(), name.c_str(), mode) == 0;
  if (!is_new && errno != EEXIST) return linux::SystemError("make directory " + shown, errno);
  auto directory = OpenDirectory(parent, name, flags, shown, mounts);
  if (!directory) return directory;
  if (is_new) {
    if (auto set = SetMode(*directory, mode, shown); !set) return set.error();  // The umask may have taken some.
  }
  return directory;
}

api::Expected<Fd> OpenHome(const std::string& root, std::string_view home) {
  const auto parts = PartsOf(home);
  if (!parts) return parts.error();
  auto directory = linux::Open(root, kDirectory);
  if (!directory) return api::Error{Code::kUnavailable, "BoxRootUnavailable", directory.error().message};
  std::string shown;
  for (const std::string& part : *parts) {  // Part by part, so that an error names the one that is wrong.
    shown += "/" + part;
    directory = OpenDirectory(*directory, part, kDirectory, shown);
    if (!directory) return directory;
  }
  return directory;
}

api::Expected<HomeState> LookAt(const Fd& home, const std::string& shown_home, std::optional<uid_t> owner) {
  struct stat status {};
  if (::fstat(home.get(), &status) != 0) return linux::SystemError("stat " + shown_home, errno);
  HomeState state{.exists = true, .is_private = !IsExposed(status, kPrivateDirectory, owner)};
  // A home that its owner cannot enter: mending the mode comes first, the keys are seen after that.
  if ((status.st_mode & S_IXUSR) == 0) return state;

  const std::string shown_ssh = shown_home + "/.ssh";
  const auto there = linux::StatBeneath(home.get(), ".ssh", shown_ssh);
  if (!there && there.error().code == Code::kNotFound) return state;
  if (!there) return there.error();
  state.is_keys_file_replaced = !S_ISDIR(there->st_mode);
  if (state.is_keys_file_replaced) return state;
  const auto ssh = OpenDirectory(home, ".ssh", kDirectory, shown_ssh, Mounts::kRefuse);
  if (!ssh && ssh.error().code == Code::kNotFound) return state;
  if (!ssh) return ssh.error();
  if (::fstat(ssh->get(), &status) != 0) return linux::SystemError("stat " + shown_ssh, errno);
  state.is_keys_file_exposed = IsExposed(status, kPrivateDirectory, owner);
  if ((status.st_mode & S_IXUSR) == 0) return state;

  const std::string shown = shown_ssh + "/authorized_keys";
  const auto kind = KindOfKeys(*ssh, shown);
  if (!kind) return kind.error();
  state.is_keys_file_replaced = *kind == KeyFile::kOther;
  if (*kind != KeyFile::kRegular) return state;
  const auto file = OpenBeneath(ssh->get(), "authorized_keys", O_RDONLY, shown, Mounts::kRefuse);
  if (!file) return file.error();
  if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return Refuse(shown, "is no regular file");
  state.has_keys_file = true;
  if (IsExposed(status, kPrivateFile, owner) || status.st_nlink != 1) {
    state.is_keys_file_exposed = true;
    // A second name of a file of somebody else's: nothing that we should read.
    if (owner && status.st_uid != *owner) return state;
  }
  auto keys = linux::ReadUpTo(file->get(), kKeysBytesMax + 1, shown);
  if (!keys) return keys.error();
  state.authorized_keys = *std::move(keys);
  return state;
}

api::Expected<void> WriteKeys(const Fd& home, const std::string& shown_home, std::string_view content) {
  const std::string shown_ssh = shown_home + "/.ssh";
  const std::string shown = shown_ssh + "/authorized_keys";
  if (content.size() > kKeysBytesMax) {
    return api::Error{Code::kInvalid, "TooManyKeys",
                      "write " + shown + ": the keys are longer than " + std::to_string(kKeysBytesMax) + " bytes"};
  }
  const auto ssh = OpenOwnSsh(home, shown_ssh);
  if (!ssh) return ssh.error();
  if (auto kind = KindOfKeys(*ssh, shown); !kind) return kind.error();
  auto replaced = linux::ReplaceFile(ssh->get(), "authorized_keys", content, kPrivateFile);
  if (!replaced) return replaced.error().Within(shown_ssh);
  return {};
}

}  // namespace host::passwd
