#include "host/linux/files.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <sys/file.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "host/linux/entropy.h"

namespace host::linux {

namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::size_t kTagDigits = 16;

/// 16 hex digits that no other writer has.
std::string RandomTag() {
  std::string tag;
  for (std::uint64_t bits = SystemEntropy().Next(); tag.size() < kTagDigits; bits >>= 4)
    tag += "0123456789abcdef"[bits & 15];
  return tag;
}

/// Whether opening failed because of what stands there (a link, a file in place of a directory, a socket), not of a
/// failing system.
bool IsOfAnotherKind(int error_number) {
  return error_number == ELOOP || error_number == ENOTDIR || error_number == EISDIR || error_number == EXDEV ||
         error_number == ENXIO;
}

constexpr const char* kOtherFileSystem = "OtherFileSystem";

std::string TemporaryPrefix(std::string_view name) { return "." + std::string(name) + "."; }

/// Whether nobody wrote between two stamps; a rename changes the time of change and nothing else.
bool IsSameContent(const FileStamp& a, const FileStamp& b) {
  return a.device == b.device && a.inode == b.inode && a.size_bytes == b.size_bytes && a.modified_ns == b.modified_ns;
}

/// Removes what killed writers of this name left: a living one holds a lock on its file.
void RemoveLeftovers(int directory, std::string_view name) {
  const std::string prefix = TemporaryPrefix(name);
  const auto names = ListNames(directory, name);
  if (!names) return;  // Litter is no reason to fail.
  for (const std::string& entry : *names) {
    if (entry.size() != prefix.size() + kTagDigits + kTemporarySuffix.size()) continue;
    if (!entry.starts_with(prefix) || !entry.ends_with(kTemporarySuffix)) continue;
    const auto fd = OpenBeneath(directory, entry, O_RDONLY, entry);
    if (fd && ::flock(fd->get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(directory, entry.c_str(), 0);
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

bool IsPlainPath(std::string_view path) {
  if (!path.starts_with('/')) return false;
  bool has_part = false;
  while (!path.empty()) {
    path.remove_prefix(1);  // The slash.
    const std::string_view part = path.substr(0, path.find('/'));
    if (part == "." || part == "..") return false;
    has_part = has_part || !part.empty();
    path.remove_prefix(part.size());
  }
  return has_part;
}

api::Error SystemError(std::string_view what, int error_number) {
  const bool is_absent = error_number == ENOENT;
  return {.code = is_absent ? api::Code::kNotFound : api::Code::kUnavailable,
          .reason = is_absent ? "NotFound" : "HostUnavailable",
          .message = std::string(what) + ": " + std::generic_category().message(error_number)};
}

api::Expected<Fd> Open(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd) return SystemError("open " + path, errno);
  return fd;
}

api::Expected<Fd> OpenBeneath(int directory, const std::string& path, int flags, std::string_view shown,
                              Mounts mounts) {
  open_how how{};
  // A terminal must not become ours, nor a FIFO wait for its other end; a mere O_PATH opens neither and takes no such
  // flag.
  const int careful = (flags & O_PATH) != 0 ? 0 : O_NOCTTY | O_NONBLOCK;
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | careful);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  if (mounts == Mounts::kRefuse) how.resolve |= RESOLVE_NO_XDEV;
  // EAGAIN: something was renamed while the kernel made sure that the path stays below. A few tries are enough by its
  // manual.
  for (int tries_left = 8;; --tries_left) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno == EXDEV && mounts == Mounts::kRefuse) {
      return api::Error{.code = api::Code::kForbidden,
                        .reason = kOtherFileSystem,
                        .message = std::string(shown) + " is another file system; unmount it"};
    }
    if (IsOfAnotherKind(errno)) {
      return api::Error{.code = api::Code::kForbidden,
                        .reason = "NotAPlainPath",
                        .message = std::string(shown) + " is a link or of another kind than it should be; remove it"};
    }
    if (errno != EAGAIN || tries_left == 0) return SystemError("open " + std::string(shown), errno);
  }
}

bool IsOtherFileSystem(const api::Error& error) { return error.reason == kOtherFileSystem; }

api::Expected<struct stat> StatBeneath(int directory, const std::string& name, std::string_view shown) {
  const auto entry = OpenBeneath(directory, name, O_PATH | O_NOFOLLOW, shown, Mounts::kRefuse);
  if (!entry) return entry.error();
  struct stat status {};
  if (::fstat(entry->get(), &status) != 0) return SystemError("stat " + std::string(shown), errno);
  return status;
}

api::Expected<struct stat> StatEntry(int directory, const std::string& name, std::string_view shown) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return SystemError("stat " + std::string(shown), errno);
  }
  return status;
}

api::Expected<std::string> ReadUpTo(int fd, std::size_t bytes_max, std::string_view shown) {
  constexpr std::size_t kFirst = 4u << 10;  // Most are shorter; a larger one is read in steps that double.
  std::string content;
  while (content.size() < bytes_max) {
    const std::size_t have = content.size();
    content.resize(have + std::min(std::max(have, kFirst), bytes_max - have));
    const ssize_t got = ::read(fd, content.data() + have, content.size() - have);
    const int error_number = errno;
    content.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (got < 0 && error_number != EINTR) return SystemError("read " + std::string(shown), error_number);
  }
  return content;
}

api::Expected<void> WriteAll(int fd, std::string_view bytes, std::string_view shown) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write " + std::string(shown), errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

api::Expected<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  const auto file = Open(path, O_RDONLY);
  if (!file) return file.error();
  return ReadUpTo(file->get(), bytes_max, path);
}

api::Expected<std::vector<std::string>> ListNames(int directory, std::string_view shown) {
  Fd own(
      ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // readdir moves the position of its descriptor.
  if (!own) return SystemError("list " + std::string(shown), errno);
  const int fd = ::dup(own.get());
  std::unique_ptr<DIR, decltype([](DIR* stream) { ::closedir(stream); })> stream(fd < 0 ? nullptr : ::fdopendir(fd));
  if (!stream) return SystemError("list " + std::string(shown), errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return SystemError("list " + std::string(shown), errno);
  std::sort(names.begin(), names.end());
  return names;
}

api::Expected<void> MakeDirectories(const std::string& path, mode_t mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) == 0) {
      if (::chmod(part.c_str(), mode) != 0) return SystemError("chmod " + part, errno);
    } else if (errno != EEXIST) {
      return SystemError("make directory " + part, errno);
    }
    if (end == std::string::npos) return {};
  }
}

api::Expected<void> SyncDirectory(int directory, std::string_view shown) {
  if (::fsync(directory) != 0) return SystemError("sync " + std::string(shown), errno);
  return {};
}

Replacement::Replacement(int directory, std::string name, std::string temporary, Fd fd)
    : directory_(directory), name_(std::move(name)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

Replacement::Replacement(Replacement&& other) noexcept
    : directory_(other.directory_),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::move(other.fd_)),
      is_synced_(other.is_synced_) {}

Replacement::~Replacement() {
  if (!temporary_.empty()) ::unlinkat(directory_, temporary_.c_str(), 0);
}

api::Expected<Replacement> Replacement::Begin(int directory, std::string name, mode_t mode) {
  RemoveLeftovers(directory, name);
  for (;;) {
    std::string temporary = TemporaryPrefix(name) + RandomTag() + std::string(kTemporarySuffix);
    Fd fd(::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST) continue;
    if (!fd) return SystemError("make " + temporary, errno);
    Replacement replacement(directory, std::move(name), std::move(temporary), std::move(fd));
    struct stat status {};
    if (::flock(replacement.fd_.get(), LOCK_EX) != 0 || ::fstat(replacement.fd_.get(), &status) != 0 ||
        ::fchmod(replacement.fd_.get(), mode) != 0) {
      return SystemError("prepare " + replacement.temporary_, errno);
    }
    if (status.st_nlink > 0) return replacement;
    name = std::move(replacement.name_);  // Somebody took it for a leftover before it was locked: again.
  }
}

api::Expected<void> Replacement::Append(std::string_view bytes) { return WriteAll(fd_.get(), bytes, name_); }

void Replacement::StartSync() {
  ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // Only a hint: Sync is what counts.
}

api::Expected<void> Replacement::Sync() {
  if (::fsync(fd_.get()) != 0) return SystemError("sync " + name_, errno);
  is_synced_ = true;
  return {};
}

api::Expected<void> Replacement::Commit() {
  if (!is_synced_) {
    if (auto synced = Sync(); !synced) return synced;
  }
  if (::renameat(directory_, temporary_.c_str(), directory_, name_.c_str()) != 0) {
    return SystemError("replace " + name_, errno);
  }
  temporary_.clear();
  return {};
}

api::Expected<void> Replacement::SetOwner(uid_t uid, gid_t gid) {
  if (::fchown(fd_.get(), uid, gid) != 0) return SystemError("chown " + name_, errno);
  return {};
}

api::Expected<void> Replacement::CommitOver(const FileStamp& replaced, const std::string& backup) {
  if (!is_synced_) {
    if (auto synced = Sync(); !synced) return synced;
  }
  const api::Error conflict{.code = api::Code::kConflict,
                            .reason = "FileChanged",
                            .message = "replace " + name_ + ": somebody changed it meanwhile"};
  const auto rename = [this](unsigned flags) {
    return ::renameat2(directory_, temporary_.c_str(), directory_, name_.c_str(), flags) == 0;
  };
  if (replaced.inode == 0) {
    if (!rename(RENAME_NOREPLACE)) return errno == EEXIST ? conflict : SystemError("replace " + name_, errno);
    temporary_.clear();
    return {};
  }
  // Exchanged and not renamed over: what stood there is then in our hands, and can be looked at before it is too late.
  if (!rename(RENAME_EXCHANGE)) return errno == ENOENT ? conflict : SystemError("replace " + name_, errno);
  const auto stamp = StampOf(directory_, temporary_);
  if (!stamp || !IsSameContent(*stamp, replaced)) {
    if (!rename(RENAME_EXCHANGE)) return SystemError("put back " + name_, errno);
    return conflict;
  }
  if (::renameat(directory_, temporary_.c_str(), directory_, backup.c_str()) != 0) {
    return SystemError("make " + backup, errno);
  }
  temporary_.clear();
  return {};
}

api::Expected<void> ReplaceFile(int directory, std::string name, std::string_view content, mode_t mode) {
  const std::string shown = name;
  auto replacement = Replacement::Begin(directory, std::move(name), mode);
  if (!replacement) return replacement.error();
  if (auto appended = replacement->Append(content); !appended) return appended;
  if (auto committed = replacement->Commit(); !committed) return committed;
  return SyncDirectory(directory, "the directory of " + shown);
}

api::Expected<void> ReplaceFile(const std::string& path, std::string_view content, mode_t mode) {
  const std::size_t name_at = path.rfind('/') + 1;  // 0 without a slash.
  const auto directory = Open(name_at == 0 ? "." : path.substr(0, name_at), O_RDONLY | O_DIRECTORY);
  if (!directory) return directory.error();
  return ReplaceFile(directory->get(), path.substr(name_at), content, mode);
}

FileStamp StampOf(const struct stat& status) {
  constexpr std::int64_t kNanosecondsASecond = 1'000'000'000;
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size_bytes = status.st_size,
          .modified_ns = status.st_mtim.tv_sec * kNanosecondsASecond + status.st_mtim.tv_nsec,
          .changed_ns = status.st_ctim.tv_sec * kNanosecondsASecond + status.st_ctim.tv_nsec};
}

api::Expected<FileStamp> StampOf(int directory, const std::string& name) {
  const auto status = StatEntry(directory, name, name);
  if (status) return StampOf(*status);
  if (status.error().code == api::Code::kNotFound) return FileStamp{};
  return status.error();
}

bool IsSettled(const FileStamp& stamp) {
  // Files are stamped from the coarse clock, which moves once a tick: 10 ms at the slowest configuration (HZ=100). Two
  // of them. This is the kernel's clock for files, not the time that anybody tells, so it is not asked through
  // host::Clock.
  constexpr std::int64_t kTwoTicksNs = 20'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec - stamp.changed_ns > kTwoTicksNs;
}

}  // namespace host::linux
