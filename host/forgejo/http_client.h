#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>

#include "api/meta/expected.h"

namespace host::forgejo {

struct HttpRequest {
  std::string method = "GET";
  std::string target{};                          ///< From the origin's root, percent-encoded, with its query.
  std::map<std::string, std::string> headers{};  ///< Never Host: it would replace the name that TLS checks.
  std::string body{};
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers{};  ///< Names in lower case.
  std::string body{};
};

struct HttpLimits {
  std::chrono::milliseconds deadline{std::chrono::seconds(30)};  ///< For the whole exchange; above 0.
  std::size_t body_bytes_max = 8u << 20;  ///< Of an answer: a pull request's comments come all at once.
};

/// One exchange with one server over TLS. Follows no redirect, tries nothing twice, waits for no longer than the
/// deadline whatever the server does. Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Any status is an answer. Errors: kUnavailable (no connection, a broken or too large answer, stop was asked for),
  /// kTimeout. After an error nobody knows whether the server did what it was asked.
  virtual api::Expected<HttpAnswer> Send(const HttpRequest& request, const HttpLimits& limits,
                                         std::stop_token stop) = 0;
};

}  // namespace host::forgejo
