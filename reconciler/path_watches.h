#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "host/file_watch.h"
#include "reconciler/request.h"
#include "reconciler/sources.h"

namespace reconciler {

/// Who looks at directories of the host, so that a change there wakes them. Many may look at one directory.
/// Thread-safe.
class PathWatches {
 public:
  /// No object: all objects of the waker's controller.
  struct Watcher {
    Waker* waker = nullptr;
    std::optional<Request> object{};

    auto operator<=>(const Watcher&) const = default;
  };

  /// The watch outlives this; null: nothing is watched, and rescans find what changed.
  explicit PathWatches(host::FileWatch* file_watch) : file_watch_(file_watch) {}
  ~PathWatches();

  /// From now on a change of an entry of `directory` wakes `watcher`; call it before the look at what is there. A
  /// directory that is absent is not watched: whoever comes to look at it again asks again. Cheap when it is watched
  /// already. True when the host's watch is a new one: what changed before it told nobody.
  bool Add(const Watcher& watcher, const HostDirectory& directory);

  /// Ends what `watcher` has asked for before and has not asked for again in `kept`.
  void Keep(const Watcher& watcher, const std::set<std::string>& kept);

 private:
  struct Wanted {
    std::set<std::string> entries{};  // That matter; empty: all.
    decltype(HostDirectory::whom) whom{};
  };
  struct Watched {
    bool is_recursive = false;
    std::int64_t times_gone = 0;
    bool is_watched = false;  // By the host: it can be asked again when it could not, or when the directory was gone.
    bool has_warned = false;  // Once, for it is asked for again and again.
    std::map<Watcher, Wanted> watchers{};
  };

  void Changed(const std::string& directory, std::string_view path);
  static void Wake(const Watcher& watcher, const decltype(HostDirectory::whom)& whom, const std::string& cause);
  bool WatchUnlessWatched(const std::string& directory);

  host::FileWatch* const file_watch_;  // Thread-safe.

  std::mutex host_mutex_;  // Held through calls of the host's watch, never by its callbacks; before mutex_.
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Watched> directories_;
  std::map<Watcher, std::set<std::string>> asked_;  // Directories.
};

}  // namespace reconciler
