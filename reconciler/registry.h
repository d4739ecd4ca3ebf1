#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema/schema.h"
#include "host/clock.h"
#include "host/entropy.h"
#include "reconciler/client.h"
#include "reconciler/managed_fields.h"
#include "reconciler/store.h"

namespace reconciler {

/// The embedded API: what Kubernetes promises of objects (names, uids, generations, schemas, status apart, finalizers),
/// kept over the store.
class Registry final : public Client {
 public:
  /// All of them are thread-safe and outlive this.
  Registry(Store& store, const api::schema::Catalog& catalog, const host::Clock& clock, host::Entropy& entropy);

  api::Expected<SnapshotPtr> Get(const api::ObjectKey& key) const override;
  api::Expected<ObjectList> List(std::string_view resource, std::string_view namespace_ = "") const override;
  api::Expected<std::unique_ptr<Watch>> OpenWatch(std::string_view resource, api::ResourceVersion from) override;
  api::Expected<Written> Create(api::Object object, const WriteOptions& options) override;
  api::Expected<Written> Update(api::Object object, const WriteOptions& options) override;
  std::vector<api::Expected<Written>> WriteAll(std::vector<api::Object> objects, const WriteOptions& options) override;
  api::Expected<Written> UpdateStatus(api::Object object, const WriteOptions& options) override;
  api::Expected<Written> Patch(const api::ObjectKey& key, const PatchDocument& patch,
                               const WriteOptions& options) override;
  api::Expected<Written> Delete(const api::ObjectKey& key, const DeleteOptions& options) override;

  const api::schema::Catalog& catalog() const { return catalog_; }

 private:
  /// A kind and the present state of one of its objects, to be changed.
  struct Target {
    api::schema::KindPtr kind{};
    api::ObjectKey key{};
    SnapshotPtr current{};
    api::Object object{};
  };

  /// Whether a write still has to be entered into managedFields; an apply has done it.
  enum class Tracking { kWanted, kDone };

  /// A write that may be made: what to commit, or without that what it comes to.
  struct Checked {
    std::optional<Mutation> mutation{};
    Written written{};
  };

  api::Expected<api::schema::KindPtr> KindOf(const api::Object& object) const;
  api::Expected<Target> Load(const api::ObjectKey& key) const;
  api::Expected<void> CheckOwners(const api::schema::Kind& kind, const api::Object& object, const api::Object& before,
                                  const WriteOptions& options) const;
  api::Expected<void> CheckNamespace(const api::schema::Kind& kind, const api::ObjectMeta& metadata,
                                     const WriteOptions& options) const;
  api::Expected<Checked> CheckCreate(api::Object object, const WriteOptions& options,
                                     Tracking tracking = Tracking::kWanted);
  api::Expected<Checked> CheckUpdate(api::Object object, const WriteOptions& options);
  api::Expected<Checked> CheckReplace(const Target& target, api::Object next, const WriteOptions& options,
                                      Tracking tracking = Tracking::kWanted) const;
  api::Expected<Written> Apply(const api::ObjectKey& key, const PatchDocument& patch, const WriteOptions& options);
  api::Expected<Checked> CheckApply(const api::ObjectKey& key, const PatchDocument& patch, const WriteOptions& options);
  api::Expected<Checked> CheckStatus(const Target& target, const api::Object& given, const WriteOptions& options,
                                     Tracking tracking = Tracking::kWanted) const;
  FieldWrite WriteOf(const api::schema::Kind& kind, const WriteOptions& options) const;
  static Checked CheckSave(const Target& target, const api::Object& next, bool is_dry_run);
  api::Expected<Checked> WithinQuota(Checked checked, const WriteOptions& options) const;
  static api::Expected<Checked> Storable(api::Expected<Checked> checked);
  api::Expected<Written> Commit(api::Expected<Checked> checked);
  void WriteTogether(std::span<api::Object> objects, const WriteOptions& options,
                     std::vector<api::Expected<Written>>& results);
  std::string NewUid();
  std::string NewName(std::string_view prefix);
  std::size_t WriterOf(const api::ObjectKey& key) const;
  std::unique_lock<std::mutex> LockWrites(const api::ObjectKey& key);
  std::vector<std::unique_lock<std::mutex>> LockWrites(std::span<const api::Object> objects);

  Store& store_;
  const api::schema::Catalog& catalog_;
  const host::Clock& clock_;
  host::Entropy& entropy_;

  /// One writer at a time for an object, so that between reading a state and replacing it nobody else writes it, and a
  /// crowd of writers costs a queue instead of lost races. Many, so that writers of different objects share commits.
  std::array<std::mutex, 1024> writers_;
};

}  // namespace reconciler
