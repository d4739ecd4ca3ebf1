#include "host/libarchive/readable.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace host::libarchive {

namespace {

constexpr mode_t kModeBits = 07777;

/// Of whatever has the number now, and not of what has the name: through /proc, for fchmod takes no O_PATH.
int ChangeMode(const linux::Fd& entry, mode_t mode) {
  return ::chmod(("/proc/self/fd/" + std::to_string(entry.get())).c_str(), mode & kModeBits);
}

}  // namespace

api::Expected<Readable> Readable::Open(int parent, const std::string& name, int flags, std::string_view shown) {
  auto entry = linux::OpenBeneath(parent, name, O_PATH | (flags & O_DIRECTORY), shown, linux::Mounts::kRefuse);
  if (!entry) return entry.error();
  struct stat status {};
  if (::fstat(entry->get(), &status) != 0) return linux::SystemError("stat " + std::string(shown), errno);
  const mode_t needed = S_ISDIR(status.st_mode) ? S_IRUSR | S_IXUSR : S_IRUSR;
  const bool is_closed = ::geteuid() != 0 && status.st_uid == ::geteuid() && (status.st_mode & needed) != needed &&
                         (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) &&
                         ChangeMode(*entry, status.st_mode | needed) == 0;
  auto fd = linux::OpenBeneath(parent, name, flags, shown, linux::Mounts::kRefuse);
  Readable readable(is_closed ? *std::move(entry) : linux::Fd(), status.st_mode);
  if (!fd) return fd.error();  // The mode is given back all the same.
  readable.fd_ = *std::move(fd);
  return readable;
}

Readable::~Readable() {
  if (entry_) ChangeMode(entry_, mode_);
}

}  // namespace host::libarchive
