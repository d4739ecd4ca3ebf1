#include "api/meta/object.h"

#include <algorithm>

namespace api {

std::string ResourceName(std::string_view group, std::string_view plural) {
  std::string name(plural);
  if (!group.empty()) name.append(".").append(group);
  return name;
}

std::string ToString(const ObjectKey& key) {
  std::string text = key.resource + "/";
  if (!key.namespace_.empty()) text += key.namespace_ + "/";
  return text + key.name;
}

std::string_view ToString(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

const Condition* CommonStatus::Find(std::string_view type) const {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

bool CommonStatus::IsReady(Generation generation) const {
  const Condition* ready = Find(kReady);
  return ready && ready->status == ConditionStatus::kTrue && observed_generation == generation;
}

}  // namespace api
