#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/json.h"
#include "host/clock.h"
#include "host/forge_url.h"
#include "host/forgejo/http_client.h"

namespace host::forgejo {

struct Call {
  std::string method = "GET";
  std::string path{};   ///< Below /api/v1, with its query; encoded.
  api::Json body{};     ///< Null: none.
  std::string scope{};  ///< What the token needs for it, for messages: `write:repository`.
};

/// An answer that the caller has to tell apart: 2xx, 404, 409, 422 and 500.
struct Reply {
  int status = 0;
  api::Json body{};                           ///< Null when there is none; of an error it may be anything.
  std::optional<std::int64_t> total_count{};  ///< Of a list: over all pages.

  bool is_success() const { return status >= 200 && status < 300; }
};

/// What one operation may use up.
struct Budget {
  std::chrono::steady_clock::time_point end{};
  std::stop_token stop{};
};

/// The calls of a Forgejo API with one token, by the rules that hold for all of them: redirects are followed to the
/// same origin alone, a server that asks us to wait is left alone for so long, nothing is sent twice. Thread-safe.
class Api {
 public:
  Api(ForgeUrl url, std::string token_file, HttpClient& client, const Clock& clock);

  /// Errors: kForbidden (the token, a right that it lacks, an archived repository, a redirect elsewhere), kUnavailable
  /// (also 429, 502-504), kTimeout, kInvalid (what the server calls a client's fault).
  api::Expected<Reply> Send(const Call& call, const Budget& budget);

  /// The error for a reply that the caller did not expect.
  static api::Error Unexpected(const Call& call, const Reply& reply);

 private:
  api::Expected<HttpAnswer> Follow(HttpRequest request, const Call& call, const Budget& budget);
  api::Expected<HttpAnswer> SendOnce(const HttpRequest& request, const Call& call, const Budget& budget);
  void Heed(const HttpAnswer& answer);

  const ForgeUrl url_;
  const std::string token_file_;
  HttpClient& client_;  // Thread-safe; outlives us.
  const Clock& clock_;  // Thread-safe; outlives us.

  std::mutex mutex_;
  // Guarded by mutex_.
  std::chrono::steady_clock::time_point not_before_{};
};

}  // namespace host::forgejo
