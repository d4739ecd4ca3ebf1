#include "reconciler/managed_fields.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/codec/text.h"
#include "api/fields/changes.h"
#include "api/fields/layout.h"
#include "api/fields/merge.h"
#include "reconciler/admission.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::Object;
using api::fields::FieldSet;
using api::schema::Schema;

constexpr std::size_t kUpdatersMax = 10;    // Kubernetes' bound; what is older is of `ancient-changes`.
constexpr std::size_t kManagersMax = 200;   // Each may own every field, and all are read by every write.
constexpr std::size_t kConflictsMax = 100;  // Told; who reads more of them forces.
constexpr std::size_t kFieldsMax = 50'000;  // Of one object: each costs 300 bytes in every set that has it.
constexpr std::string_view kApply = "Apply";
constexpr std::string_view kUpdate = "Update";
constexpr std::string_view kStatus = "status";

/// What one manager owns by one way of writing.
struct Manager {
  std::string name{};
  std::string operation{};
  std::string api_version{};
  std::string subresource{};
  std::string time{};
  FieldSet fields{};

  bool IsSame(const Manager& other) const {
    return name == other.name && operation == other.operation && api_version == other.api_version &&
           subresource == other.subresource;
  }
};

using Managers = std::vector<Manager>;

Error InvalidManagers(const FieldWrite& write, const Object& object, std::size_t at, std::string message) {
  return InvalidObject(write.kind, object.metadata.name,
                       {{"metadata.managedFields[" + std::to_string(at) + "]", "FieldValueInvalid",
                         "Invalid value: " + std::move(message)}});
}

Expected<Manager> ReadManager(const Json& json) {
  const auto text = [&](std::string_view name) {
    const Json* found = json.Find(name);
    return found ? found->StringOr("") : std::string();
  };
  Manager manager{.name = text("manager"),
                  .operation = text("operation"),
                  .api_version = text("apiVersion"),
                  .subresource = text("subresource"),
                  .time = text("time")};
  const auto invalid = [](std::string message) { return Error{Code::kInvalid, "Invalid", std::move(message)}; };
  if (!json.is_object()) return invalid("an object is needed, not " + std::string(json.TypeName()));
  if (manager.operation != kApply && manager.operation != kUpdate)
    return invalid("operation must be Apply or Update, not \"" + manager.operation + "\"");
  if (manager.name.size() > kFieldManagerMax) return invalid("manager must have at most 128 bytes");
  if (text("fieldsType") != "FieldsV1") return invalid("fieldsType must be FieldsV1");
  if (!manager.time.empty() && !api::codec::ParseTime(manager.time)) return invalid("time is no RFC 3339 time");
  const Json* fields = json.Find("fieldsV1");
  if (!fields) return manager;
  auto set = FieldSet::FromJson(*fields);
  if (!set) return invalid("fieldsV1: " + set.error().message);
  manager.fields = *std::move(set);
  return manager;
}

Expected<Managers> ReadManagers(const FieldWrite& write, const Object& object, const Json& json) {
  Managers managers;
  if (!json.array()) return managers;
  for (const Json& entry : *json.array()) {
    auto manager = ReadManager(entry);
    if (!manager) return InvalidManagers(write, object, managers.size(), manager.error().message);
    managers.push_back(*std::move(manager));
  }
  return managers;
}

Json WriteManager(const Manager& manager) {
  Json json = Json::Of({{"manager", manager.name},
                        {"operation", manager.operation},
                        {"apiVersion", manager.api_version},
                        {"fieldsType", "FieldsV1"},
                        {"fieldsV1", manager.fields.ToJson()}});
  if (!manager.time.empty()) json["time"] = manager.time;
  if (!manager.subresource.empty()) json["subresource"] = manager.subresource;
  return json;
}

auto OrderOf(const Manager& manager) {
  return std::tie(manager.operation, manager.time, manager.name, manager.api_version, manager.subresource);
}

/// The oldest of too many that update become one.
void Cap(Managers& managers, const FieldWrite& write) {
  const auto is_update = [](const Manager& manager) {
    return manager.operation == kUpdate && manager.subresource.empty();
  };
  auto excess = std::count_if(managers.begin(), managers.end(), is_update) - std::ptrdiff_t{kUpdatersMax};
  if (excess <= 0) return;
  Manager ancient{
      .name = "ancient-changes", .operation = std::string(kUpdate), .api_version = write.kind.api_version()};
  for (Manager& manager : managers) {
    if (excess < 0 || !is_update(manager)) continue;
    ancient.time = manager.time;
    ancient.fields.Unite(std::exchange(manager.fields, {}));
    --excess;
  }
  std::erase_if(managers, [](const Manager& manager) { return manager.fields.empty(); });
  managers.push_back(std::move(ancient));
  std::sort(managers.begin(), managers.end(), [](const auto& a, const auto& b) { return OrderOf(a) < OrderOf(b); });
}

/// Ends with null when nobody owns anything.
Json WriteManagers(Managers managers, const FieldWrite& write) {
  std::erase_if(managers, [](const Manager& manager) { return manager.fields.empty(); });
  std::sort(managers.begin(), managers.end(), [](const auto& a, const auto& b) { return OrderOf(a) < OrderOf(b); });
  Cap(managers, write);
  Json json;
  for (const Manager& manager : managers) json.Append(WriteManager(manager));
  return json;
}

/// What of an object can be owned.
Json OwnedPart(const Object& object) {
  const api::ObjectMeta& metadata = object.metadata;
  Json json = api::codec::ObjectToJson({.metadata = {.labels = metadata.labels,
                                                     .annotations = metadata.annotations,
                                                     .finalizers = metadata.finalizers,
                                                     .owner_references = metadata.owner_references},
                                        .body = object.body});
  for (const std::string_view name : {"apiVersion", "kind"}) json.Erase(name);
  return json;
}

std::size_t CountOf(const Json& json) {
  std::size_t count = 1;
  if (json.array())
    for (const Json& element : *json.array()) count += CountOf(element);
  if (json.object())
    for (const Json::Member& member : *json.object()) count += CountOf(member.value);
  return count;
}

/// Errors: RequestEntityTooLarge when so much cannot be tracked.
Expected<void> CheckSize(const Json& json) {
  if (CountOf(json) <= kFieldsMax) return {};
  return Error{Code::kInvalid, "RequestEntityTooLarge",
               "Request entity too large: an object has at most " + std::to_string(kFieldsMax) + " fields"};
}

Json Nothing() { return Json::Of({{"metadata", Json::EmptyObject()}}); }

/// The place of the manager that writes; made when it has none.
Manager& WriterIn(Managers& managers, const FieldWrite& write, std::string_view operation) {
  const Manager writer{.name = write.manager,
                       .operation = std::string(operation),
                       .api_version = write.kind.api_version(),
                       .subresource = write.is_of_status ? std::string(kStatus) : std::string()};
  const auto found =
      std::find_if(managers.begin(), managers.end(), [&](const auto& one) { return one.IsSame(writer); });
  return found != managers.end() ? *found : managers.emplace_back(writer);
}

/// The time moves with the fields alone.
void SetFields(Manager& manager, FieldSet fields, api::Time now) {
  if (manager.fields == fields && !manager.time.empty()) return;
  manager.fields = std::move(fields);
  manager.time = api::codec::FormatTime(now);
}

FieldSet Changed(const api::fields::Changes& changes) {
  FieldSet changed = changes.modified;
  changed.Unite(changes.added);
  return changed;
}

/// What `writer` changed is nobody else's any more.
void TakeAway(Managers& managers, const Manager* writer, const api::fields::Changes& changes) {
  for (Manager& manager : managers) {
    if (&manager == writer) continue;
    manager.fields.Subtract(changes.modified);
    manager.fields.Subtract(changes.added);
    manager.fields.Subtract(changes.removed);
  }
}

/// `[]` and `[{}]` say that nothing is to be tracked.
bool IsReset(const Json& managed) {
  return managed.array() && (managed.size() == 0 || (managed.size() == 1 && managed.array()->front().size() == 0));
}

Error Conflict(const std::vector<std::pair<const Manager*, std::string>>& fields) {
  const auto named = [](const Manager& manager) {
    std::string text = api::codec::WriteJson(Json(manager.name));
    if (!manager.subresource.empty()) text += " with subresource \"" + manager.subresource + "\"";
    return manager.operation == kUpdate ? text + " using " + manager.api_version : text;
  };
  Error error{Code::kConflict, std::string(kApplyConflict)};
  std::string list;
  const Manager* shown = nullptr;
  for (const auto& [manager, path] : fields) {
    if (manager != shown) list += (shown ? "\nconflicts with " : "conflicts with ") + named(*manager) + ":";
    shown = manager;
    list += "\n- " + path;
    error.causes.push_back({path, "FieldManagerConflict", "conflict with " + named(*manager)});
  }
  error.message = fields.size() == 1
                      ? "Apply failed with 1 conflict: conflict with " + named(*shown) + ": " + fields.front().second
                      : "Apply failed with " + std::string(fields.size() == kConflictsMax ? "at least " : "") +
                            std::to_string(fields.size()) + " conflicts: " + list;
  return error;
}

/// Errors: kConflict when others own what the applier changes.
Expected<void> CheckConflicts(const Managers& managers, const Manager& writer, const FieldSet& changed) {
  std::vector<std::pair<const Manager*, std::string>> fields;
  for (const Manager& manager : managers) {
    if (&manager == &writer) continue;
    for (std::string& path : manager.fields.Intersection(changed).Paths(kConflictsMax - fields.size()))
      fields.emplace_back(&manager, std::move(path));
  }
  std::stable_sort(fields.begin(), fields.end(),
                   [](const auto& a, const auto& b) { return a.first->name < b.first->name; });
  if (fields.empty()) return {};
  return Conflict(fields);
}

/// What a manager may apply here: the status below /status, everything else elsewhere.
Json AppliedPart(const FieldWrite& write, const Json& applied) {
  Json part = Json::EmptyObject();
  if (write.is_of_status) {
    if (const Json* status = applied.Find("status")) part["status"] = *status;
    return part;
  }
  part = applied;
  for (const std::string_view name : {"apiVersion", "kind"}) part.Erase(name);
  if (write.kind.has_status) part.Erase("status");
  Json metadata = part.Find("metadata") ? *part.Find("metadata") : Json();
  part.Erase("metadata");
  constexpr std::array<std::string_view, 11> kNeverOwned{"name",
                                                         "namespace",
                                                         "uid",
                                                         "resourceVersion",
                                                         "generation",
                                                         "generateName",
                                                         "creationTimestamp",
                                                         "deletionTimestamp",
                                                         "deletionGracePeriodSeconds",
                                                         "selfLink",
                                                         "managedFields"};
  for (const std::string_view name : kNeverOwned) metadata.Erase(name);
  if (metadata.size() > 0) part["metadata"] = std::move(metadata);
  return part;
}

/// Everything that is there belongs to somebody before the first apply, so that nothing of it is changed unasked.
Manager BeforeFirstApply(const FieldWrite& write, const Object& live, const Schema& schema) {
  Object part = live;
  if (write.kind.has_status) part.body.Erase("status");
  return {.name = "before-first-apply",
          .operation = std::string(kUpdate),
          .api_version = write.kind.api_version(),
          .time = api::codec::FormatTime(write.now),
          .fields = api::fields::Compare(Nothing(), OwnedPart(part), schema).added};
}

std::string NameOf(const Json& applied, const FieldWrite& write) {
  const auto text = [&](std::string_view name) {
    const Json* found = applied.At({"metadata", name});
    return found ? found->StringOr("") : std::string();
  };
  return "(" + text("namespace") + "/" + text("name") + "; " + write.kind.api_version() + ", Kind=" + write.kind.kind +
         ")";
}

/// `base` with its ownable fields replaced by those of `merged`.
Expected<Object> WithOwnedPart(const Object& base, Json merged) {
  Json json = api::codec::ObjectToJson(base);
  Json all = *json.Find("metadata");
  for (const std::string_view name : {"annotations", "finalizers", "labels", "ownerReferences"}) all.Erase(name);
  if (Json* metadata = merged.Find("metadata"); metadata && metadata->object())
    for (const Json::Member& member : *metadata->object()) all[member.key] = member.value;
  merged["metadata"] = std::move(all);
  merged["apiVersion"] = base.api_version;
  merged["kind"] = base.kind;
  auto object = api::codec::ObjectFromJson(std::move(merged));
  if (!object) return BadRequest(object.error().message);
  return object;
}

}  // namespace

Expected<void> TrackFields(const FieldWrite& write, const Object* before, Object& next) {
  Json& managed = next.metadata.managed_fields;
  const Json& stored = before ? before->metadata.managed_fields : managed;
  const bool is_kept = write.is_of_status || managed.is_null();
  if (before && is_kept) managed = stored;
  if (managed.is_null() && (before || write.manager.empty())) return {};
  if (IsReset(managed)) {
    managed = {};
    if (before) return {};
  }
  const Json owned = OwnedPart(next);
  for (const Json* part : {&owned, static_cast<const Json*>(&managed)})
    if (auto small = CheckSize(*part); !small) return small;
  auto managers = ReadManagers(write, next, managed);
  if (!managers) return managers.error();
  if (managers->size() > kManagersMax) return InvalidManagers(write, next, kManagersMax, "too many field managers");
  const Schema schema = api::fields::ObjectSchema(write.kind.schema ? &*write.kind.schema : nullptr);
  const auto changes = api::fields::Compare(before ? OwnedPart(*before) : Nothing(), owned, schema);
  if (changes.empty()) {
    managed = WriteManagers(*std::move(managers), write);
    return {};
  }
  if (write.manager.empty()) {
    TakeAway(*managers, nullptr, changes);
  } else {
    Manager& writer = WriterIn(*managers, write, kUpdate);
    TakeAway(*managers, &writer, changes);
    FieldSet fields = writer.fields;
    fields.Subtract(changes.removed);
    fields.Unite(Changed(changes));
    SetFields(writer, std::move(fields), write.now);
  }
  if (managers->size() > kManagersMax) return InvalidManagers(write, next, kManagersMax, "too many field managers");
  managed = WriteManagers(*std::move(managers), write);
  return {};
}

Expected<Object> ApplyFields(const FieldWrite& write, const Object* live, const Json& applied) {
  const Schema schema = api::fields::ObjectSchema(write.kind.schema ? &*write.kind.schema : nullptr);
  if (const Json* metadata = applied.Find("metadata"); metadata && !metadata->is_object())
    return BadRequest("metadata must be an object, not " + std::string(metadata->TypeName()));
  const Json part = AppliedPart(write, applied);
  if (auto small = CheckSize(part); !small) return small.error();
  if (auto declared = api::fields::CheckDeclared(part, schema); !declared)
    return BadRequest("failed to create typed patch object " + NameOf(applied, write) + ": " +
                      declared.error().message);
  Object base = live ? *live : Object{.api_version = write.kind.api_version(), .kind = write.kind.kind};
  auto managers = ReadManagers(write, base, base.metadata.managed_fields);
  if (!managers) return managers.error();
  if (live && managers->empty()) managers->push_back(BeforeFirstApply(write, *live, schema));

  const Json present = live ? OwnedPart(*live) : Nothing();
  Json merged = present;
  api::fields::Merge(merged, part, schema);
  Manager& writer = WriterIn(*managers, write, kApply);
  const FieldSet last = writer.fields;
  SetFields(writer, api::fields::FieldsOf(part, schema), write.now);
  FieldSet kept;
  for (const Manager& manager : *managers) kept.Unite(manager.fields);
  api::fields::Remove(merged, last, kept, schema);

  const auto changes = api::fields::Compare(present, merged, schema);
  if (auto conflicts = CheckConflicts(*managers, writer, Changed(changes)); !conflicts && !write.is_forced)
    return conflicts.error();
  TakeAway(*managers, &writer, changes);
  if (managers->size() > kManagersMax) return InvalidManagers(write, base, kManagersMax, "too many field managers");
  base.metadata.managed_fields = WriteManagers(*std::move(managers), write);
  return WithOwnedPart(base, std::move(merged));
}

}  // namespace reconciler
