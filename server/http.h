#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "server/caller.h"

/// HTTP as the handlers see it: values, no sockets, no library.
namespace server {

struct Header {
  std::string name{};  ///< Lower-case in requests.
  std::string value{};
};

/// The parameters behind `?`. Of a name that is given twice the first counts, as in Kubernetes.
class Query {
 public:
  Query() = default;
  explicit Query(std::vector<std::pair<std::string, std::string>> parameters) : parameters_(std::move(parameters)) {}

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  /// Empty when it is absent.
  std::string_view Get(std::string_view name) const;
  /// All values of a name that may be given more than once, as long as this.
  std::vector<std::string_view> GetAll(std::string_view name) const;
  /// Kubernetes' booleans: absent, `0` and any case of `false` are false, everything else is true, the empty text too.
  bool IsTrue(std::string_view name) const;

 private:
  const std::string* Find(std::string_view name) const;

  std::vector<std::pair<std::string, std::string>> parameters_{};
};

/// Where a request goes: decoded, free of tricks.
struct Target {
  std::vector<std::string> segments{};  ///< Of the path; a trailing slash leaves no trace.
  Query query{};
};

/// Reads `/path/to?a=b`. Errors: kInvalid for what could mean one thing here and another elsewhere (SEC-30): no leading
/// slash, empty and dot segments, encoded slashes, control characters, broken percent codes, invalid UTF-8.
api::Expected<Target> ParseTarget(std::string_view text);

struct Request {
  std::string method{};  ///< `GET`
  Target target{};
  std::vector<Header> headers{};
  std::string body{};
  Caller caller{};

  /// The first header of that lower-case name; empty when there is none.
  std::string_view Find(std::string_view name) const;
  /// `Content-Type` without parameters, lower-case; empty when there is none.
  std::string MediaType() const;
};

/// What a stream has to say at one moment.
struct Chunk {
  std::string bytes{};
  bool is_last = false;
  /// Pull again then, even when nothing is notified. More than none: there is nothing else to say now.
  std::optional<std::chrono::milliseconds> wake_after{};
};

/// A body that goes on. Pulled, so that a slow reader costs one chunk and blocks nobody.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;

  /// What is to be sent now. Never blocks; called by one thread at a time.
  virtual Chunk Pull() = 0;
  /// `notify` is called, from any thread, when Pull has something to say after it had nothing. An empty function ends
  /// that; no call begins after it returned.
  virtual void SetNotify(std::function<void()> notify) = 0;
};

/// A body that is made as it is sent, so that a long one is never in memory whole.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// All of its bytes, known before the first.
  virtual std::size_t size() const = 0;
  /// What comes next; not empty before all was given. Never blocks; called by one thread at a time.
  virtual std::string Next() = 0;
};

struct Response {
  int status = 200;
  std::vector<Header> headers{};
  std::string body{};
  std::unique_ptr<BodySource> long_body{};  ///< In place of `body`.
  std::unique_ptr<ChunkSource> stream{};    ///< In place of both.
  /// Of a refusal that comes too early: once this is true the request is served anew. Until that it is asked every few
  /// milliseconds, for `ListenerOptions::early_max`. Thread-safe, never waits. Null: the answer stands.
  std::function<bool()> is_outdated{};

  std::size_t body_bytes() const { return long_body ? long_body->size() : body.size(); }
  Response& With(std::string name, std::string value);
};

/// How the end of a body is told.
enum class Framing { kLength, kChunked, kUntilClose };

/// Status line and headers up to the empty line. Control characters in values become `?`: no header splits another.
std::string FormatHead(const Response& response, Framing framing, bool is_kept_alive);

}  // namespace server
