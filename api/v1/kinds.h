#pragma once

#include <tuple>

#include "api/v1/manifest_template.h"
#include "api/v1/org_key.h"
#include "api/v1/repository.h"
#include "api/v1/slot.h"
#include "api/v1/team.h"
#include "api/v1/uid_reservation.h"
#include "api/v1/user.h"

namespace api::v1 {

/// Every kind of this folder. tests/api/kinds_test.cc compares each with its definition in crds/, and sees when one is
/// missing here.
using Kinds = std::tuple<ManifestTemplate, OrgKey, Repository, Slot, Team, UidReservation, User>;

}  // namespace api::v1
