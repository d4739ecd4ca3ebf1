#pragma once

#include <vector>

#include "api/schema/schema.h"

namespace reconciler {

/// The kinds that Kubernetes' clients expect of every server and that no CustomResourceDefinition of ours declares.
std::vector<api::schema::Kind> BuiltinKinds();

}  // namespace reconciler
