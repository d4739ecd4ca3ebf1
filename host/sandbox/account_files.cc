#include "host/sandbox/account_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace host::sandbox {

namespace {

using linux::Fd;
using linux::FileStamp;
using linux::SystemError;

constexpr std::array<const char*, 3> kNames = {"passwd", "group", "shadow"};
constexpr mode_t kPublic = 0644;
constexpr mode_t kSecret = 0640;

// 100 000 accounts have 10 MB; more is no account file.
constexpr std::size_t kFileBytesMax = 64u << 20;

// Somebody who edits by hand does it once; more often than this is a fight that no retry wins.
constexpr int kReadsMax = 5;

/// An error of the account files is never "not found": what is there is unknown.
api::Error Unavailable(api::Error error) {
  error.code = api::Code::kUnavailable;
  error.reason = "AccountsUnavailable";
  return error;
}

/// The directory; no descriptor when it is absent.
api::Expected<Fd> OpenEtc(const std::string& etc) {
  auto directory = linux::Open(etc, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().code == api::Code::kNotFound) return Fd();
  if (!directory) return Unavailable(directory.error());
  return directory;
}

api::Expected<AccountStamps> StampsIn(const Fd& directory) {
  AccountStamps stamps{};
  for (std::size_t i = 0; directory && i < kNames.size(); ++i) {
    const auto stamp = linux::StampOf(directory.get(), kNames[i]);
    if (!stamp) return Unavailable(stamp.error());
    stamps[i] = *stamp;
  }
  return stamps;
}

api::Expected<std::string> ReadIfThere(const Fd& directory, const std::string& name) {
  if (!directory) return std::string();
  const auto file = linux::OpenBeneath(directory.get(), name, O_RDONLY, name);
  if (!file && file.error().code == api::Code::kNotFound) return std::string();
  if (!file) return Unavailable(file.error());
  auto content = linux::ReadUpTo(file->get(), kFileBytesMax, name);
  if (!content) return Unavailable(content.error());
  if (content->size() < kFileBytesMax) return content;
  return api::Error{api::Code::kUnavailable, "AccountFileBroken", "read " + name + ": it is too large"};
}

bool TryLock(const Fd& fd) {
  struct flock lock {};  // Of the open file, not of the process: two of us in one process exclude each other as well.
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0;
}

/// Waits until somebody closed the lock file or the time is over. fcntl has no lock with a deadline but by a signal
/// (lckpwdf uses alarm), which a process with threads cannot spare.
class LockWait {
 public:
  api::Expected<void> Open(const std::string& path, std::chrono::milliseconds patience) {
    inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_ || ::inotify_add_watch(inotify_.get(), path.c_str(), IN_CLOSE) < 0) {
      return SystemError("wait for " + path, errno);
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
    // The kernel tells of a killed holder's close a moment before it drops its lock, so look again now and then.
    constexpr int kLookAgainMs = 100;
    std::array<pollfd, 2> waits{{{inotify_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}}};
    ::poll(waits.data(), waits.size(), kLookAgainMs);
    std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    return waits[1].revents == 0;
  }

 private:
  Fd inotify_;
  Fd timer_;
};

}  // namespace

api::Expected<AccountStamps> StampAccounts(const std::string& etc) {
  const auto directory = OpenEtc(etc);
  if (!directory) return directory.error();
  return StampsIn(*directory);
}

api::Expected<LoadedAccounts> LoadAccounts(const std::string& etc) {
  for (int i = 0; i < kReadsMax; ++i) {
    const auto directory = OpenEtc(etc);
    if (!directory) return directory.error();
    const auto before = StampsIn(*directory);
    if (!before) return before.error();
    auto passwd = ReadIfThere(*directory, "passwd");
    if (!passwd) return passwd.error();
    auto group = ReadIfThere(*directory, "group");
    if (!group) return group.error();
    auto shadow = ReadIfThere(*directory, "shadow");
    if (!shadow) return shadow.error();
    const auto after = StampsIn(*directory);
    if (!after) return after.error();
    if (*before != *after) continue;  // Replaced between two reads: they do not belong together.
    auto tables = AccountTables::Parse({*std::move(passwd), *std::move(group), *std::move(shadow)});
    if (!tables) return tables.error();
    const auto is_there = [](const FileStamp& stamp) { return stamp.inode != 0; };
    return LoadedAccounts{.tables = *std::move(tables),
                          .stamps = *after,
                          .is_settled = std::all_of(after->begin(), after->end(), linux::IsSettled),
                          .is_complete = std::all_of(after->begin(), after->end(), is_there)};
  }
  return api::Error{api::Code::kUnavailable, "AccountsUnavailable", "read " + etc + ": its files change all the time"};
}

api::Expected<void> SaveAccounts(const std::string& etc, const AccountTables& tables, const AccountStamps& stamps) {
  const auto directory = OpenEtc(etc);
  if (!directory) return directory.error();
  struct Change {
    const char* name;
    const TextTable& table;
    mode_t mode;
  };
  const std::array<Change, 3> changes{
      {{"group", tables.Group(), kPublic}, {"shadow", tables.Shadow(), kSecret}, {"passwd", tables.Passwd(), kPublic}}};
  std::vector<linux::Replacement> replacements;
  for (const Change& change : changes) {
    if (!change.table.IsChanged()) continue;
    auto replacement = linux::Replacement::Begin(directory->get(), change.name, change.mode);
    if (!replacement) return Unavailable(replacement.error());
    if (auto written = replacement->Append(change.table.Text()); !written) return Unavailable(written.error());
    if (auto synced = replacement->Sync(); !synced) return Unavailable(synced.error());
    replacements.push_back(*std::move(replacement));
  }
  const auto now = StampsIn(*directory);
  if (!now) return now.error();
  if (*now != stamps) {
    return api::Error{api::Code::kConflict, "AccountsChanged",
                      "write " + etc + ": somebody changed its files meanwhile"};
  }
  for (linux::Replacement& replacement : replacements) {
    if (auto committed = replacement.Commit(); !committed) return Unavailable(committed.error());
  }
  return linux::SyncDirectory(directory->get(), etc);
}

api::Expected<AccountLock> AccountLock::Acquire(const std::string& etc, std::chrono::milliseconds patience) {
  const std::string path = etc + "/.pwd.lock";
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Unavailable(SystemError("open " + path, errno));
  if (TryLock(fd)) return AccountLock(std::move(fd));
  LockWait wait;
  if (auto opened = wait.Open(path, patience); !opened) return Unavailable(opened.error());
  do {
    if (TryLock(fd)) return AccountLock(std::move(fd));
  } while (wait.Wait());
  return api::Error{api::Code::kUnavailable, "AccountsLocked",
                    "lock " + path + ": another program held it for " + std::to_string(patience.count()) + " ms"};
}

}  // namespace host::sandbox
