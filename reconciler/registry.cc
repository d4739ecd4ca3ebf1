#include "reconciler/registry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

#include "api/codec/object.h"
#include "reconciler/admission.h"
#include "reconciler/owners.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Object;
using api::ObjectKey;
using api::schema::Kind;

ObjectKey KeyOf(const Kind& kind, const Object& object) {
  return {kind.resource(), object.metadata.namespace_, object.metadata.name};
}

Error NoSuchKind(std::string_view resource) {
  return {Code::kNotFound, "NotFound", "the server could not find the requested resource " + std::string(resource)};
}

std::string Quoted(const ObjectKey& key) { return key.resource + " \"" + key.name + "\""; }

Error Modified(const ObjectKey& key, std::string_view why) {
  return {Code::kConflict, "Conflict", "Operation cannot be fulfilled on " + Quoted(key) + ": " + std::string(why)};
}

constexpr std::string_view kStale =
    "the object has been modified; please apply your changes to the latest version and try again";

/// Everything outside metadata and, with a status subresource, outside status: what the generation counts.
bool IsSameSpec(const Kind& kind, const Object& left, const Object& right) {
  if (!kind.has_status) return left.body == right.body;
  api::Json a = left.body;
  api::Json b = right.body;
  a.Erase("status");
  b.Erase("status");
  return a == b;
}

void CopyStatus(const Object& from, Object& to) {
  if (const api::Json* status = from.body.Find("status"))
    to.body["status"] = *status;
  else
    to.body.Erase("status");
}

/// The state as it would be written, for a dry run and for a write that changes nothing.
SnapshotPtr Preview(const ObjectKey& key, const Object& object) {
  Snapshot snapshot = SnapshotOf(key, object);
  snapshot.text = api::codec::WriteObject(object);
  return std::make_shared<const Snapshot>(std::move(snapshot));
}

}  // namespace

Registry::Registry(Store& store, const api::schema::Catalog& catalog, const host::Clock& clock, host::Entropy& entropy)
    : store_(store), catalog_(catalog), clock_(clock), entropy_(entropy) {}

Expected<SnapshotPtr> Registry::Get(const ObjectKey& key) const {
  if (!catalog_.FindResource(key.resource)) return NoSuchKind(key.resource);
  return store_.Get(key);
}

Expected<ObjectList> Registry::List(std::string_view resource, std::string_view namespace_) const {
  if (!catalog_.FindResource(resource)) return NoSuchKind(resource);
  return store_.List(resource, namespace_);
}

Expected<std::unique_ptr<Watch>> Registry::OpenWatch(std::string_view resource, api::ResourceVersion from) {
  if (!catalog_.FindResource(resource)) return NoSuchKind(resource);
  return store_.OpenWatch(resource, from);
}

Expected<Written> Registry::Create(Object object, const WriteOptions& options) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  api::ObjectMeta& metadata = object.metadata;
  metadata.uid = {NewUid()};
  metadata.resource_version = {};
  metadata.generation = {1};
  metadata.creation_timestamp = std::chrono::floor<std::chrono::seconds>(clock_.Now());
  metadata.deletion_timestamp.reset();
  if ((*kind)->has_status) object.body.Erase("status");

  auto warnings = ConformToSchema(**kind, object, options.field_validation);
  if (!warnings) return warnings.error();
  if (auto causes = CheckMetadata(**kind, metadata); !causes.empty())
    return InvalidObject(**kind, metadata.name, std::move(causes));
  if (auto owners = CheckOwners(**kind, object, {}, options); !owners) return owners.error();

  const ObjectKey key = KeyOf(**kind, object);
  const auto alone = LockWrites(key);
  if (options.is_dry_run) {
    if (store_.Get(key)) return Error{Code::kAlreadyExists, "AlreadyExists", Quoted(key) + " already exists"};
    return Written{.object = Preview(key, object), .warnings = *std::move(warnings)};
  }
  auto stored = store_.Commit({.draft = MakeDraft(key, object)});
  if (!stored) return stored.error();
  return Written{.object = *std::move(stored), .warnings = *std::move(warnings)};
}

Expected<Written> Registry::Update(Object object, const WriteOptions& options) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  if (object.metadata.resource_version.value == 0)
    return InvalidObject(
        **kind, object.metadata.name,
        {{"metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update"}});
  const ObjectKey key = KeyOf(**kind, object);
  const auto alone = LockWrites(key);
  auto target = Load(key);
  if (!target) return target.error();
  return Replace(*target, std::move(object), options);
}

Expected<Written> Registry::UpdateStatus(Object object, const WriteOptions& options) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  if (!(*kind)->has_status) return NoSuchKind((*kind)->resource() + "/status");
  const api::ObjectMeta& given = object.metadata;
  const ObjectKey key = KeyOf(**kind, object);
  const auto alone = LockWrites(key);
  auto target = Load(key);
  if (!target) return target.error();
  if (given.resource_version.value != 0 && given.resource_version != target->current->resource_version)
    return Modified(key, kStale);
  if (!given.uid.value.empty() && given.uid != target->current->uid)
    return Modified(key, "the object has been deleted and made anew");

  Object next = target->object;
  CopyStatus(object, next);
  auto warnings = ConformToSchema(**kind, next, options.field_validation);
  if (!warnings) return warnings.error();
  auto written = Save(*target, next, options.is_dry_run);
  if (written) written->warnings = *std::move(warnings);
  return written;
}

Expected<Written> Registry::Patch(const ObjectKey& key, const PatchDocument& patch, const WriteOptions& options) {
  const auto alone = LockWrites(key);
  auto target = Load(key);
  if (!target) return target.error();
  api::Json json = api::codec::ObjectToJson(target->object);
  if (auto patched = ApplyPatch(json, patch); !patched) return patched.error();
  auto next = api::codec::ObjectFromJson(std::move(json));
  if (!next) return BadRequest(next.error().message);
  if (next->metadata.name != key.name || next->metadata.namespace_ != key.namespace_)
    return BadRequest("the name of the object (" + next->metadata.name + ") does not match the name on the URL (" +
                      key.name + ")");
  return Replace(*target, *std::move(next), options);
}

Expected<Written> Registry::Delete(const ObjectKey& key, const DeleteOptions& options) {
  const auto alone = LockWrites(key);
  auto target = Load(key);
  if (!target) return target.error();
  const Snapshot& current = *target->current;
  // Kubernetes names the kind here and the resource in all other conflicts.
  const Kind& kind = *target->kind;
  const ObjectKey named{kind.kind + (kind.group.empty() ? "" : "." + kind.group), "", key.name};
  if (!kind.never_deleted.empty())
    return Error{Code::kForbidden, "Forbidden",
                 Quoted(key) + " is forbidden: it is never deleted: " + kind.never_deleted};
  if (options.uid && *options.uid != current.uid)
    return Modified(named, "the UID in the precondition (" + options.uid->value +
                               ") does not match the UID in record (" + current.uid.value +
                               "). The object might have been deleted and then recreated");
  if (options.resource_version && *options.resource_version != current.resource_version)
    return Modified(
        named, "the ResourceVersion in the precondition (" + std::to_string(options.resource_version->value) +
                   ") does not match the ResourceVersion in record (" + std::to_string(current.resource_version.value) +
                   "). The object might have been modified");
  Object next = target->object;
  if (!next.metadata.is_deleting()) {
    next.metadata.deletion_timestamp = std::chrono::floor<std::chrono::seconds>(clock_.Now());
    ++next.metadata.generation.value;
  }
  return Save(*target, next, options.is_dry_run);
}

std::unique_lock<std::mutex> Registry::LockWrites(const ObjectKey& key) {
  const std::size_t hash = std::hash<std::string>()(key.resource + "/" + key.namespace_ + "/" + key.name);
  return std::unique_lock(writers_[hash % writers_.size()]);
}

Expected<const Kind*> Registry::KindOf(const Object& object) const {
  const Kind* kind = catalog_.FindKind(object.api_version, object.kind);
  if (!kind) return NoSuchKind(object.kind + " of " + object.api_version);
  return kind;
}

Expected<Registry::Target> Registry::Load(const ObjectKey& key) const {
  const Kind* kind = catalog_.FindResource(key.resource);
  if (!kind) return NoSuchKind(key.resource);
  auto current = store_.Get(key);
  if (!current) return current.error();
  auto object = api::codec::ParseObject((*current)->text);
  if (!object) return object.error().Within("stored " + ToString(key));
  return Target{.kind = kind, .key = key, .current = *std::move(current), .object = *std::move(object)};
}

Expected<void> Registry::CheckOwners(const Kind& kind, const Object& object, const Object& before,
                                     const WriteOptions& options) const {
  auto checked = CheckNewOwners(store_, catalog_, kind, object.metadata, before.metadata.owner_references);
  if (!checked && checked.error().code == Code::kInvalid && options.is_foreseen) return {};
  return checked;
}

/// Brings what a client sent into shape against the present state, then saves it.
Expected<Written> Registry::Replace(const Target& target, Object next, const WriteOptions& options) {
  const api::ObjectMeta& before = target.object.metadata;
  api::ObjectMeta& metadata = next.metadata;
  if (metadata.resource_version != target.current->resource_version) return Modified(target.key, kStale);
  if (!metadata.uid.value.empty() && metadata.uid != before.uid)
    return Modified(target.key, "the UID in the object (" + metadata.uid.value +
                                    ") does not match the UID in record (" + before.uid.value + ")");
  metadata.uid = before.uid;
  metadata.creation_timestamp = before.creation_timestamp;
  metadata.deletion_timestamp = before.deletion_timestamp;
  metadata.generation = before.generation;
  if (target.kind->has_status) CopyStatus(target.object, next);

  auto warnings = ConformToSchema(*target.kind, next, options.field_validation);
  if (!warnings) return warnings.error();
  auto causes = CheckMetadata(*target.kind, metadata);
  const auto is_old = [&](const std::string& name) {
    return std::find(before.finalizers.begin(), before.finalizers.end(), name) != before.finalizers.end();
  };
  if (before.is_deleting() && !std::all_of(metadata.finalizers.begin(), metadata.finalizers.end(), is_old))
    causes.push_back({"metadata.finalizers", "FieldValueForbidden",
                      "Forbidden: no new finalizers can be added if the object is being deleted"});
  if (!causes.empty()) return InvalidObject(*target.kind, metadata.name, std::move(causes));
  if (auto owners = CheckOwners(*target.kind, next, target.object, options); !owners) return owners.error();

  if (!IsSameSpec(*target.kind, target.object, next)) ++metadata.generation.value;
  auto written = Save(target, next, options.is_dry_run);
  if (written) written->warnings = *std::move(warnings);
  return written;
}

/// Writes the next state of an object: not at all when it equals the present one, as its last one when nothing holds
/// it.
Expected<Written> Registry::Save(const Target& target, const Object& next, bool is_dry_run) {
  const bool is_removal = next.metadata.is_deleting() && next.metadata.finalizers.empty();
  if (!is_removal && next == target.object) return Written{.object = target.current};
  if (is_dry_run) return Written{.object = Preview(target.key, next), .is_removed = is_removal};
  auto stored = store_.Commit(
      {.draft = MakeDraft(target.key, next), .is_removal = is_removal, .expected = target.current->resource_version});
  if (!stored) return stored.error();
  return Written{.object = *std::move(stored), .is_removed = is_removal};
}

/// RFC 4122, version 4.
std::string Registry::NewUid() {
  std::array<std::uint64_t, 2> bits{entropy_.Next(), entropy_.Next()};
  bits[0] = (bits[0] & 0xffffffffffff0fffULL) | 0x0000000000004000ULL;
  bits[1] = (bits[1] & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  std::string text;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text += '-';
    text += kDigits[(bits[static_cast<std::size_t>(nibble / 16)] >> (60 - 4 * (nibble % 16))) & 0xf];
  }
  return text;
}

}  // namespace reconciler
