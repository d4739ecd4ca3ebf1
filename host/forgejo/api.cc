#include "host/forgejo/api.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "host/linux/token_file.h"

namespace host::forgejo {

namespace {

using api::Code;
using api::Error;
using api::Expected;
using std::chrono::seconds;

constexpr int kHopsMax = 3;             // Renamed twice, and one to spare.
constexpr seconds kWaitMax{600};        // The slow rescan comes no sooner.
constexpr seconds kWaitUnsaid{60};      // For a Retry-After that is a date.
constexpr std::size_t kWordsMax = 200;  // Of a server's message: it is foreign text, in the account's language.

std::string Header(const HttpAnswer& answer, const std::string& name) {
  const auto entry = answer.headers.find(name);
  return entry == answer.headers.end() ? std::string() : entry->second;
}

std::optional<std::int64_t> NumberOf(const std::string& text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// `GET /repos/o/r`, without the query.
std::string Named(const Call& call) { return call.method + " " + call.path.substr(0, call.path.find('?')); }

std::string Words(const api::Json& body) {
  const api::Json* message = body.Find("message");
  const std::string text = message == nullptr ? "" : api::codec::Printable(message->StringOr(""), kWordsMax);
  return text.empty() ? "" : ": " + text;
}

Error ErrorOf(Code code, const char* reason, const Call& call, int status, const std::string& more) {
  return {code, reason, Named(call) + ": the forge answered " + std::to_string(status) + more};
}

/// The error of a status that no caller cares about; none for those that a Reply carries.
std::optional<Error> RefusalOf(const Call& call, int status, const api::Json& body) {
  const std::string words = Words(body);
  if ((status >= 200 && status < 300) || status == 404 || status == 409 || status == 422 || status == 500)
    return std::nullopt;
  if (status == 401)
    return ErrorOf(Code::kForbidden, "TokenRefused", call, status,
                   words + "; make a new token and write it to [forge].token_file");
  if (status == 403)
    return ErrorOf(Code::kForbidden, "RightMissing", call, status,
                   words + "; the token needs the scope " + call.scope + ", and its account that right");
  if (status == 413) return ErrorOf(Code::kForbidden, "QuotaExceeded", call, status, words);
  if (status == 423) return ErrorOf(Code::kForbidden, "RepositoryArchived", call, status, words);
  if (status == 429 || status > 500) return ErrorOf(Code::kUnavailable, "ForgeUnavailable", call, status, words);
  return ErrorOf(Code::kInvalid, "ForgeRefused", call, status, words);
}

}  // namespace

Api::Api(ForgeUrl url, std::string token_file, HttpClient& client, const Clock& clock)
    : url_(std::move(url)), token_file_(std::move(token_file)), client_(client), clock_(clock) {}

Expected<HttpAnswer> Api::SendOnce(const HttpRequest& request, const Call& call, const Budget& budget) {
  const auto left = std::chrono::floor<std::chrono::milliseconds>(budget.end - clock_.SteadyNow());
  if (left.count() <= 0) return Error{Code::kTimeout, "ForgeTimeout", Named(call) + ": no time is left"};
  auto answer = client_.Send(request, {.deadline = left}, budget.stop);
  if (!answer) return answer.error().Within(Named(call));
  return answer;
}

Expected<HttpAnswer> Api::Follow(HttpRequest request, const Call& call, const Budget& budget) {
  for (int hops_left = kHopsMax;; --hops_left) {
    auto answer = SendOnce(request, call, budget);
    if (!answer || !IsRedirect(answer->status)) return answer;
    // What is not 307 or 308 turns a write into a read.
    const bool keeps_method = answer->status == 307 || answer->status == 308 || request.method == "GET";
    const auto target = TargetAt(url_.origin, Header(*answer, "location"));
    if (!target || !keeps_method || hops_left == 0 || !target->starts_with(url_.root + "/api/v1/"))
      return ErrorOf(Code::kForbidden, "RedirectRefused", call, answer->status,
                     ", a redirect that we do not follow; is [forge].url the forge's own address?");
    request.target = *target;
  }
}

void Api::Heed(const HttpAnswer& answer) {
  const std::string said = Header(answer, "retry-after");
  if (said.empty() || (answer.status != 429 && answer.status != 503)) return;
  const auto number = NumberOf(said);
  const seconds wait = number ? seconds(std::min<std::int64_t>(*number, kWaitMax.count())) : kWaitUnsaid;
  const std::lock_guard lock(mutex_);
  not_before_ = std::max(not_before_, clock_.SteadyNow() + wait);
}

Expected<Reply> Api::Send(const Call& call, const Budget& budget) {
  if (budget.stop.stop_requested()) return Error{Code::kUnavailable, "Stopped", Named(call) + ": we are stopping"};
  {
    const std::lock_guard lock(mutex_);
    if (clock_.SteadyNow() < not_before_)
      return Error{Code::kUnavailable, "ForgeUnavailable", Named(call) + ": the forge asked us to wait, and we do"};
  }
  const auto token = linux::ReadTokenFile(token_file_);
  if (!token) return token.error();
  HttpRequest request{
      .method = call.method,
      .target = url_.root + "/api/v1" + call.path,
      .headers = {
          {"Accept", "application/json"}, {"Authorization", "token " + *token}, {"User-Agent", "hero-team-box"}}};
  if (!call.body.is_null()) {
    request.body = api::codec::WriteJson(call.body);
    request.headers["Content-Type"] = "application/json";
  }
  const auto answer = Follow(std::move(request), call, budget);
  if (!answer) return answer.error();
  Heed(*answer);
  // A server that sends the token back, in whatever words, is not quoted.
  auto body = answer->body.empty() || answer->body.find(*token) != std::string::npos
                  ? Expected<api::Json>(api::Json())
                  : api::codec::ParseJson(answer->body, {.bytes_max = HttpLimits{}.body_bytes_max});
  if (auto refusal = RefusalOf(call, answer->status, body ? *body : api::Json())) return *refusal;
  Reply reply{.status = answer->status, .total_count = NumberOf(Header(*answer, "x-total-count"))};
  if (body)
    reply.body = *std::move(body);
  else if (reply.is_success())
    return Error{Code::kUnavailable, "BadAnswer", Named(call) + ": the answer is no JSON: " + body.error().message};
  return reply;
}

Error Api::Unexpected(const Call& call, const Reply& reply) {
  const std::string words = Words(reply.body);
  switch (reply.status) {
    case 404:
      return ErrorOf(Code::kNotFound, "NotFound", call, reply.status, words);
    case 409:
      return ErrorOf(Code::kConflict, "Conflict", call, reply.status, words);
    case 422:
      return ErrorOf(Code::kInvalid, "ForgeRefused", call, reply.status, words);
    default:
      return ErrorOf(Code::kUnavailable, "ForgeUnavailable", call, reply.status, words);
  }
}

}  // namespace host::forgejo
