#include "reconciler/registry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "reconciler/admission.h"
#include "reconciler/finalizers.h"
#include "reconciler/owners.h"
#include "reconciler/source.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Object;
using api::ObjectKey;
using api::schema::Kind;
using api::schema::KindPtr;

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

/// A batch of the store (StoreOptions::batch_max): more at once would only hold up others who write these objects.
constexpr std::size_t kTogetherMax = 128;
constexpr std::size_t kRevisionDigitsMax = 19;  // Of 64 bits; they come into the text with the commit.
constexpr std::size_t kLockedMax = 48;          // Locks of one thread; ThreadSanitizer follows 64.

/// An update has to name the state that it was made from.
bool IsUpdate(const Object& object) { return object.metadata.resource_version.value != 0; }

constexpr std::string_view kNamespaces = "namespaces";

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

/// Of a merge patch what a status may take: the status, and the version that it is for.
PatchDocument StatusPart(const PatchDocument& patch) {
  if (patch.type != PatchType::kMerge) return patch;
  api::Json part = api::Json::EmptyObject();
  if (const api::Json* status = patch.json.Find("status")) part["status"] = *status;
  if (const api::Json* version = patch.json.At({"metadata", "resourceVersion"}))
    part["metadata"]["resourceVersion"] = *version;
  return part;
}

/// The version and the uid that an applied object names. `current` null: there is none.
Expected<void> CheckPreconditions(const ObjectKey& key, const Snapshot* current, const api::Json& applied) {
  const api::Json* version = applied.At({"metadata", "resourceVersion"});
  const api::Json* uid = applied.At({"metadata", "uid"});
  const auto differs = [](const api::Json* given, const std::string& present) {
    return given && !given->StringOr("").empty() && given->StringOr("") != present;
  };
  if (differs(version, current ? std::to_string(current->resource_version.value) : "")) return Modified(key, kStale);
  if (differs(uid, current ? current->uid.value : ""))
    return Modified(key, "the UID in the object (" + uid->StringOr("") + ") does not match the UID in record (" +
                             (current ? current->uid.value : "") + ")");
  return {};
}

constexpr int kNameTries = 8;  // As Kubernetes; a second one is needed once in millions.
/// How deep arrays and objects are nested in a text that WriteJson made.
int DepthOf(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_text && c == '\\') {
      ++i;
    } else if (c == '"') {
      is_text = !is_text;
    } else if (!is_text && (c == '{' || c == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!is_text && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return deepest;
}

constexpr int kApplyTries = 5;  // Each time somebody else made the object, or removed it, at the same moment.

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
  if (!object.metadata.name.empty() || object.metadata.generate_name.empty())
    return Commit(CheckCreate(std::move(object), options));
  for (int tries = 1;; ++tries) {
    Object named = object;
    named.metadata.name = NewName(object.metadata.generate_name);
    auto written = Commit(CheckCreate(std::move(named), options));
    if (written || written.error().code != Code::kAlreadyExists || tries == kNameTries) return written;
  }
}

/// As Kubernetes makes names: without vowels, so that no word comes out, and short enough for a label's value.
std::string Registry::NewName(std::string_view prefix) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::size_t kRandom = 5;
  constexpr std::size_t kNameMax = 63;
  std::string name(prefix.substr(0, kNameMax - kRandom));
  std::uint64_t bits = entropy_.Next();
  for (std::size_t i = 0; i < kRandom; ++i, bits /= kLetters.size()) name += kLetters[bits % kLetters.size()];
  return name;
}

/// What clients make needs a namespace that stays. The engine may still say what became of things in one that goes.
Expected<void> Registry::CheckNamespace(const Kind& kind, const api::ObjectMeta& metadata,
                                        const WriteOptions& options) const {
  if (!kind.is_namespaced || options.field_manager.empty() || !catalog_.FindResource(kNamespaces)) return {};
  const std::string& name = metadata.namespace_;
  const auto found = store_.Get({std::string(kNamespaces), "", name});
  if (!found && name == "default") return {};  // Is there even where nobody made it.
  if (!found) return found.error();
  if (!(*found)->is_deleting) return {};
  return Error{Code::kForbidden,
               "NamespaceTerminating",
               kind.resource() + " \"" + metadata.name + "\" is forbidden: unable to create new content in namespace " +
                   name + " because it is being terminated",
               {{"metadata.namespace", "NamespaceTerminating", "namespace " + name + " is being terminated"}}};
}

FieldWrite Registry::WriteOf(const Kind& kind, const WriteOptions& options) const {
  return {.kind = kind, .manager = options.field_manager, .is_forced = options.is_forced, .now = clock_.Now()};
}

Expected<Registry::Checked> Registry::CheckCreate(Object object, const WriteOptions& options, Tracking tracking) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  api::ObjectMeta& metadata = object.metadata;
  metadata.uid = {NewUid()};
  metadata.resource_version = {};
  metadata.generation = {1};
  metadata.creation_timestamp = std::chrono::floor<std::chrono::seconds>(clock_.Now());
  metadata.deletion_timestamp.reset();
  if ((*kind)->has_status) object.body.Erase("status");
  if ((*kind)->resource() == "namespaces") object.body["status"] = api::Json::Of({{"phase", "Active"}});

  if (auto inside = CheckNamespace(**kind, metadata, options); !inside) return inside.error();
  if (!options.field_manager.empty())
    if (auto source = CheckSource(store_, catalog_, **kind, nullptr, &object); !source) return source.error();

  auto warnings = ConformToSchema(**kind, object, options.field_validation);
  if (!warnings) return warnings.error();
  if (auto causes = CheckMetadata(**kind, metadata); !causes.empty())
    return InvalidObject(**kind, metadata.name, std::move(causes));
  if (auto owners = CheckOwners(**kind, object, {}, options); !owners) return owners.error();
  if (tracking == Tracking::kWanted)
    if (auto tracked = TrackFields(WriteOf(**kind, options), nullptr, object); !tracked) return tracked.error();

  const ObjectKey key = KeyOf(**kind, object);
  if (options.is_dry_run) {
    if (store_.Get(key)) return Error{Code::kAlreadyExists, "AlreadyExists", Quoted(key) + " already exists"};
    return WithinQuota({.written = {.object = Preview(key, object), .warnings = *std::move(warnings)}}, options);
  }
  return WithinQuota(
      {.mutation = Mutation{.draft = MakeDraft(key, object)}, .written = {.warnings = *std::move(warnings)}}, options);
}

Expected<Written> Registry::Update(Object object, const WriteOptions& options) {
  const auto alone = LockWrites(std::span(&object, 1));
  return Commit(CheckUpdate(std::move(object), options));
}

Expected<Registry::Checked> Registry::CheckUpdate(Object object, const WriteOptions& options) {
  auto kind = KindOf(object);
  if (!kind) return kind.error();
  if (object.metadata.resource_version.value == 0)
    return InvalidObject(
        **kind, object.metadata.name,
        {{"metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update"}});
  auto target = Load(KeyOf(**kind, object));
  if (!target) return target.error();
  return CheckReplace(*target, std::move(object), options);
}

std::vector<Expected<Written>> Registry::WriteAll(std::vector<Object> objects, const WriteOptions& options) {
  std::vector<Expected<Written>> results;
  results.reserve(objects.size());
  for (std::size_t first = 0; first < objects.size();) {
    std::size_t end = first;
    for (std::size_t updates = 0; end < objects.size() && end - first < kTogetherMax && updates < kLockedMax; ++end)
      updates += IsUpdate(objects[end]) ? 1 : 0;
    WriteTogether(std::span(objects).subspan(first, end - first), options, results);
    first = end;
  }
  return results;
}

void Registry::WriteTogether(std::span<Object> objects, const WriteOptions& options,
                             std::vector<Expected<Written>>& results) {
  const auto alone = LockWrites(objects);
  std::vector<Expected<Checked>> checked;
  checked.reserve(objects.size());
  std::vector<Mutation> mutations;
  for (Object& object : objects) {
    auto one = IsUpdate(object) ? CheckUpdate(std::move(object), options) : CheckCreate(std::move(object), options);
    one = Storable(std::move(one));
    if (one && one->mutation) mutations.push_back(std::move(*one->mutation));
    checked.push_back(std::move(one));
  }
  auto stored = store_.CommitAll(std::move(mutations));
  auto next = stored.begin();
  for (Expected<Checked>& one : checked) {
    if (one && one->mutation) {
      if (*next) one->written.object = **next;
      const Expected<SnapshotPtr>& state = *next++;
      results.push_back(state ? Expected<Written>(std::move(one->written)) : state.error());
    } else {
      results.push_back(one ? Expected<Written>(std::move(one->written)) : one.error());
    }
  }
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

  return Commit(CheckStatus(*target, object, options));
}

/// The status of `given` put on the present state.
Expected<Registry::Checked> Registry::CheckStatus(const Target& target, const Object& given,
                                                  const WriteOptions& options, Tracking tracking) const {
  Object next = target.object;
  CopyStatus(given, next);
  auto warnings = ConformToSchema(*target.kind, next, options.field_validation);
  if (!warnings) return warnings.error();
  FieldWrite write = WriteOf(*target.kind, options);
  write.is_of_status = true;
  if (tracking == Tracking::kDone)
    next.metadata.managed_fields = given.metadata.managed_fields;
  else if (auto tracked = TrackFields(write, &target.object, next); !tracked)
    return tracked.error();
  Checked checked = CheckSave(target, next, options.is_dry_run);
  checked.written.warnings = *std::move(warnings);
  return WithinQuota(std::move(checked), options);
}

Expected<Written> Registry::Patch(const ObjectKey& key, const PatchDocument& patch, const WriteOptions& options) {
  const auto alone = LockWrites(key);
  if (patch.type == PatchType::kApply) return Apply(key, patch, options);
  auto target = Load(key);
  if (!target) return target.error();
  if (patch.is_of_status && !target->kind->has_status) return NoSuchKind(key.resource + "/status");
  api::Json json = api::codec::ObjectToJson(target->object);
  if (auto patched = ApplyPatch(json, patch.is_of_status ? StatusPart(patch) : patch); !patched) return patched.error();
  auto next = api::codec::ObjectFromJson(std::move(json));
  if (!next) return BadRequest(next.error().message);
  if (next->kind != target->object.kind || next->api_version != target->object.api_version)
    return BadRequest("a patch changes neither kind nor apiVersion: the object is a " + target->object.kind + " of " +
                      target->object.api_version);
  if (next->metadata.uid != target->object.metadata.uid)
    return InvalidObject(*target->kind, key.name,
                         {{"metadata.uid", "FieldValueInvalid",
                           "Invalid value: \"" + next->metadata.uid.value + "\": field is immutable"}});
  if (patch.is_of_status) {
    if (next->metadata.resource_version != target->current->resource_version) return Modified(key, kStale);
    return Commit(CheckStatus(*target, *next, options));
  }
  if (next->metadata.name != key.name || next->metadata.namespace_ != key.namespace_)
    return BadRequest("the name of the object (" + next->metadata.name + ") does not match the name on the URL (" +
                      key.name + ")");
  return Commit(CheckReplace(*target, *std::move(next), options));
}

/// Who makes the object meanwhile does not hold the lock of its writers: then there is one to apply to.
Expected<Written> Registry::Apply(const ObjectKey& key, const PatchDocument& patch, const WriteOptions& options) {
  for (int tries = 1;; ++tries) {
    auto written = Commit(CheckApply(key, patch, options));
    if (written || written.error().code != Code::kAlreadyExists || tries == kApplyTries) return written;
  }
}

Expected<Registry::Checked> Registry::CheckApply(const ObjectKey& key, const PatchDocument& patch,
                                                 const WriteOptions& options) {
  auto target = Load(key);
  if (!target && (target.error().code != Code::kNotFound || patch.is_of_status)) return target.error();
  const KindPtr kind = catalog_.FindResource(key.resource);
  if (!kind || (patch.is_of_status && !kind->has_status)) return NoSuchKind(key.resource);
  FieldWrite write = WriteOf(*kind, options);
  write.is_of_status = patch.is_of_status;
  if (target) {
    if (auto same = CheckPreconditions(key, &*target->current, patch.json); !same) return same.error();
    auto next = ApplyFields(write, &target->object, patch.json);
    if (!next) return next.error();
    if (!patch.is_of_status) return CheckReplace(*target, *std::move(next), options, Tracking::kDone);
    return CheckStatus(*target, *next, options, Tracking::kDone);
  }
  if (auto same = CheckPreconditions(key, nullptr, patch.json); !same) return same.error();
  auto made = ApplyFields(write, nullptr, patch.json);
  if (!made) return made.error();
  made->metadata.name = key.name;
  made->metadata.namespace_ = key.namespace_;
  auto checked = CheckCreate(*std::move(made), options, Tracking::kDone);
  if (checked) checked->written.is_created = true;
  return checked;
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
  if (key == ObjectKey{std::string(kNamespaces), "", "default"})
    return Error{Code::kForbidden, "Forbidden", Quoted(key) + " is forbidden: this namespace may not be deleted"};
  if (options.is_of_client && !target->object.metadata.is_deleting())
    if (auto source = CheckSource(store_, catalog_, kind, &target->object, nullptr); !source) return source.error();
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
  SetPropagation(next.metadata.finalizers, options.propagation);
  if (!next.metadata.is_deleting()) {
    if (key.resource == kNamespaces) {
      next.metadata.finalizers.emplace_back(kContentsFinalizer);
      next.body["status"]["phase"] = "Terminating";
    }
    next.metadata.deletion_timestamp = std::chrono::floor<std::chrono::seconds>(clock_.Now());
    ++next.metadata.generation.value;
  }
  return Commit(CheckSave(*target, next, options.is_dry_run));
}

std::size_t Registry::WriterOf(const ObjectKey& key) const {
  return std::hash<std::string>()(key.resource + "/" + key.namespace_ + "/" + key.name) % writers_.size();
}

std::unique_lock<std::mutex> Registry::LockWrites(const ObjectKey& key) {
  return std::unique_lock(writers_[WriterOf(key)]);
}

/// In one order, whoever takes several, so that nobody waits for each other. Of an unknown kind there is nothing to
/// lock, and who makes an object anew changes nobody's: of two the store refuses the second.
std::vector<std::unique_lock<std::mutex>> Registry::LockWrites(std::span<const Object> objects) {
  std::set<std::size_t> writers;
  for (const Object& object : objects)
    if (auto kind = KindOf(object); kind && IsUpdate(object)) writers.insert(WriterOf(KeyOf(**kind, object)));
  std::vector<std::unique_lock<std::mutex>> locks;
  locks.reserve(writers.size());
  for (const std::size_t writer : writers) locks.emplace_back(writers_[writer]);
  return locks;
}

Expected<KindPtr> Registry::KindOf(const Object& object) const {
  KindPtr kind = catalog_.FindKind(object.api_version, object.kind);
  if (!kind || kind->is_review) return NoSuchKind(object.kind + " of " + object.api_version);
  return kind;
}

Expected<Registry::Target> Registry::Load(const ObjectKey& key) const {
  KindPtr kind = catalog_.FindResource(key.resource);
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

/// Brings what a client sent into shape against the present state.
Expected<Registry::Checked> Registry::CheckReplace(const Target& target, Object next, const WriteOptions& options,
                                                   Tracking tracking) const {
  const api::ObjectMeta& before = target.object.metadata;
  api::ObjectMeta& metadata = next.metadata;
  if (metadata.resource_version != target.current->resource_version) return Modified(target.key, kStale);
  if (!metadata.uid.value.empty() && metadata.uid != before.uid)
    return Modified(target.key, "the UID in the object (" + metadata.uid.value +
                                    ") does not match the UID in record (" + before.uid.value + ")");
  metadata.uid = before.uid;
  metadata.generate_name = before.generate_name;
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
  if (!options.field_manager.empty())
    if (auto source = CheckSource(store_, catalog_, *target.kind, &target.object, &next); !source)
      return source.error();
  if (tracking == Tracking::kWanted)
    if (auto tracked = TrackFields(WriteOf(*target.kind, options), &target.object, next); !tracked)
      return tracked.error();

  if (!IsSameSpec(*target.kind, target.object, next)) ++metadata.generation.value;
  Checked checked = CheckSave(target, next, options.is_dry_run);
  checked.written.warnings = *std::move(warnings);
  return WithinQuota(std::move(checked), options);
}

/// What is stored has to be read again, and what the server adds to a body may make it too long for that.
Expected<Registry::Checked> Registry::Storable(Expected<Checked> checked) {
  const std::size_t limit = api::codec::JsonLimits{}.bytes_max;
  const int depth_max = api::codec::JsonLimits{}.depth_max;
  if (checked && checked->mutation && DepthOf(checked->mutation->draft.snapshot.text) > depth_max)
    return BadRequest("the object would be nested deeper than " + std::to_string(depth_max) + " levels");
  if (!checked || !checked->mutation || checked->mutation->draft.snapshot.text.size() + kRevisionDigitsMax <= limit)
    return checked;
  return Error{Code::kInvalid, "RequestEntityTooLarge",
               "Request entity too large: limit is " + std::to_string(limit) +
                   ", of the whole object with what the server adds"};
}

/// The next state of an object: written not at all when it equals the present one, as its last one when nothing holds
/// it.
Registry::Checked Registry::CheckSave(const Target& target, const Object& next, bool is_dry_run) {
  const bool is_removal = next.metadata.is_deleting() && next.metadata.finalizers.empty();
  if (!is_removal && next == target.object) return {.written = {.object = target.current}};
  if (is_dry_run) return {.written = {.object = Preview(target.key, next), .is_removed = is_removal}};
  return {.mutation = Mutation{.draft = MakeDraft(target.key, next),
                               .is_removal = is_removal,
                               .expected = target.current->resource_version},
          .written = {.is_removed = is_removal}};
}

/// What a namespace's quota has to allow: the commit asks it, or what is not to be committed is asked about now.
Expected<Registry::Checked> Registry::WithinQuota(Checked checked, const WriteOptions& options) const {
  if (!options.quota || checked.written.is_removed) return checked;
  if (checked.mutation) {
    checked.mutation->quota = options.quota;
  } else if (auto within = store_.CheckQuota(*checked.written.object, *options.quota); !within) {
    return within.error();
  }
  return checked;
}

/// The writer of its object holds the lock since before the check.
Expected<Written> Registry::Commit(Expected<Checked> checked) {
  checked = Storable(std::move(checked));
  if (!checked) return checked.error();
  if (!checked->mutation) return std::move(checked->written);
  auto stored = store_.Commit(std::move(*checked->mutation));
  if (!stored) return stored.error();
  checked->written.object = *std::move(stored);
  return std::move(checked->written);
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
