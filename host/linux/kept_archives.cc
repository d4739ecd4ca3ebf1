#include "host/linux/kept_archives.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "host/linux/files.h"

namespace host::linux {

namespace {

using api::Code;

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
api::Expected<Fd> OpenForWriting(const std::string& path) {
  if (auto made = MakeDirectories(path.substr(0, path.rfind('/')), 0755); !made) return made.error();
  if (auto made = MakeDirectories(path, kPrivateDirectory); !made) return made.error();
  auto directory = Open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory;
  if (::fchmod(directory->get(), kPrivateDirectory) != 0) return SystemError("chmod " + path, errno);
  return directory;
}

}  // namespace

api::Expected<bool> KeptArchives::Has(std::string_view file_name) const {
  if (auto checked = CheckName(file_name); !checked) return checked.error();
  const auto directory = Open(directory_, O_PATH | O_DIRECTORY);
  if (!directory && directory.error().code == Code::kNotFound) return false;
  if (!directory) return directory.error();
  const std::string name(file_name);
  const auto status = StatEntry(directory->get(), name, directory_ + "/" + name);
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  return S_ISREG(status->st_mode);
}

api::Expected<Packed> KeptArchives::Pack(std::string_view home, std::string_view file_name, std::stop_token stop) {
  if (auto checked = CheckName(file_name); !checked) return checked.error();
  const std::string name(file_name);
  const auto directory = OpenForWriting(directory_);
  if (!directory) return directory.error();
  auto file = Replacement::Begin(directory->get(), name, kPrivateFile);
  if (!file) return file.error();
  auto packed = work_.Pack(home, file->Descriptor(), std::move(stop));
  if (!packed) return packed.error().Within("archive " + std::string(home) + " as " + directory_ + "/" + name);
  if (auto committed = file->Commit(); !committed) return committed.error();
  if (auto synced = SyncDirectory(directory->get(), directory_); !synced) return synced.error();
  return packed;
}

}  // namespace host::linux
