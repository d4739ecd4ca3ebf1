#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "server/http.h"

namespace server {

struct RequestLimits {
  std::size_t header_bytes_max = 0;
  std::size_t body_bytes_max = 0;
};

/// A request as it stood on the wire.
struct ParsedRequest {
  Request request{};     ///< Without target, caller and credentials: no handler can let those out.
  std::string target{};  ///< For ParseTarget.
  bool is_kept_alive = false;
  bool is_http10 = false;
};

/// Reads one HTTP/1.0 or 1.1 request from bytes as they come. Knows no socket. Used by one thread.
class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();

  /// Takes what it can use of `bytes`, which begin with what the last call left, and says how many it took. Stops
  /// behind the request, and behind a head that asks to continue. Errors: kInvalid with an HTTP reason: answer it, and
  /// read no further from there.
  api::Expected<std::size_t> Take(std::string_view bytes);

  bool has_begun() const;
  bool is_done() const;
  /// Whether the head is there; what follows it may be missing.
  bool has_head() const;
  /// Of that head: the only header of that lower-case name. Empty when there is none, or another one beside it.
  std::string_view OnlyHeader(std::string_view name) const;
  /// True once, when the sender waits for `100 Continue` before its body.
  bool AsksToContinue();
  /// Of a request that is done, once.
  ParsedRequest Release();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
