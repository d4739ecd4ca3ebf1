#include "host/linux/file_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

#include "host/log.h"

namespace host::linux {

namespace {

constexpr std::uint32_t kSelf = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                kSelf | IN_ONLYDIR | IN_EXCL_UNLINK;

std::string Join(const std::string& directory, std::string_view name) {
  std::string path = directory;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

bool IsBelow(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

std::string WithoutFinalSlash(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  return directory;
}

api::Error LimitReached(std::string_view what, std::string_view sysctl) {
  return {.code = api::Code::kUnavailable,
          .reason = "WatchLimitReached",
          .message = std::string(what) + ": the limit of " + std::string(sysctl) + " is reached; raise it"};
}

}  // namespace

api::Expected<std::unique_ptr<InotifyWatch>> InotifyWatch::Create(Links links) {
  Fd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify && errno == EMFILE) return LimitReached("make an inotify instance", "fs.inotify.max_user_instances");
  if (!inotify) return SystemError("make an inotify instance", errno);
  return std::unique_ptr<InotifyWatch>(new InotifyWatch(std::move(inotify), links));
}

api::Expected<Fd> InotifyWatch::OpenTop(const std::string& directory) const {
  if (links_ == Links::kFollow || directory == "/") return Open(directory, O_RDONLY | O_DIRECTORY);
  const auto root = Open("/", O_PATH | O_DIRECTORY);
  if (!root) return root.error();
  return OpenBeneath(root->get(), directory.substr(1), O_RDONLY | O_DIRECTORY, directory);
}

api::Expected<void> InotifyWatch::Add(const std::string& directory, bool recursive, Changed changed) {
  Remove(directory);
  const std::lock_guard lock(mutex_);
  const auto request = std::make_shared<Request>(Request{WithoutFinalSlash(directory), recursive, std::move(changed)});
  requests_[request->directory] = request;
  auto watched = WatchTree(*request, request->directory, nullptr);
  if (!watched) Drop(request->directory);
  return watched;
}

void InotifyWatch::Remove(const std::string& directory) {
  std::unique_lock lock(mutex_);
  const auto entry = requests_.find(WithoutFinalSlash(directory));
  if (entry == requests_.end()) return;
  const RequestRef request = entry->second;
  Drop(request->directory);
  if (std::this_thread::get_id() == runner_) return;  // From a `changed`: waiting for ourselves would never end.
  delivered_.wait(lock, [&] { return delivering_ != request; });
}

/// Watches the directory at `path` and, for a recursive request, all below it. Adds what is found below to `found` (may
/// be null): entries made before the watch existed gave no event.
api::Expected<void> InotifyWatch::WatchTree(const Request& request, const std::string& path,
                                            std::vector<std::string>* found) {
  const auto top = OpenTop(request.directory);
  if (!top) return top.error();
  std::vector<std::string> open_ends{path};
  while (!open_ends.empty()) {
    const std::string at = std::move(open_ends.back());
    open_ends.pop_back();
    // Below the top no link is followed: it may be a member's home, and a link could lead anywhere.
    const std::string relative = at == request.directory ? "." : at.substr(Join(request.directory, "").size());
    const auto directory = OpenBeneath(top->get(), relative, O_RDONLY | O_DIRECTORY, at);
    if (!directory) continue;  // Gone again, no directory any more, or not ours to read.
    if (auto watched = WatchOne(*directory, at); !watched) return watched;
    if (!request.recursive) continue;
    const auto names = ListNames(directory->get(), at);
    if (!names) continue;
    for (const std::string& name : *names) {
      const auto status = StatEntry(directory->get(), name, name);
      if (status && S_ISDIR(status->st_mode)) open_ends.push_back(Join(at, name));
      if (found != nullptr) found->push_back(Join(at, name));
    }
  }
  return {};
}

api::Expected<void> InotifyWatch::WatchOne(const Fd& directory, const std::string& path) {
  if (descriptors_.size() >= kDirectoriesMax) {
    return api::Error{
        .code = api::Code::kUnavailable,
        .reason = "WatchLimitReached",
        .message = "watch " + path + ": " + std::to_string(kDirectoriesMax) + " directories are watched already"};
  }
  // By descriptor, so that the watch is on what was opened and not on what has the name now.
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(directory.get());
  const int watch = ::inotify_add_watch(inotify_.get(), by_descriptor.c_str(), kMask);
  if (watch < 0 && errno == ENOSPC) return LimitReached("watch " + path, "fs.inotify.max_user_watches");
  if (watch < 0) return SystemError("watch " + path, errno);
  if (const auto old = descriptors_.find(path); old != descriptors_.end() && old->second != watch) Forget(path);
  descriptors_[path] = watch;
  paths_[watch].insert(path);
  return {};
}

/// Ends the watch by that path.
void InotifyWatch::Forget(const std::string& path) {
  const auto entry = descriptors_.find(path);
  if (entry == descriptors_.end()) return;
  const int watch = entry->second;
  descriptors_.erase(entry);
  auto& paths = paths_[watch];
  paths.erase(path);
  if (!paths.empty()) return;
  paths_.erase(watch);
  ::inotify_rm_watch(inotify_.get(), watch);  // Fails when the directory is gone, and its watch with it.
}

/// The watched paths that are `directory` or below it.
std::vector<std::string> InotifyWatch::WatchedFrom(const std::string& directory) const {
  std::vector<std::string> paths;
  for (auto entry = descriptors_.lower_bound(directory); entry != descriptors_.end(); ++entry) {
    if (!entry->first.starts_with(directory)) break;
    if (entry->first == directory || IsBelow(entry->first, directory)) paths.push_back(entry->first);
  }
  return paths;
}

/// Who asked for what happens in `directory`.
std::vector<InotifyWatch::RequestRef> InotifyWatch::AskersOf(const std::string& directory) const {
  std::vector<RequestRef> askers;
  for (std::string at = directory;;) {
    const auto entry = requests_.find(at);
    if (entry != requests_.end() && (at == directory || entry->second->recursive)) askers.push_back(entry->second);
    const std::size_t slash = at.rfind('/');
    if (at == "/" || slash == std::string::npos) return askers;
    at.resize(slash == 0 ? 1 : slash);
  }
}

void InotifyWatch::Drop(const std::string& directory) {
  requests_.erase(directory);
  for (const std::string& path : WatchedFrom(directory)) {
    if (AskersOf(path).empty()) Forget(path);
  }
}

/// A directory is no longer at that path, so no path below it is right any more.
void InotifyWatch::ForgetTree(const std::string& directory, Turn& turn) {
  for (const std::string& path : WatchedFrom(directory)) {
    const auto request = requests_.find(path);
    if (request != requests_.end()) turn.hints.insert({request->second, path});
    Forget(path);
  }
}

/// A directory appeared at `path`: watches it for those who asked for all below, and hints what is in it already.
void InotifyWatch::Explore(const std::string& path, Turn& turn) {
  for (const RequestRef& request : AskersOf(path)) {
    if (!request->recursive) continue;
    std::vector<std::string> found;
    const auto watched = WatchTree(*request, path, &found);
    for (std::string& entry : found) turn.hints.insert({request, std::move(entry)});
    if (!watched) turn.problems.push_back(watched.error().message);
  }
}

void InotifyWatch::Collect(std::string_view events, Turn& turn) {
  while (!events.empty()) {
    inotify_event event{};
    std::memcpy(&event, events.data(), sizeof event);
    const std::string_view name(events.data() + sizeof event, ::strnlen(events.data() + sizeof event, event.len));
    events.remove_prefix(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) CollectOverflow(turn);
    const auto entry = paths_.find(event.wd);
    if (entry == paths_.end()) continue;                      // Of a watch that was ended meanwhile.
    const std::set<std::string> directories = entry->second;  // A copy: what follows may change it.
    for (const std::string& directory : directories) CollectEvent(event.mask, directory, name, turn);
  }
}

void InotifyWatch::CollectEvent(std::uint32_t mask, const std::string& directory, std::string_view name, Turn& turn) {
  if ((mask & (kSelf | IN_IGNORED)) != 0) return ForgetTree(directory, turn);
  const std::string path = name.empty() ? directory : Join(directory, name);  // Empty: its own mode or owner.
  for (const RequestRef& request : AskersOf(directory)) turn.hints.insert({request, path});
  if ((mask & IN_ISDIR) == 0) return;
  if ((mask & IN_MOVED_FROM) != 0) ForgetTree(path, turn);
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) Explore(path, turn);
}

/// The kernel dropped events, so anything may have happened: everybody looks, and the trees are walked anew.
void InotifyWatch::CollectOverflow(Turn& turn) {
  turn.problems.push_back("the kernel dropped events: everything is looked at again");
  while (!descriptors_.empty()) Forget(std::string(descriptors_.begin()->first));
  for (const auto& [directory, request] : requests_) {
    turn.hints.insert({request, directory});
    const auto watched = WatchTree(*request, directory, nullptr);
    if (!watched) turn.problems.push_back(watched.error().message);
  }
}

void InotifyWatch::Deliver(const Turn& turn) {
  for (const std::string& problem : turn.problems) log::Warning("watching files is incomplete", {{"problem", problem}});
  for (const Hint& hint : turn.hints) {
    {
      const std::lock_guard lock(mutex_);
      const auto entry = requests_.find(hint.request->directory);
      if (entry == requests_.end() || entry->second != hint.request) continue;  // Removed or replaced meanwhile.
      delivering_ = hint.request;
    }
    hint.request->changed(hint.path);
    {
      const std::lock_guard lock(mutex_);
      delivering_ = nullptr;
    }
    delivered_.notify_all();
  }
}

void InotifyWatch::Run(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    runner_ = std::this_thread::get_id();
  }
  const Fd bell(::eventfd(0, EFD_CLOEXEC));
  const std::stop_callback ring(stop, [&bell] { ::eventfd_write(bell.get(), 1); });
  alignas(inotify_event) std::array<char, 64u << 10> buffer{};
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> waits{{{inotify_.get(), POLLIN, 0}, {bell.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;  // EINTR.
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got <= 0) continue;
    Turn turn;
    {
      const std::lock_guard lock(mutex_);
      Collect({buffer.data(), static_cast<std::size_t>(got)}, turn);
    }
    Deliver(turn);
  }
  const std::lock_guard lock(mutex_);
  runner_ = {};
}

}  // namespace host::linux
