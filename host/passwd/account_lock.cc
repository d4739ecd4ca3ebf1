#include "host/passwd/account_lock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

using linux::Fd;
using linux::SystemError;

// In the order in which useradd takes them.
constexpr std::array<const char*, 4> kLockFiles = {"passwd.lock", "group.lock", "gshadow.lock", "shadow.lock"};

api::Error Locked(const std::string& etc, const std::string& why, std::chrono::milliseconds patience) {
  return {.code = api::Code::kUnavailable,
          .reason = "AccountsLocked",
          .message = "lock " + etc + ": " + why + " for " + std::to_string(patience.count()) + " ms"};
}

bool TryLock(const Fd& fd) {
  struct flock lock {};  // Of the open file, not of the process: two of us in one process exclude each other as well.
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0;
}

/// Waits until something happened to a lock or the time is over. fcntl has no lock with a deadline but by a signal
/// (lckpwdf uses alarm), which a process with threads cannot spare.
class LockWait {
 public:
  api::Expected<void> Open(const std::string& etc, std::chrono::milliseconds patience) {
    inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_ || ::inotify_add_watch(inotify_.get(), etc.c_str(), IN_CLOSE_WRITE | IN_DELETE) < 0) {
      return SystemError("wait for the locks of " + etc, errno);
    }
    timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    itimerspec when{};
    when.it_value.tv_sec = patience.count() / 1000;
    when.it_value.tv_nsec = std::max<long>((patience.count() % 1000) * 1'000'000, 1);  // 0 would never ring.
    if (!timer_ || ::timerfd_settime(timer_.get(), 0, &when, nullptr) != 0) return SystemError("set a timer", errno);
    return {};
  }

  /// False once the time is over.
  bool Wait() {
    std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {  // Our own attempt is among them.
    }
    // The kernel tells of a killed holder's close a moment before it drops its lock, of a dead holder's file not at
    // all, and what came just now was thrown away with our own, so look again now and then.
    constexpr int kLookAgainMs = 100;
    std::array<pollfd, 2> waits{{{inotify_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), kLookAgainMs);
    return waits[1].revents == 0;
  }

 private:
  Fd inotify_;
  Fd timer_;
};

/// Whether the process that a lock file names is gone; why it is not, else. Our own number is that of a process before
/// us: whoever else of us would hold the lock holds .pwd.lock too, and that one is ours.
std::optional<std::string> IsHeld(int directory, const std::string& name) {
  const auto file = linux::OpenBeneath(directory, name, O_RDONLY, name);
  if (!file) return file.error().code == api::Code::kNotFound ? std::nullopt : std::optional(name + " cannot be read");
  const auto text = linux::ReadUpTo(file->get(), 32, name);
  if (!text) return name + " cannot be read";
  const auto pid = NumberOf(std::string_view(*text).substr(0, text->find_first_of(std::string_view("\0\n ", 3))));
  if (!pid || *pid <= 0) return name + " names no process; remove it if no tool is at work, and it stood there";
  if (*pid == ::getpid() || (::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH)) return std::nullopt;
  return "process " + std::to_string(*pid) + " held " + name;
}

}  // namespace

AccountLock::AccountLock(Fd directory, Fd lckpwdf) : directory_(std::move(directory)), lckpwdf_(std::move(lckpwdf)) {}

AccountLock::~AccountLock() { ReleaseFiles(); }

void AccountLock::ReleaseFiles() {
  for (const std::string& name : files_) ::unlinkat(directory_.get(), name.c_str(), 0);
  files_.clear();
}

api::Expected<std::string> AccountLock::TryFiles() {
  // As the shadow tools: a file with our number, then a link to it, which only one can make.
  const std::string pid = std::to_string(::getpid());
  const std::string mine = "passwd." + pid;
  ::unlinkat(directory_.get(), mine.c_str(), 0);  // Of a killed process with our number.
  {
    const Fd file(::openat(directory_.get(), mine.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return Unavailable(SystemError("make " + mine, errno));
    if (::write(file.get(), pid.c_str(), pid.size() + 1) != static_cast<ssize_t>(pid.size() + 1)) {
      const int error_number = errno;
      ::unlinkat(directory_.get(), mine.c_str(), 0);
      return Unavailable(SystemError("write " + mine, error_number));
    }
  }
  std::string why;
  for (const std::string name : kLockFiles) {
    const auto link = [&] { return ::linkat(directory_.get(), mine.c_str(), directory_.get(), name.c_str(), 0) == 0; };
    bool is_ours = link();
    if (!is_ours && errno == EEXIST) {
      const auto held = IsHeld(directory_.get(), name);
      if (!held) {
        ::unlinkat(directory_.get(), name.c_str(), 0);
        is_ours = link();
      }
      why = held.value_or(name + " was taken by somebody else");
    } else if (!is_ours) {
      why = SystemError("link " + name, errno).message + ", and so it was";
    }
    if (!is_ours) break;
    why.clear();
    files_.push_back(name);
  }
  ::unlinkat(directory_.get(), mine.c_str(), 0);
  if (!why.empty()) ReleaseFiles();
  return why;
}

api::Expected<AccountLock> AccountLock::Acquire(const std::string& etc, std::chrono::milliseconds patience) {
  auto directory = linux::Open(etc, O_RDONLY | O_DIRECTORY);
  if (!directory) return Unavailable(directory.error());
  Fd fd(::openat(directory->get(), ".pwd.lock", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Unavailable(SystemError("open " + etc + "/.pwd.lock", errno));
  AccountLock lock(*std::move(directory), std::move(fd));
  std::string why = "another program held .pwd.lock";
  bool has_lckpwdf = TryLock(lock.lckpwdf_);
  const auto try_all = [&]() -> api::Expected<bool> {
    if (!has_lckpwdf) has_lckpwdf = TryLock(lock.lckpwdf_);
    if (!has_lckpwdf) return false;
    auto held = lock.TryFiles();
    if (!held) return held.error();
    why = *std::move(held);
    return why.empty();
  };
  LockWait wait;
  for (bool is_waiting = false;;) {
    const auto is_ours = try_all();
    if (!is_ours) return is_ours.error();
    if (*is_ours) return lock;
    if (!is_waiting) {
      if (auto opened = wait.Open(etc, patience); !opened) return Unavailable(opened.error());
      is_waiting = true;
    } else if (!wait.Wait()) {
      return Locked(etc, why, patience);
    }
  }
}

}  // namespace host::passwd
