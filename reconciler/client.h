#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "reconciler/quota.h"
#include "reconciler/snapshot.h"
#include "reconciler/watch.h"

namespace reconciler {

/// What an unknown field of a written object does (Kubernetes' fieldValidation).
enum class FieldValidation { kIgnore, kWarn, kStrict };

struct WriteOptions {
  std::string actor{};      ///< Who writes, for the audit: `system:controller:user`, `alice`.
  std::string from{};       ///< Where the request came from, for the audit; empty: from within.
  bool is_dry_run = false;  ///< All checks, no write.
  FieldValidation field_validation = FieldValidation::kWarn;
  std::string field_manager{};   ///< Who owns what is written; empty: the engine, which owns nothing (docs/adr/0018).
  bool is_forced = false;        ///< An apply takes fields from the managers that have them.
  bool is_foreseen = false;      ///< The planner's: an owner that is not there may be one that an earlier step makes.
  std::optional<Quota> quota{};  ///< Of the object's namespace; none: a write adds to it without bound.
};

enum class PatchType {
  kMerge,  ///< RFC 7386: an object that is laid over the present one.
  kJson,   ///< RFC 6902: a list of operations.
  kApply,  ///< The fields that a manager wants, and no others of its own. Makes the object when there is none.
};

/// A change of one object, whatever else is in it.
struct PatchDocument {
  /// Not explicit: plain JSON is a merge patch.
  PatchDocument(api::Json merge) : json(std::move(merge)) {}
  PatchDocument(PatchType given_type, api::Json given) : type(given_type), json(std::move(given)) {}

  PatchType type = PatchType::kMerge;
  api::Json json{};
  bool is_of_status = false;  ///< Changes `.status` alone.
};

/// What becomes of the objects that a deleted one owns.
enum class Propagation {
  kBackground,  ///< They are collected once it is gone.
  kForeground,  ///< It stays, with a finalizer, until those that block its deletion are gone.
  kOrphan,      ///< It stays, with a finalizer, until they name it as an owner no longer.
};

struct DeleteOptions {
  std::string actor{};
  std::string from{};  ///< As in WriteOptions.
  bool is_dry_run = false;
  std::optional<Propagation> propagation{};  ///< None: as the object's finalizers say, else in the background.
  bool is_of_client = false;                 ///< Not the engine's: what git declares stays.
  std::optional<api::Uid> uid{};             ///< Precondition.
  std::optional<api::ResourceVersion> resource_version{};  ///< Precondition.
};

/// What a write left behind.
struct Written {
  SnapshotPtr object{};
  bool is_created = false;              ///< By an apply.
  bool is_removed = false;              ///< The object is gone (a delete without finalizers, or the last one went).
  std::vector<std::string> warnings{};  ///< Unknown fields that were dropped: `unknown field "spec.bogus"`.
};

struct ObjectList {
  api::ResourceVersion revision{};   ///< Watch from here to miss nothing.
  std::vector<SnapshotPtr> items{};  ///< Sorted by namespace, then name.
};

/// All that controllers see of the API (design D-02): the embedded store or a remote Kubernetes API server.
/// Thread-safe. `resource` is api::ResourceName: `users.hero.dev`. An unknown one is kNotFound everywhere. Errors of
/// every call: kForbidden (of a write beyond its quota too), kUnavailable, kTimeout beside the named ones.
class Client {
 public:
  virtual ~Client() = default;

  /// Errors: kNotFound.
  virtual api::Expected<SnapshotPtr> Get(const api::ObjectKey& key) const = 0;

  /// All objects of a kind; an empty namespace means all of them.
  virtual api::Expected<ObjectList> List(std::string_view resource, std::string_view namespace_ = "") const = 0;

  /// Changes after `from`. Errors: kExpired when the store no longer has all of them.
  virtual api::Expected<std::unique_ptr<Watch>> OpenWatch(std::string_view resource, api::ResourceVersion from) = 0;

  /// Errors: kAlreadyExists, kInvalid with causes. Server-owned metadata and status in the object are ignored.
  virtual api::Expected<Written> Create(api::Object object, const WriteOptions& options) = 0;

  /// Replaces everything but server-owned metadata and status. Needs metadata.resource_version, of which another one in
  /// the store is kConflict. An equal object changes nothing. Errors: kNotFound, kConflict, kInvalid with causes.
  virtual api::Expected<Written> Update(api::Object object, const WriteOptions& options) = 0;

  /// Creates the objects without a resource_version and updates those with one, each as it would be alone, in this
  /// order; the embedded API makes them durable together. One that is refused holds up no other. Results as the
  /// objects.
  virtual std::vector<api::Expected<Written>> WriteAll(std::vector<api::Object> objects, const WriteOptions& options) {
    std::vector<api::Expected<Written>> results;
    results.reserve(objects.size());
    for (api::Object& object : objects) {
      const bool is_new = object.metadata.resource_version.value == 0;
      results.push_back(is_new ? Create(std::move(object), options) : Update(std::move(object), options));
    }
    return results;
  }

  /// Update for `.status` alone; without a resource_version whatever state is there gets it.
  virtual api::Expected<Written> UpdateStatus(api::Object object, const WriteOptions& options) = 0;

  /// Changes the present object, whatever others write meanwhile. Errors: kNotFound, kInvalid with causes, kConflict
  /// when the patch names another resourceVersion or uid.
  virtual api::Expected<Written> Patch(const api::ObjectKey& key, const PatchDocument& patch,
                                       const WriteOptions& options) = 0;

  /// Removes it, or marks it as deleting while it has finalizers. Errors: kNotFound, kConflict.
  virtual api::Expected<Written> Delete(const api::ObjectKey& key, const DeleteOptions& options) = 0;
};

}  // namespace reconciler
