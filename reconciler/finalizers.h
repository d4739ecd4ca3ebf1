#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/object.h"
#include "reconciler/client.h"

/// The finalizers that are not a controller's: what a deletion has to wait for, and the collector does. Pure functions.
namespace reconciler {

inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
inline constexpr std::string_view kOrphanFinalizer = "orphan";
/// Of a Namespace that is being deleted, until nothing is in it.
inline constexpr std::string_view kContentsFinalizer = "hero.dev/contents";

bool HasFinalizer(const api::ObjectMeta& metadata, std::string_view name);
bool AwaitsCollector(const api::ObjectMeta& metadata);

/// What a delete with that policy makes of an object's finalizers. Without a policy those of an earlier one stay.
void SetPropagation(std::vector<std::string>& finalizers, std::optional<Propagation> propagation);

}  // namespace reconciler
