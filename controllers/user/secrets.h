#pragma once

#include <string>

#include "api/v1/user.h"
#include "host/forge.h"
#include "reconciler/plan.h"
#include "reconciler/reader.h"

/// A member's secrets repository at the forge (HTB-12): private, with an example to copy, and shared with the member's
/// forge account. Made once; what is known of it is in the User's status, so that a look needs no network.
namespace controllers {

/// What is known to be at the forge; each empty until it is.
struct SecretsState {
  std::string repository{};
  std::string login{};
  bool is_login_ours = false;  ///< It was herod that let the login in, so herod may take that back.

  bool operator==(const SecretsState&) const = default;
};

/// The repository that a member is to have; empty when the box has no private organisation.
std::string SecretsRepositoryOf(const api::v1::User& object, const std::string& private_org);

/// From the status, or from tasks that ended after it was written. No network.
SecretsState ObserveSecrets(const api::v1::User& object, const reconciler::Reader& reader,
                            const std::string& repository);

/// Makes the repository and lets the member in, each as a task. `forge` outlives the steps.
reconciler::Chain PlanSecrets(const api::v1::User& object, const SecretsState& have, const std::string& repository,
                              host::Forge& forge);

}  // namespace controllers
