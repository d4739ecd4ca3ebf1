#pragma once

#include <string>

#include "api/meta/expected.h"
#include "cmd/heroctl/flags.h"
#include "controllers/team/hero_team.h"

/// hero_team in a directory, read by the controller's own code, without a box.
namespace heroctl {

/// The rules of a box as the flags describe it. Keeps the kinds' schemas for as long as it lives.
class OfflineRules {
 public:
  /// Errors: those of reading --known-keys.
  static api::Expected<OfflineRules> From(const Flags& flags);

  const controllers::TeamRules& rules() const { return rules_; }
  /// Of --known-keys; no value: names of keys are not checked.
  const std::optional<std::set<std::string>>& org_keys() const { return org_keys_; }

 private:
  controllers::TeamRules rules_;
  std::optional<std::set<std::string>> org_keys_;
};

}  // namespace heroctl
