#pragma once

#include <string>

#include "api/meta/time.h"
#include "controllers/team/team_controller.h"
#include "host/forge.h"
#include "reconciler/plan.h"

namespace controllers {

/// The tasks that tell a commit's author at the forge what came of it, by their steps' ids.
std::string PostId(const std::string& repository);
std::string CommentId(const std::string& repository);

/// Posts the result of a state whose head is known, where it is not posted yet; asks for some minutes after that
/// whether the forge has learned by now of the pull request that the commit merged, and comments on it. `forge` is null
/// when there is none; it outlives the steps.
void PlanPost(const TeamState& state, host::Forge* forge, api::Time now, reconciler::Plan& plan);

}  // namespace controllers
