#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "host/file_watch.h"
#include "host/linux/files.h"
#include "host/priv/members.h"
#include "host/priv/messages.h"
#include "host/priv/socket.h"

namespace host::priv {

/// herod-priv's side of the watches in homes: one caller subscribes, names directories, and is sent hints. There is one
/// subscription at a time, because there is one herod. While the line is full, hints are owed: of a directory in which
/// much changes meanwhile one is sent later, so a member who makes many costs nobody else a hint. Who does not read at
/// all is cut off and, back again, looks at everything. Thread-safe.
class Hints {
 public:
  /// `root` is empty for the machine's own homes. `watch` follows no link; whoever made it runs it. `members` says in
  /// whose homes is watched. Both are thread-safe and outlive us.
  Hints(std::string root, const Members& members, FileWatch& watch)
      : root_(std::move(root)), members_(members), watch_(watch) {}
  ~Hints();

  /// The answer to a request about hints that came on `connection`. None for a packet that is no such request.
  std::optional<std::string> Answer(const Packet& packet, const linux::Fd& connection);

  /// Sends what is owed, until stop; cuts off who makes no room for it within `patience`.
  void Run(const std::stop_token& stop, std::chrono::milliseconds patience = std::chrono::seconds(5));

  /// That connection is over; what was watched for it is not any more.
  void Leave(const linux::Fd& connection);

 private:
  /// Which directory of whom.
  using Place = std::pair<std::string, std::int64_t>;
  struct Subscriber {
    std::int64_t number = 0;
    int connection = -1;  // Its number while it is open.
    linux::Fd line;       // The same socket, of our own.
  };

  api::Expected<std::int64_t> Begin(const linux::Fd& connection);
  api::Expected<void> Add(const Watch& request);
  api::Expected<void> Remove(const Watch& request);
  api::Expected<std::string> PathOf(const Watch& request) const;
  bool IsCurrent(std::int64_t subscription) const;
  void Tell(const Place& place, const std::string& directory, std::string_view path);
  void Settle(const std::shared_ptr<const Subscriber>& subscriber, bool has_room);
  void RemoveAll(const std::map<std::string, Place>& watched);

  // Constant after construction.
  std::string root_;
  const Members& members_;
  FileWatch& watch_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const Subscriber> subscriber_;  // Shared with the delivery that is going on.
  std::map<std::string, Place> watched_;          // By directory.
  std::set<Place> owed_;                          // A hint each, of the whole directory, to the subscriber.
  std::int64_t last_number_ = 0;

  std::condition_variable_any owes_;
};

}  // namespace host::priv
