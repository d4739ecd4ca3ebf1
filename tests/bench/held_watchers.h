#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <vector>

#include "tests/bench/bench.h"
#include "tests/bench/wire_connection.h"

namespace bench {

/// Many watches of one server, read by one thread. An event is a chunk of one line.
class HeldWatchers {
 public:
  /// Opens them one after the other, each until its head has come.
  HeldWatchers(const std::string& socket_path, const std::string& request, std::size_t count)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(64u << 10) {
    watchers_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      watchers_.push_back({ConnectTo(socket_path)});
      const int socket = watchers_.back().socket.get();
      if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        throw std::runtime_error("cannot ask for a watch");
      epoll_event wanted{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &wanted);
    }
    AwaitAll("\r\n\r\n", [](std::size_t) {});
  }

  /// Until each has one more event, whole; `done` is called with each one's number at its last byte.
  template <class Done>
  void AwaitEvent(Done done) {
    AwaitAll("}\n\r\n", done);
  }

  /// What the first of them read of the last event, with its chunk's head and end.
  const std::string& seen() const { return seen_; }

 private:
  struct Watcher {
    host::linux::Fd socket;
    std::string tail{};  // Of what it read, as much as shows an end.
    bool is_done = false;
  };

  template <class Done>
  void AwaitAll(std::string_view end, Done done) {
    for (Watcher& watcher : watchers_) watcher.is_done = false;
    seen_.clear();
    std::array<epoll_event, 256> ready{};
    for (std::size_t left = watchers_.size(); left > 0;) {
      const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 60'000);
      if (count <= 0) throw std::runtime_error(std::to_string(left) + " watchers were told nothing for a minute");
      for (int i = 0; i < count; ++i) left -= Read(ready[static_cast<std::size_t>(i)].data.u64, end, done) ? 1 : 0;
    }
  }

  /// Whether it has all now.
  template <class Done>
  bool Read(std::size_t number, std::string_view end, Done done) {
    Watcher& watcher = watchers_[number];
    const ssize_t size = ::recv(watcher.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size <= 0) throw std::runtime_error("a watch ended");
    const std::string_view part(buffer_.data(), static_cast<std::size_t>(size));
    if (number == 0) seen_.append(part);
    watcher.tail.append(part.substr(part.size() - std::min(part.size(), end.size())));
    if (!watcher.tail.ends_with(end)) return false;
    watcher.tail.clear();
    if (watcher.is_done) throw std::runtime_error("a watcher was told twice");
    watcher.is_done = true;
    done(number);
    return true;
  }

  host::linux::Fd epoll_;
  std::vector<char> buffer_;
  std::vector<Watcher> watchers_;
  std::string seen_;
};

}  // namespace bench
