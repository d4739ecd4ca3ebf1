#include "server/status.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/codec/json.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Json;

constexpr int kRetrySeconds = 1;  // What Kubernetes answers; its clients come again by themselves.

struct HttpReason {
  std::string_view reason;
  int status;
};

/// Reasons that no kind of failure stands for.
constexpr std::array kHttpReasons{
    HttpReason{"BadRequest", 400},
    HttpReason{"Unauthorized", 401},
    HttpReason{"MethodNotAllowed", 405},
    HttpReason{"NotAcceptable", 406},
    HttpReason{"RequestTimeout", 408},
    HttpReason{"RequestEntityTooLarge", 413},
    HttpReason{"UnsupportedMediaType", 415},
    HttpReason{"TooManyRequests", 429},
    HttpReason{"RequestHeaderFieldsTooLarge", 431},
};

const HttpReason* FindReason(const Error& error) {
  const auto found = std::find_if(kHttpReasons.begin(), kHttpReasons.end(),
                                  [&](const HttpReason& row) { return row.reason == error.reason; });
  return found == kHttpReasons.end() ? nullptr : found;
}

bool IsWorthRetrying(int status) { return status == 429 || status == 503 || status == 504; }

Json CausesOf(const Error& error) {
  Json::Array causes;
  for (const api::Cause& cause : error.causes) {
    Json json = Json::Of({{"reason", cause.reason}, {"message", cause.message}});
    if (!cause.field.empty()) json["field"] = cause.field;
    causes.push_back(std::move(json));
  }
  return Json(std::move(causes));
}

/// Errors about content name the kind, all others the plural; of the contents the missing version is the exception.
const std::string& KindInDetails(const Error& error, const Subject& subject) {
  const bool is_version = error.causes.size() == 1 && error.causes.front().field == "metadata.resourceVersion";
  const bool is_content = error.code == Code::kInvalid && !FindReason(error) && !is_version;
  return subject.plural.empty() || is_content ? subject.kind : subject.plural;
}

/// What is wrong with the request itself names no object.
bool IsAboutSubject(const Error& error) { return !FindReason(error) || error.reason == "MethodNotAllowed"; }

Json DetailsOf(const Error& error, const Subject& given) {
  Json details;
  const Subject subject = IsAboutSubject(error) ? given : Subject{};
  if (!subject.name.empty()) details["name"] = subject.name;
  if (!subject.group.empty()) details["group"] = subject.group;
  if (const std::string& kind = KindInDetails(error, subject); !kind.empty()) details["kind"] = kind;
  if (!error.causes.empty()) details["causes"] = CausesOf(error);
  if (IsWorthRetrying(HttpStatus(error))) details["retryAfterSeconds"] = kRetrySeconds;
  return details;
}

}  // namespace

Subject Subject::Of(const api::schema::Kind& kind, std::string_view name) {
  return {.group = kind.group, .kind = kind.kind, .plural = kind.plural, .name = std::string(name)};
}

Subject Subject::OfOptions(std::string_view kind) { return {.group = "meta.k8s.io", .kind = std::string(kind)}; }

int HttpStatus(const Error& error) {
  if (const HttpReason* row = FindReason(error)) return row->status;
  switch (error.code) {
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kConflict:
      return 409;
    case Code::kInvalid:
      return 422;
    case Code::kForbidden:
      return 403;
    case Code::kExpired:
      return 410;
    case Code::kUnavailable:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kInternal:
      return 500;
  }
  return 500;
}

Json StatusObject(const Error& error, const Subject& subject) {
  const HttpReason* row = FindReason(error);
  const bool is_internal = error.code == Code::kInternal;
  Json json = Json::Of({{"kind", "Status"},
                        {"apiVersion", "v1"},
                        {"metadata", Json::EmptyObject()},
                        {"status", "Failure"},
                        {"message", is_internal ? "Internal error occurred: " + error.message : error.message},
                        {"reason", row ? row->reason : CodeName(error.code)},
                        {"code", HttpStatus(error)}});
  if (Json details = DetailsOf(error, subject); !details.is_null()) json["details"] = std::move(details);
  return json;
}

Response Refuse(const Error& error, const Subject& subject) {
  const int status = HttpStatus(error);
  Response response = JsonResponse(status, api::codec::WriteJson(StatusObject(error, subject)));
  if (IsWorthRetrying(status)) response.With("Retry-After", std::to_string(kRetrySeconds));
  return response;
}

Error MethodNotAllowed(std::string message) { return {Code::kInvalid, "MethodNotAllowed", std::move(message)}; }

Error UnsupportedMediaType(std::string_view accepted) {
  return {Code::kInvalid, "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: " + std::string(accepted)};
}

Error TooManyRequests(std::string message) { return {Code::kUnavailable, "TooManyRequests", std::move(message)}; }

Error InvalidOption(std::string_view options_kind, api::Cause cause) {
  std::string message =
      std::string(options_kind) + ".meta.k8s.io \"\" is invalid: " + cause.field + ": " + cause.message;
  return {Code::kInvalid, "Invalid", std::move(message), {std::move(cause)}};
}

Response TypedResponse(int status, std::string_view media_type, std::string body) {
  Response response{.status = status, .body = std::move(body)};
  response.With("Content-Type", std::string(media_type)).With("Cache-Control", "no-cache, private");
  return response;
}

Response JsonResponse(int status, std::string body) {
  return TypedResponse(status, "application/json", std::move(body));
}

Response TextResponse(int status, std::string body) {
  Response response{.status = status, .body = std::move(body)};
  response.With("Content-Type", "text/plain; charset=utf-8").With("X-Content-Type-Options", "nosniff");
  return response;
}

Response PageNotFound() { return TextResponse(404, "404 page not found\n"); }

}  // namespace server
