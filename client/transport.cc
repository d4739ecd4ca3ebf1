#include "client/transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "api/meta/words.h"

namespace client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using api::Code;
using api::Error;
using api::Expected;
using boost::system::error_code;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::size_t kLineMax = 16u << 20;  // The largest object has 3 MiB, a table's row of it at most as much again.
constexpr std::size_t kHeaderMax = 64u << 10;  // Warnings of one answer have at most 50 lines.
constexpr std::size_t kReadAhead = 128u << 10;

Error Unreachable(const std::string& path, int problem) {
  const std::string what =
      "cannot reach herod at " + path + ": " + std::error_code(problem, std::generic_category()).message();
  if (problem == EACCES)
    return {Code::kForbidden, "SocketForbidden", what + "; its group may use it, are you a member? (see --socket)"};
  return {Code::kUnavailable, "DaemonUnreachable", what + "; is it running? (see --socket)"};
}

enum class Readiness { kReady, kTimeout, kStopped };

/// Wakes a poll when a stop is requested.
class StopWaker {
 public:
  explicit StopWaker(std::stop_token stop)
      : event_{stop.stop_possible() ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1},
        callback_(std::move(stop), Wake{event_.descriptor}) {}

  int descriptor() const { return event_.descriptor; }

 private:
  struct Event {
    const int descriptor;
    ~Event() {
      if (descriptor >= 0) close(descriptor);
    }
  };
  struct Wake {
    int descriptor;
    void operator()() const { eventfd_write(descriptor, 1); }
  };

  const Event event_;
  const std::stop_callback<Wake>
      callback_;  // Goes first, and waits for a call under way: that one still needs the event.
};

/// `wait` below zero is for ever.
Readiness WaitFor(int descriptor, short events, std::chrono::milliseconds wait, const std::stop_token& stop) {
  if (stop.stop_requested()) return Readiness::kStopped;
  const StopWaker waker(stop);
  std::array<pollfd, 2> polled{pollfd{descriptor, events, 0}, pollfd{waker.descriptor(), POLLIN, 0}};
  const int timeout =
      wait.count() < 0 ? -1 : static_cast<int>(std::min<std::chrono::milliseconds::rep>(wait.count(), 1 << 30));
  int ready = 0;
  do {
    ready = poll(polled.data(), polled.size(), timeout);
  } while (ready < 0 && errno == EINTR);
  if (polled[1].revents != 0) return Readiness::kStopped;
  return ready == 0 ? Readiness::kTimeout : Readiness::kReady;
}

/// The socket as Beast's blocking functions want it, but for the deadline that Asio's own sockets do not have.
class DeadlineSocket {
 public:
  DeadlineSocket(int descriptor, const host::Clock& clock) : descriptor_(descriptor), clock_(&clock) {}
  DeadlineSocket(DeadlineSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        clock_(other.clock_),
        deadline_(other.deadline_),
        stop_(std::move(other.stop_)) {}
  DeadlineSocket& operator=(DeadlineSocket&&) = delete;
  ~DeadlineSocket() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  /// Until when the next operations may take. `stop` ends them before that.
  void SetDeadline(std::chrono::milliseconds wait, std::stop_token stop = {}) {
    deadline_ = clock_->SteadyNow() + wait;
    stop_ = std::move(stop);
  }
  bool WaitReadable(const std::stop_token& stop) const {
    return WaitFor(descriptor_, POLLIN, std::chrono::milliseconds(-1), stop) == Readiness::kReady;
  }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& failure) {
    iovec part{};
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers) && part.iov_len == 0;
         ++it) {
      const asio::mutable_buffer buffer(*it);
      part = {buffer.data(), buffer.size()};
    }
    return Transfer(POLLIN, failure, [&] { return recv(descriptor_, part.iov_base, part.iov_len, MSG_DONTWAIT); });
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& failure) {
    asio::const_buffer part;
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers) && part.size() == 0;
         ++it)
      part = *it;
    return Transfer(POLLOUT, failure,
                    [&] { return send(descriptor_, part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL); });
  }

  // Beast's concepts want the throwing forms too; nothing here calls them.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return Checked([&](error_code& failure) { return read_some(buffers, failure); });
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return Checked([&](error_code& failure) { return write_some(buffers, failure); });
  }

 private:
  std::size_t Checked(auto operation) {
    error_code failure;
    const std::size_t size = operation(failure);
    if (failure) throw boost::system::system_error(failure);
    return size;
  }

  std::size_t Transfer(short events, error_code& failure, auto operation) {
    failure = {};
    for (;;) {
      const ssize_t size = operation();
      if (size > 0) return static_cast<std::size_t>(size);
      if (size == 0) {
        failure = asio::error::eof;
        return 0;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        failure = error_code(errno, boost::system::system_category());
        return 0;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_->SteadyNow());
      const Readiness ready = left.count() <= 0 ? Readiness::kTimeout : WaitFor(descriptor_, events, left, stop_);
      if (ready == Readiness::kReady) continue;
      failure = ready == Readiness::kStopped ? asio::error::operation_aborted : asio::error::timed_out;
      return 0;
    }
  }

  int descriptor_;
  const host::Clock* clock_;
  TimePoint deadline_{};
  std::stop_token stop_{};
};

Expected<DeadlineSocket> Connect(const TransportOptions& options, const host::Clock& clock) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = options.socket_path;
  if (path.empty() || path.size() >= sizeof address.sun_path) return Unreachable(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return Unreachable(path, errno);
  DeadlineSocket connection(descriptor, clock);
  // A connect to a full backlog waits; this is its deadline (unix(7) has no other).
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.connect_max);
  const timeval limit{.tv_sec = seconds.count(),
                      .tv_usec = std::chrono::microseconds(options.connect_max - seconds).count()};
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Unreachable(path, errno);
  return connection;
}

http::request<http::string_body> ToMessage(const HttpRequest& request, const std::string& act_as) {
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  message.set(http::field::host, "herod");
  message.set(http::field::user_agent, "heroctl/v1");
  message.set(http::field::accept, request.accept);
  message.set(http::field::connection, "close");
  if (!act_as.empty()) message.set("Impersonate-User", act_as);
  if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

template <class Body>
HttpResponse HeadOf(const http::response<Body>& message) {
  HttpResponse head{.status = static_cast<int>(message.result_int())};
  for (const auto& field : message) {
    const std::string_view name(field.name_string().data(), field.name_string().size());
    head.headers.emplace_back(api::LowerCase(name), std::string(field.value()));
  }
  return head;
}

Error Broken(const std::string& path, const error_code& failure) {
  if (failure == asio::error::timed_out)
    return {Code::kTimeout, "NoAnswer", "herod at " + path + " did not answer in time"};
  return {Code::kUnavailable, "ConnectionLost", "the connection to herod at " + path + " broke: " + failure.message()};
}

/// A connection, what was read of it beyond the need, and the parser that stands in the middle of the answer.
class Incoming final : public LineStream {
 public:
  Incoming(DeadlineSocket socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  Expected<void> Send(const HttpRequest& request, const TransportOptions& options) {
    socket_.SetDeadline(options.exchange_max);
    parser_.body_limit(options.body_bytes_max);
    parser_.header_limit(kHeaderMax);
    error_code failure;
    http::write(socket_, ToMessage(request, options.act_as), failure);
    // A server that refuses in the middle of our body has its answer on the way all the same.
    if (failure && failure != asio::error::broken_pipe && failure != asio::error::connection_reset)
      return Broken(path_, failure);
    http::read_header(socket_, buffer_, parser_, failure);
    if (failure) return Broken(path_, failure);
    return {};
  }

  HttpResponse Head() const { return HeadOf(parser_.get()); }

  /// The rest of a body that ends.
  Expected<std::string> ReadAll() {
    std::string body;
    while (!parser_.is_done()) {
      auto more = ReadSome();
      if (!more) return more.error();
      body += std::exchange(pending_, {});
      if (!*more) return Broken(path_, asio::error::timed_out);
    }
    return body;
  }

  /// From here on the body is a stream: it may be silent and it may be of any length.
  void BeginStream() { parser_.body_limit(boost::none); }

  Expected<std::optional<std::string>> Next(std::chrono::milliseconds wait, std::stop_token stop) override {
    socket_.SetDeadline(wait, std::move(stop));
    for (;;) {
      const std::size_t newline = pending_.find('\n', searched_);
      if (newline != std::string::npos) {
        std::optional<std::string> line(pending_.substr(0, newline));
        pending_.erase(0, newline + 1);
        searched_ = 0;
        return line;
      }
      searched_ = pending_.size();
      if (parser_.is_done()) return Error{Code::kUnavailable, "StreamEnded", "herod at " + path_ + " ended the stream"};
      if (pending_.size() > kLineMax)
        return Error{Code::kUnavailable, "StreamEnded", "herod at " + path_ + " sent a line beyond the limit"};
      auto more = ReadSome();
      if (!more) return more.error();
      if (!*more) return std::optional<std::string>();
    }
  }

  bool WaitReadable(std::stop_token stop) override { return socket_.WaitReadable(stop); }

 private:
  /// Appends what comes next of the body to `pending_`. False: nothing came in time.
  Expected<bool> ReadSome() {
    std::array<char, 16u << 10> part;
    parser_.get().body().data = part.data();
    parser_.get().body().size = part.size();
    parser_.get().body().more = true;
    error_code failure;
    http::read_some(socket_, buffer_, parser_, failure);
    pending_.append(part.data(), part.size() - parser_.get().body().size);
    if (failure == asio::error::timed_out || failure == asio::error::operation_aborted) return false;
    if (failure && failure != http::error::need_buffer) return Broken(path_, failure);
    return true;
  }

  DeadlineSocket socket_;
  const std::string path_;
  boost::beast::flat_buffer buffer_{kHeaderMax + kReadAhead};
  http::response_parser<http::buffer_body> parser_;
  std::string pending_;
  std::size_t searched_ = 0;  // How much of it is known to have no newline.
};

Expected<std::unique_ptr<Incoming>> Begin(const HttpRequest& request, const TransportOptions& options,
                                          const host::Clock& clock) {
  auto socket = Connect(options, clock);
  if (!socket) return socket.error();
  auto incoming = std::make_unique<Incoming>(*std::move(socket), options.socket_path);
  if (auto sent = incoming->Send(request, options); !sent) return sent.error();
  return incoming;
}

}  // namespace

Expected<HttpResponse> Transport::Exchange(const HttpRequest& request) const {
  auto incoming = Begin(request, options_, clock_);
  if (!incoming) return incoming.error();
  HttpResponse response = (*incoming)->Head();
  auto body = (*incoming)->ReadAll();
  if (!body) return body.error();
  response.body = *std::move(body);
  return response;
}

Expected<OpenedStream> Transport::Open(const HttpRequest& request) const {
  auto incoming = Begin(request, options_, clock_);
  if (!incoming) return incoming.error();
  OpenedStream opened{.head = (*incoming)->Head()};
  if (opened.head.status == 200) {
    (*incoming)->BeginStream();
    opened.lines = *std::move(incoming);
    return opened;
  }
  auto body = (*incoming)->ReadAll();
  if (!body) return body.error();
  opened.head.body = *std::move(body);
  return opened;
}

}  // namespace client
