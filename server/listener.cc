#include "server/listener.h"

#include <cerrno>
#include <exception>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>

#include "host/log.h"
#include "server/hub.h"
#include "server/reactor.h"
#include "server/session.h"
#include "server/tcp_socket.h"
#include "server/unix_socket.h"

namespace server {
namespace {

using Acceptor = asio::basic_socket_acceptor<Protocol, Strand>;

constexpr std::chrono::milliseconds kAcceptPause{100};  // Out of descriptors: until some connection has ended.

/// One listening socket.
struct Door {
  explicit Door(const Strand& strand) : acceptor(strand), pause(strand) {}

  Acceptor acceptor;
  Timer pause;
};

/// Owns a socket until a stream does.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int get() const { return descriptor_; }
  void Release() { descriptor_ = -1; }

 private:
  int descriptor_;
};

/// Small packets at once, and an end to connections whose other side has vanished.
void TuneTcp(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/// Runs the context's handlers until there is nothing left. An exception out of one (memory ran out) costs its
/// connection only.
void RunAll(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& exception) {
      host::log::Error("a connection failed", {{"what", exception.what()}});
    }
  }
}

}  // namespace

class Listener::Impl {
 public:
  Impl(ListenerOptions options, Service service, UnixSocket socket, std::optional<TcpSocket> tcp)
      : options_(std::move(options)), service_(std::move(service)), socket_(std::move(socket)), tcp_(std::move(tcp)) {}

  void Run(std::stop_token stop);
  std::uint16_t tcp_port() const { return tcp_ ? tcp_->port() : std::uint16_t{0}; }

 private:
  void Accept(Door& door);
  void Admit(Descriptor descriptor, const sockaddr_storage& peer);
  void BeginDrain();
  void AbortAll();

  // Constant after construction.
  const ListenerOptions options_;
  const Service service_;
  UnixSocket socket_;
  std::optional<TcpSocket> tcp_;

  Hub hub_{options_, service_};
  asio::io_context io_;  // After the hub: sessions that its queue still holds leave the hub when they go.
  Strand control_{asio::make_strand(io_)};  // Accepting and draining.
  Door local_{control_};
  Door remote_{control_};
  Timer drain_{control_};
};

void Listener::Impl::Run(std::stop_token stop) {
  // One turn for many streams: a thousand turns would each cost a place in the reactor's queue.
  hub_.on_woken = [this] { asio::post(io_, [this] { hub_.PumpSome(); }); };
  hub_.on_empty = [this] { asio::post(control_, [this] { drain_.cancel(); }); };
  local_.acceptor.assign(Protocol(AF_UNIX, 0), socket_.Release());
  Accept(local_);
  if (tcp_) {
    remote_.acceptor.assign(Protocol(tcp_->family(), 0), tcp_->Release());
    Accept(remote_);
  }
  hub_.workers.Start();
  {
    std::stop_callback on_stop(stop, [this] { asio::post(control_, [this] { BeginDrain(); }); });
    std::vector<std::jthread> helpers;
    for (int i = 1; i < options_.io_threads; ++i) helpers.emplace_back([this] { RunAll(io_); });
    RunAll(io_);
  }
  hub_.workers.Stop();  // Only what nobody waits for any more can still be queued there.
}

void Listener::Impl::Accept(Door& door) {
  door.acceptor.async_wait(Acceptor::wait_read, [this, &door](error_code failure) {
    if (failure || !door.acceptor.is_open()) return;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int descriptor = ::accept4(door.acceptor.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0 || errno == EAGAIN || errno == ECONNABORTED) {
      Accept(door);  // First: what Admit throws (memory ran out) costs this connection and no other.
      if (descriptor >= 0) Admit(Descriptor(descriptor), peer);
      return;
    }
    // Out of descriptors or memory. Accepting at once again would spin; the backlog waits meanwhile.
    door.pause.expires_after(kAcceptPause);
    door.pause.async_wait([this, &door](error_code stopped) {
      if (!stopped && door.acceptor.is_open()) Accept(door);
    });
  });
}

void Listener::Impl::Admit(Descriptor descriptor, const sockaddr_storage& peer) {
  Origin origin;
  std::unique_ptr<Pipe> pipe;
  if (peer.ss_family == AF_UNIX) {
    if (const auto credentials = PeerOf(descriptor.get())) {
      origin.caller = Identify(*credentials, options_.operators);
      pipe = MakePlainPipe(descriptor.get());
    }
  } else {
    TuneTcp(descriptor.get());
    origin.address = PeerAddressOf(peer);
    pipe = options_.tcp.identity ? options_.tcp.identity()->Wrap(descriptor.get()) : MakePlainPipe(descriptor.get());
  }
  if (!pipe) return;
  auto stream = std::make_unique<Stream>(io_, descriptor.get(), peer.ss_family, std::move(pipe));
  descriptor.Release();
  std::make_shared<Session>(std::move(stream), hub_, std::move(origin))->Start();
}

void Listener::Impl::BeginDrain() {
  hub_.is_draining = true;
  error_code ignored;
  for (Door* door : {&local_, &remote_}) {
    door->acceptor.close(ignored);
    door->pause.cancel();
  }
  const auto sessions = hub_.Sessions();
  if (sessions.empty()) return;
  for (const auto& session : sessions) session->Drain();
  drain_.expires_after(options_.drain_max);
  drain_.async_wait([this](error_code stopped) {
    if (!stopped) AbortAll();
  });
}

void Listener::Impl::AbortAll() {
  for (const auto& session : hub_.Sessions()) session->Close();
}

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;

api::Expected<std::unique_ptr<Listener>> Listener::Open(ListenerOptions options, Service service) {
  std::optional<TcpSocket> tcp;
  if (!options.tcp.address.empty()) {
    const auto address = TcpAddress::Parse(options.tcp.address);
    if (!address) return address.error();
    if (!options.tcp.identity && !address->is_loopback)
      return api::Error{api::Code::kInvalid, "PlainText",
                        options.tcp.address +
                            " is no loopback address: without TLS everybody on the way could read "
                            "the tokens"};
    auto bound = TcpSocket::Listen(options.tcp.address, *address);
    if (!bound) return bound.error();
    tcp.emplace(*std::move(bound));
  }
  auto socket = UnixSocket::Listen(options.socket_path);
  if (!socket) return socket.error();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(service), *std::move(socket), std::move(tcp));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

void Listener::Run(std::stop_token stop) { impl_->Run(std::move(stop)); }

std::uint16_t Listener::tcp_port() const { return impl_->tcp_port(); }

}  // namespace server
