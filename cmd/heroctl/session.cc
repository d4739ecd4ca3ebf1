#include "cmd/heroctl/session.h"

#include <array>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace heroctl {
namespace {

constexpr std::size_t kMessageMax = 8192;  // A long list of invalid fields is still worth reading.

/// Reasons of HTTP that no code stands for; those that do are known by their code's name.
constexpr std::array<std::string_view, 9> kHttpReasons{
    "BadRequest",           "Unauthorized",    "MethodNotAllowed",
    "NotAcceptable",        "RequestTimeout",  "RequestEntityTooLarge",
    "UnsupportedMediaType", "TooManyRequests", "RequestHeaderFieldsTooLarge"};

/// What failed on our side has a reason of its own.
bool IsFromServer(const api::Error& error) {
  return error.reason == CodeName(error.code) || api::HasWord(kHttpReasons, error.reason);
}

}  // namespace

int Fail(const Session& session, const api::Error& error) {
  const std::string message = api::codec::Printable(error.message, kMessageMax);
  if (IsFromServer(error))
    session.err << "Error from server (" << api::codec::Printable(error.reason) << "): " << message << "\n";
  else
    session.err << "error: " << message << "\n";
  return 1;
}

api::Expected<std::chrono::milliseconds> ReadTimeout(const Flags& flags, std::string_view otherwise) {
  auto timeout = api::codec::ParseDuration(flags.timeout.empty() ? otherwise : flags.timeout);
  if (!timeout) return UsageError("--timeout: " + timeout.error().message);
  return timeout;
}

void Warn(const Session& session, const std::string& place, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    session.err << "Warning: " << place << (place.empty() ? "" : ": ") << api::codec::Printable(warning) << "\n";
}

api::Error UsageError(std::string message) { return {api::Code::kInvalid, "Usage", std::move(message)}; }

}  // namespace heroctl
