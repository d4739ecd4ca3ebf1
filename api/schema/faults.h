#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"

namespace api::schema {

/// What is wrong with a schema or a CustomResourceDefinition, collected so that one look shows all of it.
class Faults {
 public:
  void Add(std::string field, std::string reason, std::string message) {
    if (causes_.size() < kFaultsMax)
      causes_.push_back({.field = std::move(field), .reason = std::move(reason), .message = std::move(message)});
  }
  void AddInvalid(std::string field, std::string_view message) {
    Add(std::move(field), "FieldValueInvalid", "Invalid value: " + std::string(message));
  }
  void AddForbidden(std::string field, std::string_view message) {
    Add(std::move(field), "FieldValueForbidden", "Forbidden: " + std::string(message));
  }
  void AddRequired(std::string field) { Add(std::move(field), "FieldValueRequired", "Required value"); }
  /// All that `error` names.
  void Take(const Error& error);

  bool empty() const { return causes_.empty(); }

  /// kInvalid; one fault as `field: message`, several as `[a, b]`, as Kubernetes does.
  Error ToError(std::string reason) const;

 private:
  static constexpr std::size_t kFaultsMax = 50;  // Enough to start a repair; a hostile schema has any number.

  std::vector<Cause> causes_;
};

}  // namespace api::schema
