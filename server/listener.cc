#include "server/listener.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "host/log.h"
#include "server/request_parser.h"
#include "server/status.h"
#include "server/unix_socket.h"

namespace server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

using Strand = asio::strand<asio::io_context::executor_type>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Strand>;
using Protocol = asio::generic::stream_protocol;  // Unix sockets now; TCP needs nothing else here.
using Socket = asio::basic_stream_socket<Protocol, Strand>;

constexpr std::size_t kReadAhead = 64u << 10;  // Beyond the headers; also what an endless chunk extension can fill.
constexpr std::size_t kReadBytes = 64u << 10;  // At once: a unix socket holds some 200 KiB.
constexpr std::size_t kPieceBytes = 1u << 20;  // Of an answer, per deadline: 35 kB/s at least.
constexpr std::size_t kLingerBytesMax = 16u << 20;      // Of an oversized body that is read only to be thrown away.
constexpr std::size_t kRefusedMax = 64;                 // Connections beyond the limit that are being told so at once.
constexpr std::chrono::milliseconds kAcceptPause{100};  // Out of descriptors: until some connection has ended.

class Session;

/// What all sessions share: the service and the table of who is connected. Thread-safe.
class Hub {
 public:
  Hub(const ListenerOptions& options_in, const Service& service_in) : options(options_in), service(service_in) {}

  enum class Entry { kWelcome, kTooMany, kUnheard };

  Entry Enter(Session* session, const Caller& caller);
  /// Calls `on_empty` when that was the last one of a drain.
  void Leave(Session* session, uid_t uid);
  std::vector<std::shared_ptr<Session>> Sessions();

  // Constant after construction.
  const ListenerOptions& options;
  const Service& service;
  std::function<void()> on_empty;

  asio::io_context workers;  // Runs what may block.
  std::atomic<bool> is_draining{false};

 private:
  std::mutex mutex_;
  // Guarded by mutex_.
  std::set<Session*> sessions_;
  std::map<uid_t, std::size_t> by_user_;
};

/// One connection. Everything in it runs on its strand, but for the notification of a stream and the work of a worker.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, Hub& hub, asio::io_context& io)
      : socket_(std::move(socket)),
        deadline_(socket_.get_executor()),
        hub_(hub),
        io_(io),
        buffer_(hub.options.header_bytes_max + kReadAhead) {}
  ~Session() {
    if (is_entered_) hub_.Leave(this, caller_.uid);
  }

  void Start();
  /// Ends what idles, and everything else after its answer.
  void Drain();
  void Close();

  Strand executor() { return socket_.get_executor(); }

 private:
  enum class State { kIdle, kReading, kWorking, kWriting, kStreaming, kLingering, kClosed };

  void Arm(std::chrono::milliseconds wait);
  void OnDeadline();
  void CancelReads();

  void WaitForRequest();
  void BeginRequest();
  void Parse();
  void SayContinue();
  void ReadMore();
  void OnReadFailure(error_code failure);
  void OnRequest();
  Response ServeGuarded(const Request& request) const;
  void Answer(const api::Error& error);

  void Respond(Response response);
  void WriteWhole();
  void OnWritten();
  void Linger();
  void Discard();

  void StartStream();
  void WatchForEnd();
  void Pump();
  Chunk PullGuarded() const;
  void WriteChunk(bool is_last);
  void EndStream();

  Socket socket_;
  Timer deadline_;
  Hub& hub_;
  asio::io_context& io_;
  Caller caller_{};
  bool is_entered_ = false;

  State state_ = State::kIdle;
  unsigned armed_ = 0;  // Tells a deadline that was set anew from one whose handler was already under way.
  beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  bool is_late_ = false;
  bool is_kept_alive_ = false;
  bool is_head_ = false;
  bool is_http10_ = false;

  Response response_;
  std::size_t written_ = 0;  // Of the response's body.
  std::string head_;
  std::array<char, 512> trash_{};
  std::size_t discarded_ = 0;

  bool is_writing_ = false;  // Of a stream.
  bool is_ending_ = false;   // Of a stream: after the chunk that is being written.
  std::string chunk_;
  std::atomic<bool> is_woken_{false};
};

Hub::Entry Hub::Enter(Session* session, const Caller& caller) {
  std::lock_guard lock(mutex_);
  if (sessions_.size() >= options.connections_max + kRefusedMax) return Entry::kUnheard;
  sessions_.insert(session);
  const std::size_t of_user = ++by_user_[caller.uid];
  const bool is_over =
      sessions_.size() > options.connections_max || (!caller.is_operator && of_user > options.connections_per_user_max);
  return is_over ? Entry::kTooMany : Entry::kWelcome;
}

void Hub::Leave(Session* session, uid_t uid) {
  bool is_empty = false;
  {
    std::lock_guard lock(mutex_);
    sessions_.erase(session);
    if (--by_user_[uid] == 0) by_user_.erase(uid);
    is_empty = sessions_.empty();
  }
  if (is_empty && is_draining) on_empty();
}

std::vector<std::shared_ptr<Session>> Hub::Sessions() {
  std::vector<std::shared_ptr<Session>> alive;
  std::lock_guard lock(mutex_);
  for (Session* session : sessions_)
    if (auto shared = session->weak_from_this().lock()) alive.push_back(std::move(shared));
  return alive;
}

void Session::Start() {
  const auto peer = PeerOf(socket_.native_handle());
  if (!peer) return Close();
  caller_ = Identify(*peer, hub_.options.operators);
  const Hub::Entry entry = hub_.Enter(this, caller_);
  is_entered_ = entry != Hub::Entry::kUnheard;
  if (!is_entered_) return Close();
  if (entry == Hub::Entry::kTooMany) return Answer(TooManyRequests("too many connections, try again in a moment"));
  WaitForRequest();
}

void Session::Drain() {
  is_kept_alive_ = false;
  if (state_ == State::kIdle) Close();
  if (state_ == State::kStreaming) EndStream();
}

void Session::Arm(std::chrono::milliseconds wait) {
  deadline_.expires_after(wait);
  deadline_.async_wait([self = shared_from_this(), armed = ++armed_](error_code failure) {
    if (!failure && armed == self->armed_) self->OnDeadline();
  });
}

void Session::OnDeadline() {
  switch (state_) {
    case State::kReading:  // The read ends with an error, which then becomes the answer.
      is_late_ = true;
      CancelReads();
      return;
    case State::kStreaming:
      if (is_writing_) return Close();  // The reader stands still.
      return Pump();
    case State::kIdle:
    case State::kWorking:
    case State::kWriting:
    case State::kLingering:
    case State::kClosed:
      return Close();
  }
}

void Session::CancelReads() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::Close() {
  state_ = State::kClosed;
  ++armed_;
  deadline_.cancel();
  if (response_.stream) response_.stream->SetNotify({});
  error_code ignored;
  socket_.close(ignored);
}

/// Holds no buffer and no parser while nothing is asked.
void Session::WaitForRequest() {
  if (hub_.is_draining) return Close();
  state_ = State::kIdle;
  if (buffer_.size() > 0) return BeginRequest();  // The next request came with the last one.
  Arm(hub_.options.idle_max);
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code failure) {
    if (self->state_ != State::kIdle) return;
    if (failure) return self->Close();
    self->BeginRequest();
  });
}

void Session::BeginRequest() {
  state_ = State::kReading;
  is_late_ = false;
  parser_.emplace(RequestLimits{hub_.options.header_bytes_max, hub_.options.body_bytes_max});
  Arm(hub_.options.request_max);
  Parse();
}

/// Takes in what has come, and asks for more until the request is whole.
void Session::Parse() {
  const auto taken = parser_->Take({static_cast<const char*>(buffer_.data().data()), buffer_.size()});
  if (!taken) return Answer(taken.error());
  buffer_.consume(*taken);
  if (parser_->is_done()) return OnRequest();
  if (parser_->AsksToContinue()) return SayContinue();
  if (buffer_.size() == buffer_.max_size())
    return Answer(BadRequest("malformed HTTP request: a line beyond the limit"));
  ReadMore();
}

void Session::SayContinue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](error_code problem, std::size_t) {
    if (self->state_ != State::kReading) return;
    if (problem) return self->Close();
    self->Parse();
  });
}

void Session::ReadMore() {
  const auto space = buffer_.prepare(std::min(kReadBytes, buffer_.max_size() - buffer_.size()));
  socket_.async_read_some(space, [self = shared_from_this()](error_code failure, std::size_t size) {
    if (self->state_ != State::kReading) return;
    if (failure) return self->OnReadFailure(failure);
    self->buffer_.commit(size);
    self->Parse();
  });
}

void Session::OnReadFailure(error_code failure) {
  if (is_late_) return Answer({api::Code::kTimeout, "RequestTimeout", "the request did not arrive in time"});
  if (failure != asio::error::eof || !parser_->has_begun()) return Close();
  Answer(BadRequest("malformed HTTP request: it ends in the middle"));
}

/// An answer to what is no request: the connection cannot go on behind it.
void Session::Answer(const api::Error& error) {
  is_kept_alive_ = false;
  is_head_ = false;
  is_http10_ = false;
  Respond(Refuse(error));
}

void Session::OnRequest() {
  ParsedRequest parsed = parser_->Release();
  parser_.reset();
  is_kept_alive_ = parsed.is_kept_alive && !hub_.is_draining;
  is_head_ = parsed.request.method == "HEAD";
  is_http10_ = parsed.is_http10;
  auto target = ParseTarget(parsed.target);
  Request& request = parsed.request;
  request.caller = caller_;
  state_ = State::kWorking;
  ++armed_;
  deadline_.cancel();
  if (!target) return Respond(Refuse(BadRequest(target.error().message)));
  request.target = *std::move(target);
  if (!hub_.service.may_block(request)) return Respond(ServeGuarded(request));
  // The guard keeps the io threads alive while nothing of this connection waits for the socket.
  asio::post(hub_.workers, [self = shared_from_this(), guard = asio::make_work_guard(io_),
                            request = std::move(request)] {
    auto response = std::make_shared<Response>(self->ServeGuarded(request));  // Shared: handlers of asio are copied.
    asio::post(self->socket_.get_executor(), [self, response] {
      if (self->state_ == State::kWorking) self->Respond(std::move(*response));
    });
  });
}

/// A handler that throws is a bug; the connection and all others go on.
Response Session::ServeGuarded(const Request& request) const {
  try {
    return hub_.service.serve(request);
  } catch (const std::exception& exception) {
    host::log::Error("a handler threw", {{"method", request.method}, {"what", exception.what()}});
    return Refuse({api::Code::kInternal, "InternalError", "the handler failed, see the daemon's log"});
  }
}

void Session::Respond(Response response) {
  response_ = std::move(response);
  if (response_.stream && !is_head_) return StartStream();
  head_ = FormatHead(response_, Framing::kLength, is_kept_alive_);
  if (is_head_) response_.body.clear();
  WriteWhole();
}

/// In pieces, each with its own deadline: a large answer may take its time, a reader may not stand still.
void Session::WriteWhole() {
  state_ = State::kWriting;
  Arm(hub_.options.write_max);
  const std::size_t size = std::min(kPieceBytes, response_.body.size() - written_);
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head_), asio::buffer(&response_.body[written_], size)};
  asio::async_write(socket_, buffers, [self = shared_from_this(), size](error_code failure, std::size_t) {
    if (self->state_ != State::kWriting) return;
    if (failure) return self->Close();
    self->head_.clear();
    self->written_ += size;
    if (self->written_ < self->response_.body.size()) return self->WriteWhole();
    self->OnWritten();
  });
}

void Session::OnWritten() {
  response_ = {};
  written_ = 0;
  if (!is_kept_alive_ || hub_.is_draining) return Linger();
  WaitForRequest();
}

/// Closing with unread input would take the answer away from the other side, so what still comes is read and dropped.
void Session::Linger() {
  state_ = State::kLingering;
  Arm(hub_.options.linger_max);
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  Discard();
}

void Session::Discard() {
  socket_.async_read_some(asio::buffer(trash_), [self = shared_from_this()](error_code failure, std::size_t size) {
    if (self->state_ != State::kLingering) return;
    self->discarded_ += size;
    if (failure || self->discarded_ > kLingerBytesMax) return self->Close();
    self->Discard();
  });
}

void Session::StartStream() {
  state_ = State::kStreaming;
  is_kept_alive_ = false;
  buffer_ = {};
  is_writing_ = true;
  is_ending_ = false;
  head_ = FormatHead(response_, is_http10_ ? Framing::kUntilClose : Framing::kChunked, false);
  Arm(hub_.options.write_max);
  asio::async_write(socket_, asio::buffer(head_), [self = shared_from_this()](error_code failure, std::size_t) {
    if (self->state_ != State::kStreaming) return;
    if (failure) return self->Close();
    self->is_writing_ = false;
    self->response_.stream->SetNotify([weak = std::weak_ptr(self)] {
      const auto session = weak.lock();
      if (!session || session->is_woken_.exchange(true)) return;  // One wake-up in the queue is enough.
      asio::post(session->socket_.get_executor(), [session] { session->Pump(); });
    });
    self->Pump();
  });
  WatchForEnd();
}

/// A read that is always pending: the only way to notice a watcher that has gone while there is nothing to say.
void Session::WatchForEnd() {
  socket_.async_read_some(asio::buffer(trash_), [self = shared_from_this()](error_code failure, std::size_t) {
    if (self->state_ != State::kStreaming) return;
    if (failure) return self->Close();
    self->WatchForEnd();
  });
}

void Session::Pump() {
  is_woken_ = false;
  if (state_ != State::kStreaming || is_writing_) return;
  if (is_ending_) return EndStream();
  Chunk chunk = PullGuarded();
  chunk_ = std::move(chunk.bytes);
  if (!chunk_.empty()) return WriteChunk(chunk.is_last);
  if (chunk.is_last) return EndStream();
  if (chunk.wake_after) Arm(*chunk.wake_after);
}

Chunk Session::PullGuarded() const {
  try {
    return response_.stream->Pull();
  } catch (const std::exception& exception) {
    host::log::Error("a stream threw", {{"what", exception.what()}});
    return {.is_last = true};
  }
}

void Session::WriteChunk(bool is_last) {
  is_writing_ = true;
  is_ending_ = is_ending_ || is_last;
  std::array<char, 20> size{};
  const int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk_.size());
  head_ = is_http10_ ? std::string() : std::string(size.data(), static_cast<std::size_t>(digits));
  Arm(hub_.options.write_max);
  const std::array<asio::const_buffer, 3> buffers{asio::buffer(head_), asio::buffer(chunk_),
                                                  asio::buffer("\r\n", is_http10_ ? 0 : 2)};
  asio::async_write(socket_, buffers, [self = shared_from_this()](error_code failure, std::size_t) {
    if (self->state_ != State::kStreaming) return;
    if (failure) return self->Close();
    self->is_writing_ = false;
    self->Pump();
  });
}

void Session::EndStream() {
  is_ending_ = true;
  if (is_writing_) return;  // Comes back when the chunk is out.
  response_.stream->SetNotify({});
  response_.stream.reset();
  response_.body.clear();
  head_ = is_http10_ ? "" : "0\r\n\r\n";
  CancelReads();  // What lingers afterwards has the socket to itself.
  WriteWhole();
}

}  // namespace

class Listener::Impl {
 public:
  Impl(ListenerOptions options, Service service, UnixSocket socket)
      : options_(std::move(options)), service_(std::move(service)), socket_(std::move(socket)) {}

  void Run(std::stop_token stop);

 private:
  using Acceptor = asio::basic_socket_acceptor<Protocol, Strand>;

  void Accept();
  void BeginDrain();
  void AbortAll();

  // Constant after construction.
  const ListenerOptions options_;
  const Service service_;
  UnixSocket socket_;

  Hub hub_{options_, service_};
  asio::io_context io_;  // After the hub: sessions that its queue still holds leave the hub when they go.
  Strand control_{asio::make_strand(io_)};  // Accepting and draining.
  Acceptor acceptor_{control_};
  Timer timer_{control_};  // Of the pause between failed accepts, then of the drain.
};

namespace {

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

void Listener::Impl::Run(std::stop_token stop) {
  acceptor_.assign(Protocol(AF_UNIX, 0), socket_.Release());
  hub_.on_empty = [this] { asio::post(control_, [this] { timer_.cancel(); }); };
  Accept();
  auto work = asio::make_work_guard(hub_.workers);
  std::vector<std::jthread> workers;
  workers.reserve(static_cast<std::size_t>(options_.workers));
  for (int i = 0; i < options_.workers; ++i) workers.emplace_back([this] { RunAll(hub_.workers); });
  {
    std::stop_callback on_stop(stop, [this] { asio::post(control_, [this] { BeginDrain(); }); });
    std::vector<std::jthread> helpers;
    for (int i = 1; i < options_.io_threads; ++i) helpers.emplace_back([this] { RunAll(io_); });
    RunAll(io_);
  }
  hub_.workers.stop();  // Only what nobody waits for any more can still be queued there.
}

void Listener::Impl::Accept() {
  acceptor_.async_accept(asio::make_strand(io_), [this](error_code failure, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (failure) {
      // Out of descriptors or memory. Accepting at once again would spin; the backlog waits meanwhile.
      timer_.expires_after(kAcceptPause);
      timer_.async_wait([this](error_code stopped) {
        if (!stopped && acceptor_.is_open()) Accept();
      });
      return;
    }
    const auto executor = socket.get_executor();
    auto session = std::make_shared<Session>(std::move(socket), hub_, io_);
    asio::post(executor, [session] { session->Start(); });
    Accept();
  });
}

void Listener::Impl::BeginDrain() {
  hub_.is_draining = true;
  error_code ignored;
  acceptor_.close(ignored);
  const auto sessions = hub_.Sessions();
  if (sessions.empty()) return;
  for (const auto& session : sessions) asio::post(session->executor(), [session] { session->Drain(); });
  timer_.expires_after(options_.drain_max);
  timer_.async_wait([this](error_code stopped) {
    if (!stopped) AbortAll();
  });
}

void Listener::Impl::AbortAll() {
  for (const auto& session : hub_.Sessions()) asio::post(session->executor(), [session] { session->Close(); });
}

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;

api::Expected<std::unique_ptr<Listener>> Listener::Open(ListenerOptions options, Service service) {
  auto socket = UnixSocket::Listen(options.socket_path);
  if (!socket) return socket.error();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(service), *std::move(socket));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

void Listener::Run(std::stop_token stop) { impl_->Run(std::move(stop)); }

}  // namespace server
