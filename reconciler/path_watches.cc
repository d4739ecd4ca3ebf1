#include "reconciler/path_watches.h"

#include <algorithm>
#include <vector>

#include "host/log.h"

namespace reconciler {

PathWatches::~PathWatches() {
  for (const auto& [directory, watched] : directories_) file_watch_->Remove(directory);
}

bool PathWatches::Add(const Watcher& watcher, const HostDirectory& directory) {
  if (!file_watch_) return false;
  {
    std::lock_guard lock(mutex_);
    Watched& watched = directories_[directory.path];
    watched.watchers[watcher] = {{directory.entries.begin(), directory.entries.end()}, directory.whom};
    asked_[watcher].insert(directory.path);
    // Once for the whole tree is enough for those who want the top alone.
    if (directory.is_recursive && !watched.is_recursive) watched.is_watched = false;
    watched.is_recursive = watched.is_recursive || directory.is_recursive;
    if (watched.is_watched) return false;
  }
  return WatchUnlessWatched(directory.path);
}

/// One at a time: asking the host again replaces its watch, and what happens in between would be lost to those who have
/// looked already.
bool PathWatches::WatchUnlessWatched(const std::string& directory) {
  const std::lock_guard alone(host_mutex_);
  bool is_recursive = false;
  std::int64_t times_gone = 0;
  {
    std::lock_guard lock(mutex_);
    const auto found = directories_.find(directory);
    if (found == directories_.end() || found->second.is_watched) return false;
    is_recursive = found->second.is_recursive;
    times_gone = found->second.times_gone;
  }
  const auto added =
      file_watch_->Add(directory, is_recursive, [this, directory](std::string_view path) { Changed(directory, path); });
  bool has_warned = false;
  {
    std::lock_guard lock(mutex_);
    // Not when a hint that it is gone has come in between: then the next look asks again.
    if (const auto found = directories_.find(directory); found != directories_.end()) {
      found->second.is_watched = added && found->second.times_gone == times_gone;
      has_warned = std::exchange(found->second.has_warned, !added);
    }
  }
  if (added) return true;
  if (!has_warned && added.error().code != api::Code::kNotFound)
    host::log::Warning("not watched, only rescanned", {{"directory", directory}, {"error", added.error().message}});
  return false;
}

void PathWatches::Keep(const Watcher& watcher, const std::set<std::string>& kept) {
  std::vector<std::string> unwanted;
  {
    std::lock_guard lock(mutex_);
    const auto asked = asked_.find(watcher);
    if (asked == asked_.end()) return;
    std::set_difference(asked->second.begin(), asked->second.end(), kept.begin(), kept.end(),
                        std::back_inserter(unwanted));
    for (const std::string& directory : unwanted) {
      asked->second.erase(directory);
      directories_[directory].watchers.erase(watcher);
    }
    if (asked->second.empty()) asked_.erase(asked);
  }
  for (const std::string& directory : unwanted) {
    const std::lock_guard alone(host_mutex_);
    {
      std::lock_guard lock(mutex_);
      const auto found = directories_.find(directory);
      if (found == directories_.end() || !found->second.watchers.empty()) continue;
      directories_.erase(found);
    }
    file_watch_->Remove(directory);
  }
}

void PathWatches::Changed(const std::string& directory, std::string_view path) {
  const bool is_whole = path == directory;
  const std::string entry(path.substr(std::min(path.size(), directory.size() + 1)));
  std::vector<std::pair<Watcher, decltype(HostDirectory::whom)>> woken;
  {
    std::lock_guard lock(mutex_);
    const auto found = directories_.find(directory);
    if (found == directories_.end()) return;
    if (is_whole) {
      found->second.is_watched = false;
      ++found->second.times_gone;
    }
    for (const auto& [watcher, wanted] : found->second.watchers)
      if (is_whole || wanted.entries.empty() || wanted.entries.contains(entry))
        woken.emplace_back(watcher, is_whole ? nullptr : wanted.whom);
  }
  const std::string cause = std::string(path) + " changed";
  for (const auto& [watcher, whom] : woken) Wake(watcher, whom, cause);
}

void PathWatches::Wake(const Watcher& watcher, const decltype(HostDirectory::whom)& whom, const std::string& cause) {
  if (watcher.object) return watcher.waker->Wake(*watcher.object, cause);
  const auto requests = whom ? whom() : std::nullopt;
  if (!requests) return watcher.waker->WakeAll(cause);
  for (const Request& request : *requests) watcher.waker->Wake(request, cause);
}

}  // namespace reconciler
