#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/json.h"
#include "api/meta/time.h"

namespace api {

/// Which kind of thing: what a CustomResourceDefinition names.
struct KindInfo {
  std::string_view group{};  ///< Empty for the core group.
  std::string_view version{};
  std::string_view kind{};    ///< `User`
  std::string_view plural{};  ///< `users`
  bool is_namespaced = false;
};

/// A kind's name in the store and in errors: `users.hero.dev`, plain `events` for the core group.
std::string ResourceName(std::string_view group, std::string_view plural);
inline std::string ResourceName(const KindInfo& info) { return ResourceName(info.group, info.plural); }

/// Which object: unique in the store. `namespace_` is empty for cluster-scoped kinds.
struct ObjectKey {
  std::string resource{};  ///< ResourceName of its kind.
  std::string namespace_{};
  std::string name{};

  auto operator<=>(const ObjectKey&) const = default;
  bool operator==(const ObjectKey&) const = default;
};

/// `users.hero.dev/alice`, `bindings.hero.dev/alice/hero-slides`.
std::string ToString(const ObjectKey& key);

/// Identity that no rename or re-creation keeps.
struct Uid {
  std::string value{};

  auto operator<=>(const Uid&) const = default;
  bool operator==(const Uid&) const = default;
};

/// The store's revision of the last write to an object; 0 = not stored. Opaque to clients, strictly increasing in one
/// store.
struct ResourceVersion {
  std::int64_t value = 0;

  auto operator<=>(const ResourceVersion&) const = default;
};

/// Counts changes of everything outside metadata and status.
struct Generation {
  std::int64_t value = 0;

  auto operator<=>(const Generation&) const = default;
};

/// Who collects this object once the owner is gone.
struct OwnerReference {
  std::string api_version{};
  std::string kind{};
  std::string name{};
  Uid uid{};
  bool is_controller = false;
  bool blocks_owner_deletion = false;

  bool operator==(const OwnerReference&) const = default;
};

struct ObjectMeta {
  std::string name{};
  std::string generate_name{};  ///< What a name is made from when the object is created without one.
  std::string namespace_{};
  Uid uid{};
  ResourceVersion resource_version{};
  Generation generation{};
  std::optional<Time> creation_timestamp{};
  std::optional<Time> deletion_timestamp{};
  std::map<std::string, std::string> labels{};
  std::map<std::string, std::string> annotations{};
  std::vector<std::string> finalizers{};
  std::vector<OwnerReference> owner_references{};
  Json managed_fields{};  ///< Who wrote which field, an array as Kubernetes has it; null: not tracked, or not said.

  bool operator==(const ObjectMeta&) const = default;

  bool is_deleting() const { return deletion_timestamp.has_value(); }
};

enum class ConditionStatus { kTrue, kFalse, kUnknown };

/// "True", "False", "Unknown".
std::string_view ToString(ConditionStatus status);

/// Ready sums up; Reconciling and Stalled are abnormal-true (absent or False when all is well).
inline constexpr std::string_view kReady = "Ready";
inline constexpr std::string_view kReconciling = "Reconciling";
inline constexpr std::string_view kStalled = "Stalled";

struct Condition {
  std::string type{};
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason{};   ///< CamelCase, one word.
  std::string message{};  ///< What to do next, or what is so.
  Generation observed_generation{};
  Time last_transition{};

  bool operator==(const Condition&) const = default;
};

/// The part of every kind's status that the engine writes and controllers only read.
struct CommonStatus {
  Generation observed_generation{};
  std::vector<Condition> conditions{};
  /// The last value of each wish (an annotation such as `hero.dev/reconcile-requested-at`) that was acted upon.
  std::map<std::string, std::string> handled{};

  bool operator==(const CommonStatus&) const = default;

  /// The condition of that type, null when there is none.
  const Condition* Find(std::string_view type) const;
  /// True when Ready is True for the object's present generation.
  bool IsReady(Generation generation) const;
};

/// One object of any kind: metadata as a value, the rest (spec, status, …) as JSON.
struct Object {
  std::string api_version{};  ///< `hero.dev/v1`, plain `v1` for the core group.
  std::string kind{};
  ObjectMeta metadata{};
  Json body = Json::EmptyObject();  ///< Every top-level member but apiVersion, kind and metadata.

  bool operator==(const Object&) const = default;
};

}  // namespace api
