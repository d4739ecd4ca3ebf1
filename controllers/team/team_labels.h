#pragma once

#include <map>
#include <string>

#include "api/v1/team.h"

namespace controllers {

inline constexpr const char* kTeamLabel = "hero.dev/team";

/// Marks what a team declared. No owner reference: what a team declares outlives its object, for a team is declared
/// again and people are not.
inline std::map<std::string, std::string> LabelsOf(const api::v1::Team& team) {
  return {{kTeamLabel, team.metadata.name}};
}

}  // namespace controllers
