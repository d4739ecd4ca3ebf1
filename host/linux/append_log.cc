#include "host/linux/append_log.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace host::linux {

api::Expected<void> AppendFile::Append(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (auto opened = OpenIfMoved(); !opened) return opened;
  std::string text(line);
  text += '\n';
  const off_t end = ::lseek(file_.get(), 0, SEEK_END);
  const ssize_t written =
      ::write(file_.get(), text.data(), text.size());  // One call: whole lines, whoever else appends.
  if (written == static_cast<ssize_t>(text.size())) return {};
  const int error_number = written < 0 ? errno : ENOSPC;
  if (written > 0 && ::ftruncate(file_.get(), end) != 0) return SystemError("take back half a line of " + path_, errno);
  return SystemError("append to " + path_, error_number);
}

api::Expected<LogEnd> AppendFile::End(std::size_t bytes_max) {
  const std::lock_guard lock(mutex_);
  if (auto opened = OpenIfMoved(); !opened) return opened.error();
  const off_t size = ::lseek(file_.get(), 0, SEEK_END);
  if (size < 0) return SystemError("look at the end of " + path_, errno);
  LogEnd end{.size = static_cast<std::uint64_t>(size)};
  end.tail.resize(std::min(bytes_max, static_cast<std::size_t>(size)));
  if (end.tail.empty()) return end;
  const ssize_t read =
      ::pread(file_.get(), end.tail.data(), end.tail.size(), size - static_cast<off_t>(end.tail.size()));
  if (read != static_cast<ssize_t>(end.tail.size())) return SystemError("read the end of " + path_, errno);
  return end;
}

api::Expected<void> AppendFile::OpenIfMoved() {
  struct stat by_path {};
  struct stat opened {};
  const bool is_there = ::lstat(path_.c_str(), &by_path) == 0;
  if (file_ && is_there && ::fstat(file_.get(), &opened) == 0 && by_path.st_ino == opened.st_ino &&
      by_path.st_dev == opened.st_dev)
    return {};
  file_ = Fd(::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file_) return {};
  api::Error error = SystemError("open " + path_, errno);
  error.code = api::Code::kUnavailable;  // Not kNotFound: it is the directory that is missing.
  return error;
}

}  // namespace host::linux
