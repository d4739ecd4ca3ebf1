#include "server/stream.h"

#include <algorithm>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "server/reactor.h"

namespace server {
namespace {

using Socket = asio::basic_stream_socket<Protocol, Strand>;

/// Takes the first `bytes` away.
void Skip(Stream::Parts& parts, std::size_t bytes) {
  for (std::string_view& part : parts) {
    const std::size_t size = std::min(bytes, part.size());
    part.remove_prefix(size);
    bytes -= size;
  }
}

bool IsEmpty(const Stream::Parts& parts) {
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) { return part.empty(); });
}

/// Writes until all is written or it has to wait; what is written is taken off `rest`.
Moved WriteAll(Pipe& pipe, Stream::Parts& rest) {
  while (!IsEmpty(rest)) {
    const Moved moved = pipe.Write(rest);
    if (!moved.is_done()) return moved;
    Skip(rest, moved.bytes);
  }
  return {};
}

}  // namespace

struct Stream::Impl {
  Impl(asio::io_context& context, int descriptor, int family, std::unique_ptr<Pipe> bytes)
      : io(context), socket(asio::make_strand(context)), timer(socket.get_executor()), pipe(std::move(bytes)) {
    error_code ignored;
    socket.assign(Protocol(family, 0), descriptor, ignored);
  }

  /// Repeats `attempt` until it need not wait. The first time it runs at once, but its end is told later: the caller
  /// may hold what `done` changes, and a thousand requests that came in one packet would be a thousand calls deep.
  template <class Attempt>
  void Try(Attempt attempt, OnMoved done, bool is_first = true) {
    const Moved moved = socket.is_open() ? attempt() : Moved{.state = Moved::State::kFailed};
    if (!moved.must_wait()) {
      if (!is_first) return done(moved);
      asio::post(socket.get_executor(), [moved, done = std::move(done)] { done(moved); });
      return;
    }
    const auto event = moved.state == Moved::State::kNeedsRead ? Socket::wait_read : Socket::wait_write;
    socket.async_wait(event, [this, attempt = std::move(attempt), done = std::move(done)](error_code failure) mutable {
      if (failure) return done({.state = Moved::State::kFailed});
      Try(std::move(attempt), std::move(done), false);
    });
  }

  asio::io_context& io;
  Socket socket;
  Timer timer;
  unsigned armed = 0;  // Tells a deadline that was set anew from one whose handler was already under way.
  std::unique_ptr<Pipe> pipe;
};

Stream::Stream(asio::io_context& io, int socket, int family, std::unique_ptr<Pipe> pipe)
    : impl_(std::make_unique<Impl>(io, socket, family, std::move(pipe))) {}
Stream::~Stream() = default;

void Stream::Post(std::function<void()> function) { asio::post(impl_->socket.get_executor(), std::move(function)); }

void Stream::Dispatch(std::function<void()> function) {
  asio::dispatch(impl_->socket.get_executor(), std::move(function));
}

std::shared_ptr<void> Stream::KeepRunning() {
  return std::make_shared<asio::executor_work_guard<asio::io_context::executor_type>>(asio::make_work_guard(impl_->io));
}

void Stream::Handshake(OnMoved done) {
  impl_->Try([pipe = impl_->pipe.get()] { return pipe->Handshake(); }, std::move(done));
}

void Stream::AwaitInput(OnMoved done) {
  // The first look takes nothing from the socket, so it has to be waited for; what the pipe already took is there.
  impl_->Try(
      [pipe = impl_->pipe.get(), is_ready = false]() mutable {
        if (is_ready || pipe->has_unread()) return Moved{};
        is_ready = true;
        return Moved{.state = Moved::State::kNeedsRead};
      },
      std::move(done));
}

void Stream::Read(std::span<char> into, OnMoved done) {
  impl_->Try([pipe = impl_->pipe.get(), into] { return pipe->Read(into); }, std::move(done));
}

void Stream::Write(const Parts& parts, OnMoved done) {
  impl_->Try([pipe = impl_->pipe.get(), rest = parts]() mutable { return WriteAll(*pipe, rest); }, std::move(done));
}

bool Stream::WriteSome(Parts& parts) { return impl_->socket.is_open() && WriteAll(*impl_->pipe, parts).is_done(); }

void Stream::SetDeadline(std::chrono::milliseconds wait, std::function<void()> late) {
  impl_->timer.expires_after(wait);
  impl_->timer.async_wait([this, armed = ++impl_->armed, late = std::move(late)](error_code failure) {
    if (!failure && armed == impl_->armed) late();
  });
}

void Stream::ClearDeadline() {
  ++impl_->armed;
  impl_->timer.cancel();
}

void Stream::CancelWaits() {
  error_code ignored;
  impl_->socket.cancel(ignored);
}

void Stream::EndWriting() {
  if (impl_->socket.is_open()) impl_->pipe->EndWriting();
}

void Stream::Close() {
  ClearDeadline();
  error_code ignored;
  impl_->socket.close(ignored);
}

}  // namespace server
