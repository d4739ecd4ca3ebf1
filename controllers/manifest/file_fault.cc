#include "controllers/manifest/file_fault.h"

#include <utility>

#include "api/meta/words.h"

namespace controllers {
namespace {

/// `spec.limits.memory` as the file has it: `limits.memory`; `spec.branchSuffix`: `branch_suffix`.
std::string KeyOf(std::string_view field) {
  constexpr std::string_view kSpec = "spec.";
  if (field.starts_with(kSpec)) field.remove_prefix(kSpec.size());
  std::string key;
  for (const char c : field) {
    if (c >= 'A' && c <= 'Z') key += '_';
    key += api::LowerCase(c);
  }
  return key;
}

/// `Invalid value: "x": spec.email in body must be of type email: "x"` without the words about bodies.
std::string WithoutBody(const std::string& message) {
  constexpr std::string_view kBody = " in body ";
  const std::size_t at = message.rfind(kBody);
  return at == std::string::npos ? message : message.substr(at + kBody.size());
}

}  // namespace

api::Error FileFault(std::string key, std::string message) {
  return {api::Code::kInvalid, "InvalidFile", message, {{std::move(key), "FieldValueInvalid", message}}};
}

std::optional<api::Error> SchemaFault(const SpecCheck& check, std::string_view resource, const api::Json& spec) {
  if (!check) return std::nullopt;
  const std::vector<api::Cause> causes = check(resource, spec);
  if (causes.empty()) return std::nullopt;
  const std::string key = KeyOf(causes.front().field);
  std::string message = key + ": " + WithoutBody(causes.front().message);
  if (causes.size() > 1) message += " (and " + std::to_string(causes.size() - 1) + " more)";
  return FileFault(key, std::move(message));
}

}  // namespace controllers
