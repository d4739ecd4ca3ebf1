#include "host/libarchive/archives.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <utility>

#include "host/libarchive/packer.h"

namespace host::libarchive {

namespace {

using api::Code;

constexpr const char* kWork = "hero";
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;

api::Expected<void> CheckName(std::string_view file_name) {
  constexpr std::size_t kNameBytesMax = 200;  // NAME_MAX is 255, and the temporary name is 22 longer.
  if (!file_name.empty() && file_name.size() <= kNameBytesMax && file_name.front() != '.' &&
      file_name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos) {
    return {};
  }
  return api::Error{Code::kInvalid, "InvalidArchiveName",
                    "an archive's name has 1 to 200 bytes, no slash and no dot in front"};
}

/// The directory of the archives, made when absent, with its mode mended when somebody opened it.
api::Expected<linux::Fd> OpenForWriting(const std::string& path) {
  if (auto made = linux::MakeDirectories(path.substr(0, path.rfind('/')), 0755); !made) return made.error();
  if (auto made = linux::MakeDirectories(path, kPrivateDirectory); !made) return made.error();
  auto directory = linux::Open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory;
  if (::fchmod(directory->get(), kPrivateDirectory) != 0) return linux::SystemError("chmod " + path, errno);
  return directory;
}

std::string InMiB(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

api::Expected<linux::Fd> LibArchives::OpenHome(std::string_view home) const {
  if (!linux::IsPlainPath(home)) {
    return api::Error{Code::kInvalid, "InvalidHome",
                      "home " + std::string(home) + " is no absolute path without . and .."};
  }
  const auto root = linux::Open(paths_.Inside("/"), O_PATH | O_DIRECTORY);
  if (!root) return api::Error{Code::kUnavailable, "BoxRootUnavailable", root.error().message};
  return linux::OpenBeneath(root->get(), std::string(home.substr(1)), O_PATH | O_DIRECTORY, home);
}

api::Expected<bool> LibArchives::Has(std::string_view file_name) const {
  if (auto checked = CheckName(file_name); !checked) return checked.error();
  const auto directory = linux::Open(paths_.archive, O_PATH | O_DIRECTORY);
  if (!directory && directory.error().code == Code::kNotFound) return false;
  if (!directory) return directory.error();
  const std::string name(file_name);
  const auto status = linux::StatEntry(directory->get(), name, paths_.archive + "/" + name);
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  return S_ISREG(status->st_mode);
}

api::Expected<bool> LibArchives::IsWorthwhile(std::string_view home) const {
  const auto directory = OpenHome(home);
  if (!directory && directory.error().code == Code::kNotFound) return false;
  if (!directory) return directory.error();
  const auto status = linux::StatEntry(directory->get(), kWork, std::string(home) + "/" + kWork);
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  return S_ISDIR(status->st_mode);
}

/// Before anything is written: a disk that is full hurts everybody on the box. What the work takes on its disk bounds
/// what the archive takes, but for names and headers.
api::Expected<void> LibArchives::CheckSpace(int home, int archive_directory, const std::stop_token& stop) const {
  const auto needed = AllocatedBytes(home, kWork, stop);
  if (!needed) return needed.error();
  struct statvfs disk {};
  if (::fstatvfs(archive_directory, &disk) != 0) return linux::SystemError("statvfs " + paths_.archive, errno);
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= *needed && free - *needed >= options_.reserve_bytes) return {};
  return api::Error{Code::kUnavailable, "ArchiveNeedsSpace",
                    "there are " + InMiB(free) + " free for " + paths_.archive + ", and up to " + InMiB(*needed) +
                        " and a reserve of " + InMiB(options_.reserve_bytes) + " are needed; make room there"};
}

api::Expected<Packed> LibArchives::Pack(std::string_view home, std::string_view file_name, std::stop_token stop) {
  if (auto checked = CheckName(file_name); !checked) return checked.error();
  const auto worthwhile = IsWorthwhile(home);
  if (!worthwhile) return worthwhile.error();
  if (!*worthwhile) {
    return api::Error{Code::kNotFound, "NothingToArchive",
                      "pack " + std::string(home) + "/" + kWork + ": it is no directory"};
  }
  const auto from = OpenHome(home);
  if (!from) return from.error();
  const auto directory = OpenForWriting(paths_.archive);
  if (!directory) return directory.error();
  const std::string what = "archive " + std::string(home) + " as " + std::string(file_name);
  if (auto checked = CheckSpace(from->get(), directory->get(), stop); !checked) return checked.error().Within(what);
  auto file = linux::Replacement::Begin(directory->get(), std::string(file_name), kPrivateFile);
  if (!file) return file.error();
  auto packed = Packer(*file, std::move(stop)).Pack(from->get(), kWork);
  if (!packed) return packed.error().Within(what);
  if (auto committed = file->Commit(); !committed) return committed.error();
  if (auto synced = linux::SyncDirectory(directory->get(), paths_.archive); !synced) return synced.error();
  return packed;
}

}  // namespace host::libarchive
