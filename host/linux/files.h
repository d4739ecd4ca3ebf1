#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include "api/meta/expected.h"

/// The one way of opening, reading and replacing files that every backend shares.
namespace host::linux {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Whether a path is absolute, has no `.` and `..`, and names more than the root: what a home has to be.
bool IsPlainPath(std::string_view path);

/// The error of a failed system call: `what` says what was tried on what, the system's own words follow. ENOENT is
/// kNotFound, all else is kUnavailable.
api::Error SystemError(std::string_view what, int error_number);

/// Opens a path that nobody but us and root can change. Close-on-exec is added to `flags`.
api::Expected<Fd> Open(const std::string& path, int flags);

/// Opens `path` below `directory` without following any link and without leaving it (D-09). `path` is relative; "." is
/// the directory itself. `shown` is the path as errors call it. Never waits for the other end of a FIFO. Errors:
/// kForbidden when a part of the path is a link or of another kind than asked for: somebody put it there and has to
/// take it away.
/// kRefuse: as little as through a link does it go into another file system, where whoever mounted it (FUSE) could let
/// us wait for ever. The error is then one for IsOtherFileSystem.
enum class Mounts { kCross, kRefuse };
api::Expected<Fd> OpenBeneath(int directory, const std::string& path, int flags, std::string_view shown,
                              Mounts mounts = Mounts::kCross);

/// Whether something was refused because another file system is mounted there.
bool IsOtherFileSystem(const api::Error& error);

/// The kind and mode of an entry of `directory`, not of what it links to. Errors: kNotFound.
api::Expected<struct stat> StatEntry(int directory, const std::string& name, std::string_view shown);

/// The same where a member could have mounted something: nobody is asked who could let us wait for ever. Errors also:
/// kForbidden for IsOtherFileSystem.
api::Expected<struct stat> StatBeneath(int directory, const std::string& name, std::string_view shown);

/// The first `bytes_max` bytes; less when the file is shorter.
api::Expected<std::string> ReadUpTo(int fd, std::size_t bytes_max, std::string_view shown);

/// The same of a file that nobody but us and root can change.
api::Expected<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

/// Writes all of it. Errors: kUnavailable (disk full, file size limit, a reader that left).
api::Expected<void> WriteAll(int fd, std::string_view bytes, std::string_view shown);

/// The names in a directory without `.` and `..`, sorted bytewise.
api::Expected<std::vector<std::string>> ListNames(int directory, std::string_view shown);

/// Makes a directory and all above it that are absent, with this mode whatever the umask. Existing ones stay as they
/// are.
api::Expected<void> MakeDirectories(const std::string& path, mode_t mode);

/// Makes names that were renamed, made or removed in a directory last. `directory` was opened for reading.
api::Expected<void> SyncDirectory(int directory, std::string_view shown);

/// Which version of a file it is, as far as stat tells.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  ///< 0: there is no file.
  std::int64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

/// A new version of a file: written beside it under another name, invisible until Commit, gone when there is none. What
/// a killed process left is removed by the next one that begins; writers of one name do not disturb each other. Not
/// thread-safe.
class Replacement {
 public:
  /// `directory` was opened for reading and outlives this; `name` has no slash. The file gets `mode` whatever the
  /// umask.
  static api::Expected<Replacement> Begin(int directory, std::string name, mode_t mode);

  Replacement(Replacement&& other) noexcept;
  Replacement& operator=(Replacement&&) = delete;
  ~Replacement();

  /// Errors: as WriteAll. The replacement is then to be given up.
  api::Expected<void> Append(std::string_view bytes);
  /// For whoever appends by itself.
  int Descriptor() const { return fd_.get(); }
  /// Lets the disk begin with what was appended, so that Sync waits for less. For several files that are synced one
  /// after the other.
  void StartSync();
  /// Makes what was appended last. Commit does so when it was not done before.
  api::Expected<void> Sync();
  /// Gives it to somebody else. Only root may.
  api::Expected<void> SetOwner(uid_t uid, gid_t gid);
  /// Puts it in the place of the name. SyncDirectory makes that last: one for many files of a directory.
  api::Expected<void> Commit();
  /// The same over one version only, which is kept under the name `backup`. Errors also: kConflict when another version
  /// stands there (or one at all, where `replaced` is none); it stays.
  api::Expected<void> CommitOver(const FileStamp& replaced, const std::string& backup);

 private:
  Replacement(int directory, std::string name, std::string temporary, Fd fd);

  int directory_;
  std::string name_;
  std::string temporary_;  // Empty once committed.
  Fd fd_;
  bool is_synced_ = false;
};

/// Replaces a file whole: nobody sees a part of it, and it is on the disk afterwards.
api::Expected<void> ReplaceFile(int directory, std::string name, std::string_view content, mode_t mode);
/// The same in a directory that nobody but us and root can change.
api::Expected<void> ReplaceFile(const std::string& path, std::string_view content, mode_t mode);

/// The stamp of a file; that of no file when it is absent.
api::Expected<FileStamp> StampOf(int directory, const std::string& name);
FileStamp StampOf(const struct stat& status);

/// False while a further change could leave the stamp as it is, because the kernel's clock for files has not ticked
/// since. What was read under such a stamp has to be read again.
bool IsSettled(const FileStamp& stamp);

}  // namespace host::linux
