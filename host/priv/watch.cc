#include "host/priv/watch.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <vector>

#include "api/meta/names.h"
#include "host/priv/socket.h"

namespace host::priv {

namespace {

using linux::Fd;

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(10);
constexpr std::string_view kHomes = "/home/";

bool IsInHome(std::string_view directory) { return directory.starts_with(kHomes); }

/// Errors: kInvalid for a directory that herod-priv does not watch.
api::Expected<std::pair<std::string, std::int64_t>> PlaceOf(std::string_view directory) {
  const std::string_view inside = directory.substr(kHomes.size());
  const std::string_view name = inside.substr(0, inside.find('/'));
  for (std::size_t i = 0; i < kWatchedPlaces.size() && api::IsUserName(name); ++i) {
    if (inside.size() > name.size() && inside.substr(name.size() + 1) == kWatchedPlaces.at(i))
      return std::pair(std::string(name), static_cast<std::int64_t>(i));
  }
  return api::Error{api::Code::kInvalid, "NotWatchable",
                    "watch " + std::string(directory) + ": not a directory that herod-priv watches in homes"};
}

}  // namespace

api::Expected<std::unique_ptr<PrivWatch>> PrivWatch::Create(FileWatch& local, Client& client) {
  Fd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return linux::SystemError("make an eventfd", errno);
  return std::unique_ptr<PrivWatch>(new PrivWatch(local, client, std::move(bell)));
}

/// The running subscription, begun when there is none.
api::Expected<std::int64_t> PrivWatch::Subscription() {
  const std::lock_guard alone(subscribing_);  // A second one would end the first.
  {
    const std::lock_guard lock(mutex_);
    if (line_) return subscription_;
  }
  auto line = Connect(client_.socket_path());
  if (!line) return line.error();
  const auto packet = EncodeRequest(Subscribe{});
  if (!packet) return packet.error();
  if (auto sent = Send(line->get(), *packet); !sent) return sent.error();
  auto answer = ReceiveWithin(line->get(), kPatience, {});
  if (!answer) return answer.error();
  if (!*answer) return api::Error{api::Code::kUnavailable, "PrivGone", "ask herod-priv for hints: it went away"};
  auto number = DecodeAnswer<std::int64_t>((*answer)->bytes);
  if (!number) return number;
  const std::lock_guard lock(mutex_);
  line_ = std::make_shared<const Fd>(*std::move(line));
  subscription_ = *number;
  ::eventfd_write(bell_.get(), 1);
  return number;
}

api::Expected<void> PrivWatch::Add(const std::string& directory, bool recursive, Changed changed) {
  if (!IsInHome(directory)) return local_.Add(directory, recursive, std::move(changed));
  const auto place = PlaceOf(directory);
  if (!place) return place.error();
  if (recursive)
    return api::Error{api::Code::kInvalid, "NotWatchable", "watch " + directory + ": whole trees are not watched"};
  Remove(directory);
  const auto subscription = Subscription();
  if (!subscription) return subscription.error();
  const auto watched = std::make_shared<const Watched>(Watched{directory, std::move(changed)});
  {
    const std::lock_guard lock(mutex_);
    watched_[*place] = watched;  // Before: a hint may come at once.
  }
  auto added = client_.Call(Watch{*subscription, place->first, place->second}, kPatience);
  if (added) return added;
  const std::lock_guard lock(mutex_);
  if (const auto entry = watched_.find(*place); entry != watched_.end() && entry->second == watched)
    watched_.erase(entry);
  return added;
}

void PrivWatch::Remove(const std::string& directory) {
  if (!IsInHome(directory)) return local_.Remove(directory);
  const auto place = PlaceOf(directory);
  if (!place) return;
  std::int64_t subscription = 0;
  {
    std::unique_lock lock(mutex_);
    const auto entry = watched_.find(*place);
    if (entry == watched_.end()) return;
    const WatchedRef watched = entry->second;
    watched_.erase(entry);
    subscription = subscription_;
    // From a `changed`: waiting for ourselves would never end.
    if (std::this_thread::get_id() != runner_) delivered_.wait(lock, [&] { return delivering_ != watched; });
  }
  Unwatch request;
  static_cast<Watch&>(request) = {subscription, place->first, place->second};
  static_cast<void>(client_.Call(request, kPatience));  // A failure leaves hints that nobody is told of.
}

/// `delivering_` is `watched` already.
void PrivWatch::Deliver(const WatchedRef& watched, const std::string& path) {
  watched->changed(path);
  const std::lock_guard lock(mutex_);
  delivering_.reset();
  delivered_.notify_all();
}

void PrivWatch::ReadHint(const Fd& line) {
  auto packet = Receive(line.get());
  if (!packet || !*packet) return Lose();
  PacketReader reader((*packet)->bytes);
  const bool is_ours = reader.Byte() == kVersion;
  Hint hint;
  FieldReader field(reader);
  field(hint);
  if (!is_ours || !reader.IsWhole()) return Lose();
  WatchedRef watched;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = watched_.find({hint.name, hint.place});
    if (entry == watched_.end()) return;
    watched = entry->second;
    delivering_ = watched;
  }
  Deliver(watched, hint.entry.empty() ? watched->directory : watched->directory + "/" + hint.entry);
}

/// herod-priv went away, or cut us off. Nothing in homes is watched any more.
void PrivWatch::Lose() {
  std::map<Place, WatchedRef> lost;
  {
    const std::lock_guard lock(mutex_);
    line_.reset();
    lost = watched_;
  }
  for (const auto& [place, watched] : lost) {
    {
      const std::lock_guard lock(mutex_);
      const auto entry = watched_.find(place);
      if (entry == watched_.end() || entry->second != watched) continue;  // Removed, or asked for anew.
      watched_.erase(entry);
      delivering_ = watched;
    }
    Deliver(watched, watched->directory);
  }
}

void PrivWatch::Run(std::stop_token stop) {
  std::jthread others([this, &stop] { local_.Run(stop); });
  const std::stop_callback ring(stop, [this] { ::eventfd_write(bell_.get(), 1); });
  while (!stop.stop_requested()) {
    std::shared_ptr<const Fd> line;
    {
      const std::lock_guard lock(mutex_);
      runner_ = std::this_thread::get_id();
      line = line_;
    }
    std::array<pollfd, 2> waits{{{bell_.get(), POLLIN, 0}, {line ? line->get() : -1, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0) {
      eventfd_t rung = 0;
      ::eventfd_read(bell_.get(), &rung);
    }
    if (line && waits[1].revents != 0) ReadHint(*line);
  }
}

}  // namespace host::priv
