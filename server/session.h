#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/http.h"
#include "server/hub.h"
#include "server/input.h"
#include "server/request_parser.h"
#include "server/stream.h"

namespace server {

/// Where a connection comes from.
struct Origin {
  std::optional<Caller> caller{};  ///< Of the control socket: who the kernel says. Else each request has to prove it.
  std::string address{};           ///< Over the network: without its port.
};

/// One connection: requests and answers, one after the other. Everything in it runs on its stream's strand, but for
/// the notification of a stream and the work of a worker.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// The hub outlives this.
  Session(std::unique_ptr<Stream> stream, Hub& hub, Origin origin);
  ~Session();

  // From any thread.
  void Start();
  /// Ends what idles, and everything else after its answer.
  void Drain();
  void Close();
  /// Sends what its stream has to say. On a thread of the reactor.
  void PumpSoon();

 private:
  enum class State { kHandshaking, kIdle, kReading, kWorking, kEarly, kWriting, kStreaming, kLingering, kClosed };

  void Begin();
  void CloseNow();
  void DrainNow();
  void Arm(std::chrono::milliseconds wait);
  void OnDeadline();

  void WaitForRequest();
  void BeginRequest();
  void Parse();
  std::optional<api::Error> Identify();
  void SayContinue();
  void ReadMore();
  void OnReadFailure(Moved::State failure);
  void OnRequest();
  void Dispatch();
  void OnServed(Response response);
  void LookAgain();
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
  bool PumpOnce(bool may_wait);
  void ArmWake(std::optional<std::chrono::milliseconds> wait);
  bool IsStillGood();
  Chunk PullGuarded() const;
  bool WriteChunk(bool may_wait);
  void EndStream();

  const std::unique_ptr<Stream> stream_;
  Hub& hub_;
  const Origin origin_;
  Caller caller_{};  // Over the network: of the last request.
  bool is_known_ = false;
  std::string proof_{};  // Over the network: what the last request showed.
  std::chrono::steady_clock::time_point proven_at_{};

  State state_ = State::kHandshaking;
  Input input_;
  std::optional<RequestParser> parser_;
  bool is_identified_ = false;  // This request.
  bool is_late_ = false;
  bool is_kept_alive_ = false;
  std::shared_ptr<const Request> request_{};  // Shared with the worker that serves it; null once it is answered.
  std::chrono::steady_clock::time_point asked_at_{};
  bool is_head_ = false;
  bool is_http10_ = false;

  Response response_;
  std::size_t written_ = 0;   // Of the response's body.
  std::size_t armed_at_ = 0;  // Of those, when the deadline was set.
  std::string head_;
  std::vector<char> trash_;
  std::size_t discarded_ = 0;

  bool is_writing_ = false;  // Of a stream.
  bool is_ending_ = false;   // Of a stream: after the chunk that is being written.
  std::string chunk_;        // Of a stream or a long body: what is being written.
  std::optional<std::chrono::steady_clock::time_point> wake_at_{};  // When the deadline that is set pumps a stream.
  std::atomic<bool> is_woken_{false};
};

}  // namespace server
