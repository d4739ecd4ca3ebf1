#include "host/libarchive/work.h"

#include <cerrno>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "host/libarchive/packer.h"

namespace host::libarchive {

namespace {

using api::Code;

constexpr const char* kWork = "hero";

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

/// Bytes that are free for everybody on the disk of an archive.
api::Expected<std::uint64_t> FreeBytes(int descriptor) {
  struct statvfs disk {};
  if (::fstatvfs(descriptor, &disk) != 0) return linux::SystemError("statvfs of the archive", errno);
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

/// Before anything is written: a disk that is full hurts everybody on the box. What the work takes on its disk bounds
/// what the archive takes, but for names and headers.
api::Expected<void> CheckSpace(const linux::Fd& home, int descriptor, const std::stop_token& stop,
                               const WorkOptions& options) {
  const auto needed = AllocatedBytes(home.get(), kWork, stop);
  if (!needed) return needed.error();
  const auto free = FreeBytes(descriptor);
  if (!free) return free.error();
  if (*free >= *needed && *free - *needed >= options.reserve_bytes) return {};
  return api::Error{Code::kUnavailable, "ArchiveNeedsSpace",
                    "there are " + InMiB(*free) + " free for it, and up to " + InMiB(*needed) + " and a reserve of " +
                        InMiB(options.reserve_bytes) + " are needed; make room there"};
}

/// While it is written: others use the disk too, and the home grows.
api::Expected<void> CheckReserve(int descriptor, const WorkOptions& options) {
  const auto free = FreeBytes(descriptor);
  if (!free) return free.error();
  if (*free >= options.reserve_bytes) return {};
  return api::Error{Code::kUnavailable, "ArchiveNeedsSpace",
                    "while it was written only " + InMiB(*free) + " were left free, and a reserve of " +
                        InMiB(options.reserve_bytes) + " stays; make room there"};
}

api::Expected<bool> IsWorkIn(const linux::Fd& home, const std::string& shown) {
  const auto status = linux::StatBeneath(home.get(), kWork, shown + "/" + kWork);
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  return S_ISDIR(status->st_mode);
}

}  // namespace

api::Expected<Packed> PackWork(const linux::Fd& home, const std::string& shown, int descriptor,
                               const std::stop_token& stop, WorkOptions options) {
  const auto is_there = IsWorkIn(home, shown);
  if (!is_there) return is_there.error();
  if (!*is_there) {
    return api::Error{Code::kNotFound, "NothingToArchive", "pack " + shown + "/" + kWork + ": it is no directory"};
  }
  try {
    if (auto checked = CheckSpace(home, descriptor, stop, options); !checked) return checked.error();
    return Packer(descriptor, stop, [&] { return CheckReserve(descriptor, options); }).Pack(home.get(), kWork);
  } catch (const std::bad_alloc&) {  // How much is held is the member's doing: the names of a directory, second names.
    return api::Error{Code::kUnavailable, "ArchiveNeedsMemory",
                      "pack " + shown + "/" + kWork +
                          ": there are too many names for the memory that packing may take, in one directory or of "
                          "files that have several; move or remove what holds hundreds of thousands"};
  }
}

api::Expected<linux::Fd> LibWork::OpenHome(std::string_view home) const {
  if (!linux::IsPlainPath(home)) {
    return api::Error{Code::kInvalid, "InvalidHome",
                      "home " + std::string(home) + " is no absolute path without . and .."};
  }
  const auto root = linux::Open(root_ + "/", O_PATH | O_DIRECTORY);
  if (!root) return api::Error{Code::kUnavailable, "BoxRootUnavailable", root.error().message};
  return linux::OpenBeneath(root->get(), std::string(home.substr(1)), O_PATH | O_DIRECTORY, home);
}

api::Expected<bool> LibWork::IsThere(std::string_view home) const {
  const auto directory = OpenHome(home);
  if (!directory && directory.error().code == Code::kNotFound) return false;
  if (!directory) return directory.error();
  return IsWorkIn(*directory, std::string(home));
}

api::Expected<Packed> LibWork::Pack(std::string_view home, int descriptor, std::stop_token stop) {
  const auto directory = OpenHome(home);
  if (!directory) return directory.error();
  return PackWork(*directory, std::string(home), descriptor, stop, options_);
}

}  // namespace host::libarchive
