#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "host/clock.h"

/// HTTP over a unix socket, as the wire's clients need it. Blocking, with a deadline on everything.
namespace client {

struct HttpRequest {
  std::string method = "GET";
  std::string target{};  ///< Path and query, percent-coded.
  std::string accept = "application/json";
  std::string content_type{};
  std::string body{};
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};  ///< Names in lower case.
  std::string body{};
};

/// A body that goes on, line by line. Bounded: a line of more than 16 MiB ends it. One reader thread at a time.
class LineStream {
 public:
  virtual ~LineStream() = default;

  /// The next line without its newline, waiting up to `wait`; no value when there was none in that time or stop was
  /// asked for. Errors: kUnavailable once the stream has ended.
  virtual api::Expected<std::optional<std::string>> Next(std::chrono::milliseconds wait, std::stop_token stop) = 0;
  /// Waits until Next has something new to look at: true then, false when stop was asked for. For a second thread,
  /// while the reader waits for nothing else.
  virtual bool WaitReadable(std::stop_token stop) = 0;
};

/// What came back when a stream was asked for: a stream with status 200, else an answer with a body.
struct OpenedStream {
  HttpResponse head{};
  std::unique_ptr<LineStream> lines{};
};

struct TransportOptions {
  std::string socket_path{};
  std::string act_as{};  ///< The member as whom an operator asks (Impersonate-User); empty: whoever runs this.
  std::chrono::milliseconds connect_max{std::chrono::seconds(5)};
  std::chrono::milliseconds exchange_max{std::chrono::seconds(60)};  ///< A plan of a large team observes for that long.
  std::size_t body_bytes_max = 512u << 20;                           ///< A list of 100 000 objects has about 200 MiB.
};

/// One connection per request: over a unix socket it costs 20 µs, and no request can fall into a connection that the
/// server is closing. Thread-safe. Errors of both calls: kUnavailable (no daemon there, or it went away), kForbidden
/// (the socket is not ours to use), kTimeout.
class Transport {
 public:
  /// `clock` outlives this.
  Transport(TransportOptions options, const host::Clock& clock) : options_(std::move(options)), clock_(clock) {}

  api::Expected<HttpResponse> Exchange(const HttpRequest& request) const;
  api::Expected<OpenedStream> Open(const HttpRequest& request) const;

  const std::string& socket_path() const { return options_.socket_path; }

 private:
  // Constant after construction.
  const TransportOptions options_;
  const host::Clock& clock_;
};

}  // namespace client
