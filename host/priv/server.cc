#include "host/priv/server.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "host/log.h"

namespace host::priv {

namespace {

using linux::Fd;
using linux::SystemError;

// Who does not take an answer of 128 KiB within this is not reading.
constexpr timeval kSendPatience{.tv_sec = 10, .tv_usec = 0};

}  // namespace

struct Server::Connection {
  explicit Connection(Fd opened) : fd(std::move(opened)) {}

  const Fd fd;
  std::stop_source stop;  // Its caller left, or we stop.
  std::atomic<bool> is_over = false;
  std::jthread thread;  // Last: it uses the rest.
};

Server::Server(Verbs& verbs, Hints& hints, ServerOptions options) : verbs_(verbs), hints_(hints), options_(options) {}
Server::~Server() = default;

api::Expected<void> Server::Run(const Fd& listener, const std::stop_token& stop) {
  bell_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event on_bell{.events = EPOLLIN, .data = {.fd = bell_.get()}};
  epoll_event on_listener{.events = EPOLLIN, .data = {.fd = listener.get()}};
  if (!bell_ || !epoll_ || ::fcntl(listener.get(), F_SETFL, O_NONBLOCK) != 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &on_bell) != 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener.get(), &on_listener) != 0) {
    return SystemError("serve herod", errno);
  }
  const std::stop_callback ring(stop, [this] { ::eventfd_write(bell_.get(), 1); });
  bool is_accepting = true;
  while (!stop.stop_requested()) {
    // Those that are too many wait in the backlog until another one ends.
    const bool has_room = connections_.size() < options_.connections_max;
    if (has_room != std::exchange(is_accepting, has_room)) {
      on_listener.events = has_room ? static_cast<std::uint32_t>(EPOLLIN) : 0U;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.get(), &on_listener);
    }
    std::array<epoll_event, 16> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (fd == listener.get()) {
        Accept(listener);
      } else if (fd == bell_.get()) {
        eventfd_t rung = 0;
        ::eventfd_read(bell_.get(), &rung);
      } else {  // Its caller is gone. Said once; what was asked for ends.
        for (const auto& connection : connections_)
          if (connection->fd.get() == fd) connection->stop.request_stop();
      }
    }
    Reap(false);
  }
  Reap(true);
  return {};
}

void Server::Accept(const Fd& listener) {
  Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return;
  const auto peer = PeerUid(fd.get());
  if (!peer || *peer != options_.caller) {
    log::Warning("refused a connection", {{"uid", peer ? std::to_string(*peer) : "unknown"}});
    return;
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendPatience, sizeof kSendPatience);
  epoll_event on_end{.events = EPOLLRDHUP | EPOLLONESHOT, .data = {.fd = fd.get()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &on_end) != 0) return;
  Connection& connection = *connections_.emplace_back(std::make_unique<Connection>(std::move(fd)));
  connection.thread = std::jthread([this, &connection] {
    Serve(connection);
    connection.is_over = true;
    ::eventfd_write(bell_.get(), 1);
  });
}

void Server::Serve(Connection& connection) {
  for (;;) {
    auto packet = Receive(connection.fd.get());
    if (!packet || !*packet) break;
    auto answer = hints_.Answer(**packet, connection.fd);
    if (!answer) answer = verbs_.Answer(**packet, connection.stop.get_token());
    if (!answer) {
      log::Warning("ended a connection that sent no request", {{"bytes", std::to_string((*packet)->bytes.size())}});
      break;
    }
    if (!Send(connection.fd.get(), *answer)) break;
  }
  hints_.Leave(connection.fd);
  ::shutdown(connection.fd.get(), SHUT_RDWR);  // Its caller sees the end now, not when we are reaped.
}

/// Joins the threads that are over; at the end all of them, after telling them so.
void Server::Reap(bool is_end) {
  if (is_end) {
    for (const auto& connection : connections_) {
      connection->stop.request_stop();
      ::shutdown(connection->fd.get(), SHUT_RD);
    }
    connections_.clear();
    return;
  }
  connections_.remove_if([this](const std::unique_ptr<Connection>& connection) {
    if (!connection->is_over) return false;
    // By hand: a copy that Hints still holds would keep it in there, and its number may soon be another's.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection->fd.get(), nullptr);
    return true;
  });
}

}  // namespace host::priv
