#pragma once

#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "api/schema/schema.h"
#include "reconciler/admission.h"
#include "server/http.h"

/// Errors on the wire: Kubernetes' Status objects.
namespace server {

/// What an error is about. All empty: nothing that has a kind.
struct Subject {
  std::string group{};
  std::string kind{};    ///< `User`: named by errors about an object's content.
  std::string plural{};  ///< `users`: named by all others.
  std::string name{};

  static Subject Of(const api::schema::Kind& kind, std::string_view name = "");
  /// Of the options of a request: `CreateOptions`.
  static Subject OfOptions(std::string_view kind);
};

/// The HTTP status of an error: by its reason where the reason is one of HTTP's own, else by its code.
int HttpStatus(const api::Error& error);
api::Json StatusObject(const api::Error& error, const Subject& subject = {});
Response Refuse(const api::Error& error, const Subject& subject = {});

/// Errors that only HTTP knows. They are kInvalid (trying again is no use) or kUnavailable.
using reconciler::BadRequest;
api::Error MethodNotAllowed(std::string message);
api::Error UnsupportedMediaType(std::string_view accepted);
api::Error TooManyRequests(std::string message);
/// A wrong option: one cause. `options_kind` as in Subject::OfOptions.
api::Error InvalidOption(std::string_view options_kind, api::Cause cause);

/// A document that is never to be cached.
Response TypedResponse(int status, std::string_view media_type, std::string body);
Response JsonResponse(int status, std::string body);
Response TextResponse(int status, std::string body);
/// What Kubernetes says of a path that it does not serve.
Response PageNotFound();

}  // namespace server
