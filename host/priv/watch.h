#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "host/file_watch.h"
#include "host/linux/files.h"
#include "host/priv/client.h"

namespace host::priv {

/// The watches of a real box: those in homes are kept by herod-priv, all others by `local`. When herod-priv goes away
/// each directory in a home is hinted as gone, so whoever wants it asks again.
class PrivWatch final : public FileWatch {
 public:
  /// Both outlive us. Errors: kUnavailable.
  static api::Expected<std::unique_ptr<PrivWatch>> Create(FileWatch& local, Client& client);

  /// Errors also: kInvalid in a home for what herod-priv does not watch (kWatchedPlaces), or whole trees.
  api::Expected<void> Add(const std::string& directory, bool recursive, Changed changed) override;
  void Remove(const std::string& directory) override;
  void Run(std::stop_token stop) override;

 private:
  /// Which directory of whom.
  using Place = std::pair<std::string, std::int64_t>;
  struct Watched {
    std::string directory{};
    Changed changed{};
  };
  using WatchedRef = std::shared_ptr<const Watched>;  // Shared with the delivery that is going on.

  PrivWatch(FileWatch& local, Client& client, linux::Fd bell)
      : local_(local), client_(client), bell_(std::move(bell)) {}

  api::Expected<std::int64_t> Subscription();
  void ReadHint(const linux::Fd& line);
  void Lose();
  void Deliver(const WatchedRef& watched, const std::string& path);

  // Constant after construction.
  FileWatch& local_;
  Client& client_;
  linux::Fd bell_;  // Rung when there is a line to read, and by stop.

  std::mutex subscribing_;  // Taken before mutex_.
  std::mutex mutex_;
  std::condition_variable delivered_;
  // Guarded by mutex_.
  std::shared_ptr<const linux::Fd> line_;  // What hints come on; shared with the read that is going on.
  std::int64_t subscription_ = 0;
  std::map<Place, WatchedRef> watched_;
  WatchedRef delivering_;
  std::thread::id runner_;
};

}  // namespace host::priv
