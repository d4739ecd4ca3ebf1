#include "server/session.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string_view>
#include <utility>

#include "host/log.h"
#include "server/status.h"

namespace server {
namespace {

constexpr std::size_t kReadAhead = 64u << 10;  // Beyond the headers; also what an endless chunk extension can fill.
constexpr std::size_t kReadBytes = 64u << 10;  // At once: a unix socket holds some 200 KiB.
constexpr std::size_t kPieceBytes = 1u << 20;  // Of an answer, per deadline: 35 kB/s at least.
constexpr std::size_t kLingerBytesMax = 16u << 20;  // Of an oversized body that is read only to be thrown away.
constexpr std::size_t kTrashBytes = 512;
constexpr std::chrono::milliseconds kLookEvery{25};  // Whether what an answer waits for has come.
constexpr std::chrono::seconds kProofMax{5};         // How long a stream may go on after its token was revoked.

}  // namespace

Session::Session(std::unique_ptr<Stream> stream, Hub& hub, Origin origin)
    : stream_(std::move(stream)),
      hub_(hub),
      origin_(std::move(origin)),
      caller_(origin_.caller.value_or(Caller{})),
      input_(hub.options.header_bytes_max + kReadAhead) {
  caller_.from = PlaceOf(caller_);
}

Session::~Session() { hub_.Leave(*this); }

void Session::Start() {
  stream_->Post([self = shared_from_this()] { self->Begin(); });
}

void Session::Drain() {
  stream_->Post([self = shared_from_this()] { self->DrainNow(); });
}

void Session::Close() {
  stream_->Post([self = shared_from_this()] { self->CloseNow(); });
}

void Session::Begin() {
  if (origin_.caller) {
    const Hub::Entry entry = hub_.Enter(*this, caller_);
    if (entry == Hub::Entry::kUnheard) return CloseNow();
    if (entry == Hub::Entry::kTooMany) return Answer(TooManyRequests("too many connections, try again in a moment"));
    is_known_ = true;
    return WaitForRequest();
  }
  hub_.EnterUnknown(*this, origin_.address);
  Arm(hub_.options.tcp.handshake_max);
  stream_->Handshake([self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kHandshaking) return;
    if (!moved.is_done()) return self->CloseNow();
    self->WaitForRequest();
  });
}

void Session::DrainNow() {
  is_kept_alive_ = false;
  if (state_ == State::kIdle || state_ == State::kHandshaking) CloseNow();
  if (state_ == State::kStreaming) EndStream();
  if (state_ == State::kEarly) Respond(std::move(response_));
}

void Session::Arm(std::chrono::milliseconds wait) {
  wake_at_.reset();
  stream_->SetDeadline(wait, [self = shared_from_this()] { self->OnDeadline(); });
}

void Session::OnDeadline() {
  wake_at_.reset();
  switch (state_) {
    case State::kReading:  // The read ends with an error, which then becomes the answer.
      is_late_ = true;
      stream_->CancelWaits();
      return;
    case State::kStreaming:
      if (is_writing_) return CloseNow();  // The reader stands still.
      return Pump();
    case State::kEarly:
      return LookAgain();
    case State::kHandshaking:
    case State::kIdle:
    case State::kWorking:
    case State::kWriting:
    case State::kLingering:
    case State::kClosed:
      return CloseNow();
  }
}

void Session::CloseNow() {
  state_ = State::kClosed;
  if (response_.stream) response_.stream->SetNotify({});
  stream_->Close();
}

/// Holds no buffer and no parser while nothing is asked.
void Session::WaitForRequest() {
  if (hub_.is_draining) return CloseNow();
  state_ = State::kIdle;
  if (!input_.text().empty()) return BeginRequest();  // The next request came with the last one.
  input_.Release();
  Arm(is_known_ ? hub_.options.idle_max : hub_.options.tcp.handshake_max);
  stream_->AwaitInput([self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kIdle) return;
    if (!moved.is_done()) return self->CloseNow();
    self->BeginRequest();
  });
}

void Session::BeginRequest() {
  state_ = State::kReading;
  is_late_ = false;
  is_identified_ = false;
  parser_.emplace(RequestLimits{hub_.options.header_bytes_max, hub_.options.body_bytes_max});
  Arm(is_known_ ? hub_.options.request_max : std::min(hub_.options.tcp.handshake_max, hub_.options.request_max));
  Parse();
}

/// Takes in what has come, and asks for more until the request is whole. Of somebody unknown no more than the head is
/// waited for.
void Session::Parse() {
  const auto taken = parser_->Take(input_.text());
  if (!taken) return Answer(taken.error());
  input_.Consume(*taken);
  if (parser_->has_head() && !is_identified_)
    if (const auto refused = Identify()) return Answer(*refused);
  if (parser_->is_done()) return OnRequest();
  if (parser_->AsksToContinue()) return SayContinue();
  if (input_.is_full()) return Answer(BadRequest("malformed HTTP request: a line beyond the limit"));
  ReadMore();
}

/// Finds out who asks. No value: it may.
std::optional<api::Error> Session::Identify() {
  is_identified_ = true;
  if (origin_.caller) return std::nullopt;  // The kernel has said it; a token beside that says nothing.
  const std::string_view proof = parser_->OnlyHeader("authorization");
  auto caller = hub_.service.identify({.authorization = proof, .address = origin_.address});
  if (!caller) return caller.error();
  if (hub_.Name(*this, *caller) != Hub::Entry::kWelcome)
    return TooManyRequests("too many connections, try again in a moment");
  if (!is_known_) Arm(hub_.options.request_max);
  is_known_ = true;
  caller_ = *std::move(caller);
  caller_.from = PlaceOf(caller_);
  proof_ = proof;
  proven_at_ = std::chrono::steady_clock::now();
  return std::nullopt;
}

void Session::SayContinue() {
  stream_->Write({"HTTP/1.1 100 Continue\r\n\r\n"}, [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kReading) return;
    if (!moved.is_done()) return self->CloseNow();
    self->Parse();
  });
}

void Session::ReadMore() {
  auto space = input_.Space();
  stream_->Read(space.first(std::min(kReadBytes, space.size())), [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kReading) return;
    if (self->is_late_ || !moved.is_done()) return self->OnReadFailure(moved.state);
    self->input_.Commit(moved.bytes);
    self->Parse();
  });
}

void Session::OnReadFailure(Moved::State failure) {
  if (!parser_->has_begun()) return CloseNow();
  if (is_late_) return Answer({api::Code::kTimeout, "RequestTimeout", "the request did not arrive in time"});
  if (failure != Moved::State::kEnded) return CloseNow();
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
  if (!target) {
    stream_->ClearDeadline();
    return Respond(Refuse(BadRequest(target.error().message)));
  }
  request.target = *std::move(target);
  request_ = std::make_shared<const Request>(std::move(request));
  asked_at_ = std::chrono::steady_clock::now();
  Dispatch();
}

/// Serves the request, or has a worker do it.
void Session::Dispatch() {
  state_ = State::kWorking;
  stream_->ClearDeadline();
  if (!hub_.service.may_block(*request_)) return OnServed(ServeGuarded(*request_));
  // The guard keeps the io threads alive while nothing of this connection waits for the socket.
  auto work = [self = shared_from_this(), guard = stream_->KeepRunning(), request = request_] {
    auto response = std::make_shared<Response>(self->ServeGuarded(*request));  // Shared: a std::function is copied.
    self->stream_->Post([self, response] {
      if (self->state_ == State::kWorking) self->OnServed(std::move(*response));
    });
  };
  if (!hub_.workers.Add(caller_.name, std::move(work)))
    Respond(Refuse(TooManyRequests("too many of your requests wait, try again in a moment")));
}

/// An answer that comes too early waits here, where it holds no worker.
void Session::OnServed(Response response) {
  if (!response.is_outdated || hub_.is_draining) return Respond(std::move(response));
  state_ = State::kEarly;
  response_ = std::move(response);
  LookAgain();
}

void Session::LookAgain() {
  if (std::chrono::steady_clock::now() - asked_at_ >= hub_.options.early_max) return Respond(std::move(response_));
  if (response_.is_outdated()) return Dispatch();
  Arm(kLookEvery);
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
  request_.reset();
  response_ = std::move(response);
  if (response_.stream && !is_head_) return StartStream();
  head_ = FormatHead(response_, Framing::kLength, is_kept_alive_);
  if (is_head_) {
    response_.body.clear();
    response_.long_body.reset();
  }
  WriteWhole();
}

/// In pieces, each MiB with its own deadline: a large answer may take its time, a reader may not stand still.
void Session::WriteWhole() {
  state_ = State::kWriting;
  if (written_ == 0 || written_ - armed_at_ >= kPieceBytes) {
    Arm(hub_.options.write_max);
    armed_at_ = written_;
  }
  if (response_.long_body && written_ < response_.body_bytes()) chunk_ = response_.long_body->Next();
  const auto piece =
      response_.long_body ? std::string_view(chunk_) : std::string_view(response_.body).substr(written_, kPieceBytes);
  stream_->Write({head_, piece}, [self = shared_from_this(), size = piece.size()](Moved moved) {
    if (self->state_ != State::kWriting) return;
    if (!moved.is_done()) return self->CloseNow();
    self->head_.clear();
    self->written_ += size;
    if (self->written_ < self->response_.body_bytes()) return self->WriteWhole();
    self->OnWritten();
  });
}

void Session::OnWritten() {
  response_ = {};
  std::string().swap(chunk_);
  written_ = 0;
  if (!is_kept_alive_ || hub_.is_draining) return Linger();
  WaitForRequest();
}

/// Closing with unread input would take the answer away from the other side, so what still comes is read and dropped.
void Session::Linger() {
  state_ = State::kLingering;
  Arm(hub_.options.linger_max);
  stream_->EndWriting();
  Discard();
}

void Session::Discard() {
  trash_.resize(kTrashBytes);
  stream_->Read(trash_, [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kLingering) return;
    self->discarded_ += moved.bytes;
    if (!moved.is_done() || self->discarded_ > kLingerBytesMax) return self->CloseNow();
    self->Discard();
  });
}

void Session::StartStream() {
  state_ = State::kStreaming;
  is_kept_alive_ = false;
  input_.Release();
  is_writing_ = true;
  is_ending_ = false;
  head_ = FormatHead(response_, is_http10_ ? Framing::kUntilClose : Framing::kChunked, false);
  Arm(hub_.options.write_max);
  stream_->Write({head_}, [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kStreaming) return;
    if (!moved.is_done()) return self->CloseNow();
    self->is_writing_ = false;
    self->response_.stream->SetNotify([weak = std::weak_ptr(self)] {
      const auto session = weak.lock();
      if (!session || session->is_woken_.exchange(true)) return;  // One wake-up in the queue is enough.
      if (!session->hub_.Wake(weak)) session->is_woken_ = false;
    });
    self->Pump();
  });
  WatchForEnd();
}

/// A read that is always pending: the only way to notice a watcher that has gone while there is nothing to say.
void Session::WatchForEnd() {
  trash_.resize(kTrashBytes);
  stream_->Read(trash_, [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kStreaming) return;
    if (!moved.is_done()) return self->CloseNow();
    self->WatchForEnd();
  });
}

void Session::PumpSoon() {
  is_woken_ = false;
  try {
    stream_->Dispatch([self = shared_from_this()] { self->Pump(); });
  } catch (const std::exception& exception) {  // Memory ran out: those who were woken with it go on.
    host::log::Error("a connection failed", {{"what", exception.what()}});
  }
}

/// An event goes out and the stream has nothing more: both at once, for a turn in the reactor's queue costs as much as
/// all else. What has still more to say, or a reader who is slow, has to wait for its turns.
void Session::Pump() {
  if (state_ != State::kStreaming || is_writing_) return;
  try {
    if (PumpOnce(false)) PumpOnce(true);
  } catch (const std::exception& exception) {  // Memory ran out. What was pulled is lost: the client has to list again.
    host::log::Error("a stream failed", {{"what", exception.what()}});
    CloseNow();
  }
}

/// True when a chunk went out and the stream may have more.
bool Session::PumpOnce(bool may_wait) {
  if (is_ending_ || !IsStillGood()) {
    EndStream();
    return false;
  }
  Chunk chunk = PullGuarded();
  chunk_.swap(chunk.bytes);  // A string that is assigned nothing keeps its memory.
  is_ending_ = chunk.is_last;
  if (!chunk_.empty()) {
    const bool is_all = chunk.wake_after && chunk.wake_after->count() > 0;
    if (!WriteChunk(may_wait)) return false;
    std::string().swap(chunk_);
    if (is_ending_ || !is_all) return true;
  } else if (is_ending_) {
    EndStream();
    return false;
  }
  ArmWake(chunk.wake_after);
  return false;
}

/// Pumps again after that time, or earlier: a deadline that is set already stays, for setting one costs as much as
/// telling an event.
void Session::ArmWake(std::optional<std::chrono::milliseconds> wait) {
  if (!origin_.caller) wait = std::min<std::chrono::milliseconds>(wait.value_or(kProofMax), kProofMax);
  if (!wait) return;
  const auto at = std::chrono::steady_clock::now() + *wait;
  if (wake_at_ && *wake_at_ <= at) return;
  Arm(*wait);
  wake_at_ = at;
}

/// Whether who opened a stream may still ask: a token that is revoked ends what it began.
bool Session::IsStillGood() {
  if (origin_.caller) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now - proven_at_ < kProofMax) return true;
  proven_at_ = now;
  return hub_.service.identify({.authorization = proof_, .address = origin_.address}).has_value();
}

Chunk Session::PullGuarded() const {
  try {
    return response_.stream->Pull();
  } catch (const std::exception& exception) {
    host::log::Error("a stream threw", {{"what", exception.what()}});
    return {.is_last = true};
  }
}

/// True when all of it went out at once, which is tried if it need not wait.
bool Session::WriteChunk(bool may_wait) {
  std::array<char, 20> size{};
  const int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk_.size());
  head_ = is_http10_ ? std::string() : std::string(size.data(), static_cast<std::size_t>(digits));
  Stream::Parts parts{head_, chunk_, is_http10_ ? "" : "\r\n"};
  if (!may_wait && stream_->WriteSome(parts)) return true;
  is_writing_ = true;
  Arm(hub_.options.write_max);
  stream_->Write(parts, [self = shared_from_this()](Moved moved) {
    if (self->state_ != State::kStreaming) return;
    if (!moved.is_done()) return self->CloseNow();
    self->is_writing_ = false;
    self->Pump();
  });
  return false;
}

void Session::EndStream() {
  is_ending_ = true;
  if (is_writing_) return;  // Comes back when the chunk is out.
  response_.stream->SetNotify({});
  response_.stream.reset();
  response_.body.clear();
  head_ = is_http10_ ? "" : "0\r\n\r\n";
  stream_->CancelWaits();  // What lingers afterwards has the socket to itself.
  WriteWhole();
}

}  // namespace server
