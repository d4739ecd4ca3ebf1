#include "api/schema/faults.h"

namespace api::schema {

void Faults::Take(const Error& error) { causes_.insert(causes_.end(), error.causes.begin(), error.causes.end()); }

Error Faults::ToError(std::string reason) const {
  std::string message;
  for (const Cause& cause : causes_) {
    if (!message.empty()) message += ", ";
    message += cause.field + ": " + cause.message;
  }
  if (causes_.size() > 1) message = "[" + message + "]";
  return {.code = Code::kInvalid, .reason = std::move(reason), .message = std::move(message), .causes = causes_};
}

}  // namespace api::schema
