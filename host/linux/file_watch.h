#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/meta/expected.h"
#include "host/file_watch.h"
#include "host/linux/files.h"

namespace host::linux {

/// inotify on directories: a watch on a file would die at its first atomic replacement. Links below a directory are not
/// followed. Nothing is held back: the first event of a file is delivered at once, and one file comes once per turn of
/// Run. When the kernel drops events every directory watched is hinted by its own path. A directory that is removed or
/// renamed is hinted so as well and is not watched any more; whoever wants it adds it again.
class InotifyWatch final : public FileWatch {
 public:
  /// Whether the path of a directory itself may lead through links. Not where somebody else made it.
  enum class Links { kFollow, kRefuse };

  /// Errors: kUnavailable (the user has no inotify instance left; names the sysctl).
  static api::Expected<std::unique_ptr<InotifyWatch>> Create(Links links = Links::kFollow);

  /// Errors also: kUnavailable when there are more than kDirectoriesMax below it.
  api::Expected<void> Add(const std::string& directory, bool recursive, Changed changed) override;
  void Remove(const std::string& directory) override;
  void Run(std::stop_token stop) override;

  // A whole checkout of a large project has a few thousand; each costs the kernel about 1 KB that cannot be swapped.
  static constexpr std::size_t kDirectoriesMax = 16384;

 private:
  /// What one Add asked for.
  struct Request {
    std::string directory{};
    bool recursive = false;
    Changed changed{};
  };
  using RequestRef = std::shared_ptr<const Request>;  // Shared with the delivery that is going on.
  struct Hint {
    RequestRef request{};
    std::string path{};

    auto operator<=>(const Hint&) const = default;
  };
  /// What one turn of Run has to say once mutex_ is free.
  struct Turn {
    std::set<Hint> hints{};
    std::vector<std::string> problems{};
  };

  InotifyWatch(Fd inotify, Links links) : inotify_(std::move(inotify)), links_(links) {}

  api::Expected<Fd> OpenTop(const std::string& directory) const;

  // These are called with mutex_ held.
  api::Expected<void> WatchTree(const Request& request, const std::string& path, std::vector<std::string>* found);
  api::Expected<void> WatchOne(const Fd& directory, const std::string& path);
  void Forget(const std::string& path);
  void ForgetTree(const std::string& directory, Turn& turn);
  void Drop(const std::string& directory);
  std::vector<RequestRef> AskersOf(const std::string& directory) const;
  std::vector<std::string> WatchedFrom(const std::string& directory) const;
  void Explore(const std::string& path, Turn& turn);
  void Collect(std::string_view events, Turn& turn);
  void CollectEvent(std::uint32_t mask, const std::string& directory, std::string_view name, Turn& turn);
  void CollectOverflow(Turn& turn);

  void Deliver(const Turn& turn);

  // Constant after construction.
  Fd inotify_;
  Links links_;

  std::mutex mutex_;
  std::condition_variable delivered_;
  // Guarded by mutex_.
  std::map<std::string, RequestRef> requests_;           // By directory.
  std::map<int, std::set<std::string>> paths_;           // By watch: one directory may be reached by several paths.
  std::map<std::string, int, std::less<>> descriptors_;  // By path.
  RequestRef delivering_;
  std::thread::id runner_;
};

}  // namespace host::linux
