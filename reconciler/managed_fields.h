#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "api/meta/time.h"
#include "api/schema/schema.h"
#include "reconciler/client.h"

/// Who wrote which field of an object (`metadata.managedFields`), and what an apply does about it. Pure functions.
/// docs/adr/0018 says what is tracked.
namespace reconciler {

inline constexpr std::size_t kFieldManagerMax = 128;  ///< Bytes of a manager's name; Kubernetes' bound.

/// The reason of a conflict between managers, as opposed to one of versions.
inline constexpr std::string_view kApplyConflict = "ApplyConflict";

/// A write, as far as it decides who owns what.
struct FieldWrite {
  const api::schema::Kind& kind;
  std::string manager{};  ///< Empty: the engine. It owns nothing, but what it changes is no longer another's.
  bool is_of_status = false;
  bool is_forced = false;  ///< Of an apply: conflicts are won instead of refused.
  api::Time now{};
};

/// Puts into `next` who owns its fields after a write that is no apply. `before` null: the object is created. What a
/// client sends as managedFields is taken for what stood there before, and an empty list ends the tracking. Errors:
/// kInvalid for managedFields that are none.
api::Expected<void> TrackFields(const FieldWrite& write, const api::Object* before, api::Object& next);

/// The object that `applied` makes of `live`, with its owners; null: it makes a new one. Errors: BadRequest for fields
/// that the schema has not; kConflict with a cause for each field that another manager wants otherwise.
api::Expected<api::Object> ApplyFields(const FieldWrite& write, const api::Object* live, const api::Json& applied);

}  // namespace reconciler
