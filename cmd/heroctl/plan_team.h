#pragma once

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "cmd/heroctl/flags.h"

namespace heroctl {

/// What a hero_team directory would have done, without a box: the document that herod answers a plan with. The
/// directory is the only object that was typed, or the one we are in. Runs git there. Errors: UsageError; kInvalid and
/// others of reading hero_team, with the directory's name; kNotFound for what --against cannot find.
api::Expected<api::Json> PlanTeamDirectory(const Flags& flags);

}  // namespace heroctl
