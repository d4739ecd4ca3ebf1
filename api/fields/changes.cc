#include "api/fields/changes.h"

#include <string>
#include <utility>
#include <vector>

#include "api/fields/layout.h"

namespace api::fields {
namespace {

using schema::Schema;

bool IsEmptyObject(const Json& value) { return value.is_object() && value.size() == 0; }

FieldSet Collect(const Json& value, const Schema* schema, int depth) {
  FieldSet set;
  const Parts parts = PartsOf(value, schema, depth);
  if (parts == Parts::kNone) set.Insert();
  if (parts == Parts::kMembers)
    for (const Json::Member& member : *value.object()) {
      FieldSet part = Collect(member.value, MemberSchema(schema, member.key), depth + 1);
      const bool is_declared = schema && schema->Property(member.key);
      if (!is_declared || IsEmptyObject(member.value)) part.Insert();
      set.Put(MemberStep(member.key), std::move(part));
    }
  if (parts == Parts::kElements)
    for (const Json& element : *value.array()) {
      FieldSet part = Collect(element, schema->items(), depth + 1);
      part.Insert();
      set.Put(ElementStep(element, *schema), std::move(part));
    }
  return set;
}

/// One part of a container, by its step.
struct Part {
  const Json* before = nullptr;
  const Json* after = nullptr;
  const Schema* schema = nullptr;
};

using PartMap = std::map<std::string, Part>;

void AddParts(const Json& value, const Schema* schema, Parts parts, const Json* Part::*side, PartMap& all) {
  const auto add = [&](std::string step, const Json& part, const Schema* of_part) {
    Part& place = all[std::move(step)];
    place.*side = &part;
    place.schema = of_part;
  };
  if (parts == Parts::kMembers)
    for (const Json::Member& member : *value.object())
      add(MemberStep(member.key), member.value, MemberSchema(schema, member.key));
  if (parts == Parts::kElements)
    for (const Json& element : *value.array()) add(ElementStep(element, *schema), element, schema->items());
}

/// One of both may be null: the value came or went. What changed from one shape to another did both.
Changes Differ(const Json* before, const Json* after, const Schema* schema, int depth) {
  Changes changes;
  if (!before) changes.added.Insert();
  if (!after) changes.removed.Insert();
  if (before && after && *before == *after) return changes;
  const Parts parts_before = before ? PartsOf(*before, schema, depth) : Parts::kNone;
  const Parts parts_after = after ? PartsOf(*after, schema, depth) : Parts::kNone;
  if (before && after && (parts_before != parts_after || parts_before == Parts::kNone)) changes.modified.Insert();
  PartMap all;
  if (before) AddParts(*before, schema, parts_before, &Part::before, all);
  if (after) AddParts(*after, schema, parts_after, &Part::after, all);
  for (const auto& [step, part] : all) {
    Changes below = Differ(part.before, part.after, part.schema, depth + 1);
    changes.added.Put(step, std::move(below.added));
    changes.modified.Put(step, std::move(below.modified));
    changes.removed.Put(step, std::move(below.removed));
  }
  return changes;
}

}  // namespace

FieldSet FieldsOf(const Json& value, const Schema& schema) { return Collect(value, &schema, 0); }

Changes Compare(const Json& before, const Json& after, const Schema& schema) {
  return Differ(&before, &after, &schema, 0);
}

}  // namespace api::fields
