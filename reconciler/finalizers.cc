#include "reconciler/finalizers.h"

#include <algorithm>

#include "api/meta/words.h"

namespace reconciler {

bool HasFinalizer(const api::ObjectMeta& metadata, std::string_view name) {
  return api::HasWord(metadata.finalizers, name);
}

bool AwaitsCollector(const api::ObjectMeta& metadata) {
  return metadata.is_deleting() &&
         (HasFinalizer(metadata, kForegroundFinalizer) || HasFinalizer(metadata, kOrphanFinalizer) ||
          HasFinalizer(metadata, kContentsFinalizer));
}

void SetPropagation(std::vector<std::string>& finalizers, std::optional<Propagation> propagation) {
  if (!propagation) return;
  const auto want = [&](std::string_view name, bool is_wanted) {
    const bool is_there = api::HasWord(finalizers, name);
    if (is_there && !is_wanted) std::erase(finalizers, name);
    if (!is_there && is_wanted) finalizers.emplace_back(name);
  };
  want(kForegroundFinalizer, propagation == Propagation::kForeground);
  want(kOrphanFinalizer, propagation == Propagation::kOrphan);
}

}  // namespace reconciler
