#include "reconciler/definitions.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"
#include "reconciler/admission.h"
#include "reconciler/definition_rules.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Object;
using api::ObjectKey;
using api::schema::KindPtr;

constexpr std::string_view kActor = "system:definitions";
constexpr std::size_t kKindsMax = 1000;                // Ten times what large clusters have; discovery lists all.
constexpr std::size_t kDeletedAtOnceMax = 500;         // As events that are swept.
constexpr std::chrono::milliseconds kStepEvery{1000};  // Finalizers of objects go without a word to us.

WriteOptions Own() { return {.actor = std::string(kActor)}; }

Error Forbidden(std::string_view name, std::string_view why) {
  return {Code::kForbidden, "Forbidden",
          std::string(kDefinitions) + " \"" + std::string(name) + "\" is forbidden: " + std::string(why)};
}

Error StatusIsOurs(std::string_view name) { return Forbidden(name, "its status is what the server says of it"); }

Error Going() {
  return {Code::kInvalid, "MethodNotAllowed", "create not allowed while custom resource definition is terminating"};
}

void Pause(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, kStepEvery, [] { return false; });
}

}  // namespace

Expected<void> Definitions::Open() {
  const std::unique_lock lock(mutex_);
  auto stored = client_.List(kDefinitions);
  if (!stored) return stored.error();
  const auto own = catalog_.kinds();
  for (const SnapshotPtr& item : stored->items) {
    if (IsOwnGroup(own, item->key.name)) {
      // Of another version of the program, or of somebody who had the group first: whose, nobody can say here.
      if (!catalog_.FindResource(item->key.name))
        host::log::Warning("a kind is not served, its group is the server's own", {{"kind", item->key.name}});
    } else if (auto settled = Settle({.object = item}); !settled) {
      host::log::Warning("a kind is not served", {{"kind", item->key.name}, {"error", settled.error().message}});
    }
  }
  for (const KindPtr& kind : own) {
    if (kind->is_foreign || kind->definition.is_null()) continue;
    if (auto written = WriteDown(*kind); !written) return written.error();
  }
  return {};
}

/// Brings the stored definition of one of the program's kinds to what the program says.
Expected<void> Definitions::WriteDown(const api::schema::Kind& kind) {
  auto wanted = api::codec::ObjectFromJson(kind.definition);
  if (!wanted) return wanted.error();
  auto stored = client_.Get({std::string(kDefinitions), "", kind.resource()});
  if (!stored && stored.error().code != Code::kNotFound) return stored.error();
  std::optional<Expected<Written>> written;
  if (stored) {
    auto have = api::codec::ParseObject((*stored)->text);
    if (!have) return have.error();
    have->body["spec"] = *wanted->body.Find("spec");
    have->metadata.annotations = wanted->metadata.annotations;
    written = client_.Update(*std::move(have), Own());
  } else {
    written = client_.Create(*std::move(wanted), Own());
  }
  if (!*written) return written->error();
  if (auto told = TellStatus(kind, **std::move(written)); !told) return told.error();
  return {};
}

Expected<Written> Definitions::TellStatus(const api::schema::Kind& kind, Written written) {
  auto object = api::codec::ParseObject(written.object->text);
  if (!object) return object.error();
  api::Json status = DefinitionStatus(kind, *object, object->metadata.is_deleting(), clock_.Now());
  if (const api::Json* before = object->body.Find("status"); before && *before == status) return written;
  object->body["status"] = std::move(status);
  auto told = client_.UpdateStatus(*std::move(object), Own());
  if (!told) return told;
  written.object = std::move(told->object);
  return written;
}

/// Serves what was written, and says so in its status.
Expected<Written> Definitions::Settle(Written written) {
  if (written.is_removed) {
    catalog_.Remove(written.object->key.name);
    return written;
  }
  auto object = api::codec::ParseObject(written.object->text);
  if (!object) return object.error();
  auto kind = ForeignKindOf(*object);
  if (!kind) return kind.error();
  catalog_.Put(*kind);
  return TellStatus(*kind, std::move(written));
}

Expected<void> Definitions::Guard(std::string_view name) const {
  if (!IsOwnGroup(catalog_.kinds(), name)) return {};
  return Forbidden(name, "kinds of its group are the server's own: they come and change with the program");
}

/// What a definition would be after a write, against what is served.
Expected<void> Definitions::Judge(const Written& foreseen) const {
  const std::string& name = foreseen.object->key.name;
  if (foreseen.is_removed) {
    const auto left = client_.List(name);
    if (!left && left.error().code == Code::kNotFound) return {};  // Not served: nobody sees whether it has objects.
    if (!left) return left.error();
    if (left->items.empty()) return {};
    return Error{Code::kConflict, "Conflict",
                 "Operation cannot be fulfilled on " + std::string(kDefinitions) + " \"" + name +
                     "\": its objects are still being deleted"};
  }
  const auto object = api::codec::ParseObject(foreseen.object->text);
  if (!object) return object.error();
  const auto refuse = [&](std::vector<api::Cause> causes) {
    return InvalidObject(*catalog_.FindResource(kDefinitions), name, std::move(causes));
  };
  const auto kind = ForeignKindOf(*object);
  if (!kind && kind.error().causes.empty()) return refuse({{"spec", "FieldValueInvalid", kind.error().message}});
  if (!kind) return refuse(kind.error().causes);
  const auto kinds = catalog_.kinds();
  if (!catalog_.FindResource(name) && kinds.size() >= kKindsMax)
    return Forbidden(name, "there are " + std::to_string(kKindsMax) + " kinds, and no more are served");
  if (auto causes = CheckDefinition(kinds, *kind); !causes.empty()) return refuse(std::move(causes));
  return {};
}

/// Tries it first, so that nothing is written that could not be served.
template <class Write>
Expected<Written> Definitions::WriteDefinition(const std::string& name, const WriteOptions& options,
                                               const Write& write) {
  if (auto guard = Guard(name); !guard) return guard.error();
  const std::unique_lock lock(mutex_);
  WriteOptions trial = options;
  trial.is_dry_run = true;
  Expected<Written> foreseen = write(trial);
  if (!foreseen) return foreseen;
  if (auto judged = Judge(*foreseen); !judged) return judged.error();
  if (options.is_dry_run) return foreseen;
  Expected<Written> written = write(options);
  if (!written) return written;
  return Settle(*std::move(written));
}

Expected<Written> Definitions::Create(Object object, const WriteOptions& options) {
  if (IsDefinition(object))
    return WriteDefinition(object.metadata.name, options,
                           [&](const WriteOptions& how) { return client_.Create(object, how); });
  KindPtr kind = catalog_.FindKind(object.api_version, object.kind);
  if (!kind || !kind->is_foreign) return client_.Create(std::move(object), options);
  const std::shared_lock lock(mutex_);
  kind = catalog_.FindKind(object.api_version, object.kind);
  if (kind && kind->is_going) return Going();
  return client_.Create(std::move(object), options);
}

Expected<Written> Definitions::Update(Object object, const WriteOptions& options) {
  if (!IsDefinition(object)) return client_.Update(std::move(object), options);
  return WriteDefinition(object.metadata.name, options,
                         [&](const WriteOptions& how) { return client_.Update(object, how); });
}

std::vector<Expected<Written>> Definitions::WriteAll(std::vector<Object> objects, const WriteOptions& options) {
  const bool is_plain = std::none_of(objects.begin(), objects.end(), [&](const Object& object) {
    const KindPtr kind = catalog_.FindKind(object.api_version, object.kind);
    return IsDefinition(object) || (kind && kind->is_foreign);
  });
  return is_plain ? client_.WriteAll(std::move(objects), options) : Client::WriteAll(std::move(objects), options);
}

Expected<Written> Definitions::UpdateStatus(Object object, const WriteOptions& options) {
  if (IsDefinition(object)) return StatusIsOurs(object.metadata.name);
  return client_.UpdateStatus(std::move(object), options);
}

Expected<Written> Definitions::Patch(const ObjectKey& key, const PatchDocument& patch, const WriteOptions& options) {
  if (key.resource == kDefinitions && patch.is_of_status) return StatusIsOurs(key.name);
  if (key.resource == kDefinitions)
    return WriteDefinition(key.name, options, [&](const WriteOptions& how) { return client_.Patch(key, patch, how); });
  KindPtr kind = catalog_.FindResource(key.resource);
  if (!kind || !kind->is_foreign) return client_.Patch(key, patch, options);
  const std::shared_lock lock(mutex_);
  kind = catalog_.FindResource(key.resource);
  if (kind && kind->is_going && !client_.Get(key)) return Going();  // An apply would make it.
  return client_.Patch(key, patch, options);
}

Expected<Written> Definitions::Delete(const ObjectKey& key, const DeleteOptions& options) {
  if (key.resource != kDefinitions) return client_.Delete(key, options);
  if (auto guard = Guard(key.name); !guard) return guard.error();
  const std::unique_lock lock(mutex_);
  DeleteOptions how = options;
  how.is_dry_run = true;
  auto foreseen = client_.Delete(key, how);
  if (!foreseen || options.is_dry_run) return foreseen;
  if (auto marked = MarkForCleanup(key); !marked) return marked.error();
  how.is_dry_run = false;
  how.resource_version.reset();  // It was compared before the mark.
  auto written = client_.Delete(key, how);
  if (!written) return written;
  return Settle(*std::move(written));
}

/// With the finalizer it stays, and is served, until its objects are gone.
Expected<void> Definitions::MarkForCleanup(const ObjectKey& key) {
  auto stored = client_.Get(key);
  if (!stored) return stored.error();
  auto object = api::codec::ParseObject((*stored)->text);
  if (!object) return object.error();
  auto& finalizers = object->metadata.finalizers;
  const bool has_mark = std::find(finalizers.begin(), finalizers.end(), kCleanupFinalizer) != finalizers.end();
  if (has_mark || object->metadata.is_deleting()) return {};
  finalizers.emplace_back(kCleanupFinalizer);
  if (auto marked = client_.Update(*std::move(object), Own()); !marked) return marked.error();
  return {};
}

std::size_t Definitions::Step(Client& client) {
  const auto definitions = client_.List(kDefinitions);
  if (!definitions) return 0;
  std::size_t done = 0;
  for (const SnapshotPtr& definition : definitions->items)
    if (definition->is_deleting) done += Clean(client, *definition);
  return done;
}

std::size_t Definitions::Clean(Client& client, const Snapshot& definition) {
  const std::string& resource = definition.key.name;
  std::size_t done = 0;
  const auto objects = client_.List(resource);
  if (!objects) return 0;  // Not served: nobody sees whether it has objects.
  for (const SnapshotPtr& object : objects->items) {
    if (object->is_deleting) continue;
    if (done == kDeletedAtOnceMax) return done;
    done += client.Delete(object->key, {.actor = std::string(kActor)}) ? 1 : 0;
  }
  if (!objects->items.empty()) return done;
  const std::unique_lock lock(mutex_);
  const auto late = client_.List(resource);
  if (!late) return done;  // Nobody sees whether there are any: tried again by the next step.
  if (!late->items.empty()) return done + 1;
  auto stored = client_.Get(definition.key);
  auto object = stored ? api::codec::ParseObject((*stored)->text) : stored.error();
  if (!object || std::erase(object->metadata.finalizers, kCleanupFinalizer) == 0) return done;
  auto written = client_.Update(*std::move(object), Own());
  if (!written) return done;
  if (written->is_removed) catalog_.Remove(resource);
  host::log::Info("a kind and its objects are gone", {{"kind", resource}});
  return done + 1;
}

void Definitions::Run(Client& client, std::stop_token stop) {
  std::unique_ptr<Watch> watch;
  while (!stop.stop_requested()) {
    while (!stop.stop_requested() && Step(client) > 0) {
    }
    if (watch && watch->Next(kStepEvery, stop)) continue;
    const auto now = client_.List(kDefinitions);
    auto opened = now ? client_.OpenWatch(kDefinitions, now->revision) : now.error();
    watch = opened ? *std::move(opened) : nullptr;
    if (!watch) Pause(stop);
  }
}

}  // namespace reconciler
