#include "host/priv/hints.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/meta/names.h"
#include "host/log.h"

namespace host::priv {

namespace {

using api::Code;
using linux::Fd;

template <class Request>
std::optional<Request> Decode(PacketReader packet) {
  Request request;
  FieldReader field(packet);
  field(request);
  return packet.IsWhole() ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace

Hints::~Hints() { RemoveAll(watched_); }

std::optional<std::string> Hints::Answer(const Packet& packet, const Fd& connection) {
  if (packet.is_cut || !packet.descriptors.empty()) return std::nullopt;
  PacketReader reader(packet.bytes);
  if (reader.Byte() != kVersion) return std::nullopt;
  switch (static_cast<Verb>(reader.Byte())) {
    case Verb::kSubscribe:
      if (!Decode<Subscribe>(reader)) return std::nullopt;
      return EncodeAnswer(Begin(connection));
    case Verb::kWatch: {
      const auto request = Decode<Watch>(reader);
      if (!request) return std::nullopt;
      return EncodeAnswer(Add(*request));
    }
    case Verb::kUnwatch: {
      const auto request = Decode<Unwatch>(reader);
      if (!request) return std::nullopt;
      return EncodeAnswer(Remove(*request));
    }
    default:
      return std::nullopt;
  }
}

api::Expected<std::int64_t> Hints::Begin(const Fd& connection) {
  Fd line(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  if (!line) return linux::SystemError("keep a connection for hints", errno);
  std::map<std::string, Place> unwanted;
  std::int64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (subscriber_) ::shutdown(subscriber_->line.get(), SHUT_RDWR);
    number = ++last_number_;
    owed_.clear();
    subscriber_ = std::make_shared<const Subscriber>(Subscriber{number, connection.get(), std::move(line)});
    unwanted.swap(watched_);
  }
  RemoveAll(unwanted);
  return number;
}

void Hints::Leave(const Fd& connection) {
  std::map<std::string, Place> unwanted;
  {
    const std::lock_guard lock(mutex_);
    if (!subscriber_ || subscriber_->connection != connection.get()) return;
    subscriber_.reset();
    owed_.clear();
    unwanted.swap(watched_);
  }
  RemoveAll(unwanted);
}

void Hints::RemoveAll(const std::map<std::string, Place>& watched) {
  for (const auto& [directory, place] : watched) watch_.Remove(directory);
}

bool Hints::IsCurrent(std::int64_t subscription) const {
  const std::lock_guard lock(mutex_);
  return subscriber_ && subscriber_->number == subscription;
}

/// Errors: kInvalid for what is no member or no directory that may be watched.
api::Expected<std::string> Hints::PathOf(const Watch& request) const {
  const bool is_place = request.place >= 0 && static_cast<std::size_t>(request.place) < kWatchedPlaces.size();
  if (api::IsUserName(request.name) && is_place) {
    return root_ + "/home/" + request.name + "/" +
           std::string(kWatchedPlaces.at(static_cast<std::size_t>(request.place)));
  }
  return api::Error{Code::kInvalid, "NotWatchable", "watch in a home: no member or no directory that may be watched"};
}

api::Expected<void> Hints::Add(const Watch& request) {
  const auto directory = PathOf(request);
  if (!directory) return directory.error();
  if (auto member = members_.Find(request.name); !member) return member.error();
  const Place place{request.name, request.place};
  const api::Error over{Code::kConflict, "NotSubscribed", "watch in a home: that subscription is over"};
  if (!IsCurrent(request.subscription)) return over;
  auto added = watch_.Add(*directory, false, [this, place, directory = *directory](std::string_view path) {
    Tell(place, directory, path);
  });
  if (!added) return added;
  {
    const std::lock_guard lock(mutex_);
    if (subscriber_ && subscriber_->number == request.subscription) {
      watched_[*directory] = place;
      return {};
    }
  }
  watch_.Remove(*directory);  // It ended meanwhile.
  return over;
}

api::Expected<void> Hints::Remove(const Watch& request) {
  const auto directory = PathOf(request);
  if (!directory) return directory.error();
  {
    const std::lock_guard lock(mutex_);
    if (!subscriber_ || subscriber_->number != request.subscription || watched_.erase(*directory) == 0) return {};
  }
  watch_.Remove(*directory);
  return {};
}

void Hints::Tell(const Place& place, const std::string& directory, std::string_view path) {
  std::shared_ptr<const Subscriber> subscriber;
  {
    const std::lock_guard lock(mutex_);
    if (!subscriber_ || owed_.contains(place)) return;
    subscriber = subscriber_;
  }
  const std::string_view entry = path.substr(std::min(path.size(), directory.size() + 1));
  const Hint hint{place.first, place.second, std::string(entry.substr(0, kEntryBytesMax))};
  if (TrySend(subscriber->line.get(), EncodeAnswer(hint))) return;
  const std::lock_guard lock(mutex_);
  if (subscriber_ != subscriber) return;
  owed_.insert(place);
  owes_.notify_all();
}

/// Sends one hint that is owed, or ends the line that has no room for it.
void Hints::Settle(const std::shared_ptr<const Subscriber>& subscriber, bool has_room) {
  const std::lock_guard lock(mutex_);
  if (subscriber_ != subscriber || owed_.empty()) return;
  if (has_room) {
    const Place& place = *owed_.begin();
    if (TrySend(subscriber->line.get(), EncodeAnswer(Hint{place.first, place.second, ""}))) owed_.erase(owed_.begin());
    return;
  }
  owed_.clear();
  ::shutdown(subscriber->line.get(), SHUT_RDWR);
}

void Hints::Run(const std::stop_token& stop, std::chrono::milliseconds patience) {
  const Fd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback ring(stop, [&bell] { ::eventfd_write(bell.get(), 1); });
  while (!stop.stop_requested()) {
    std::shared_ptr<const Subscriber> subscriber;
    {
      std::unique_lock lock(mutex_);
      if (!owes_.wait(lock, stop, [this] { return subscriber_ && !owed_.empty(); })) return;
      subscriber = subscriber_;
    }
    std::array<pollfd, 2> waits{{{bell.get(), POLLIN, 0}, {subscriber->line.get(), POLLOUT, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(patience.count()));
    if (ready < 0 || waits[0].revents != 0) continue;
    if (ready == 0) log::Warning("hints are not read, ending their connection");
    Settle(subscriber, ready > 0 && (waits[1].revents & (POLLERR | POLLHUP)) == 0);
  }
}

}  // namespace host::priv
