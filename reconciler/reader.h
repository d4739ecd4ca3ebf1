#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "reconciler/snapshot.h"
#include "reconciler/sources.h"
#include "reconciler/task.h"

namespace reconciler {

/// What Observe may read of other objects: a cache that is at least as new as the controller's own writes. Thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Errors: kNotFound; kInvalid when the stored object does not fit the type.
  template <class Kind>
  api::Expected<Kind> Get(std::string_view name, std::string_view namespace_ = "") const {
    auto snapshot = Find({api::ResourceName(Kind::kInfo), std::string(namespace_), std::string(name)});
    if (!snapshot) return snapshot.error();
    return Read<Kind>(**snapshot);
  }

  /// Every object of a kind, sorted by namespace and name.
  template <class Kind>
  api::Expected<std::vector<Kind>> List(std::string_view namespace_ = "") const {
    return ReadAll<Kind>(FindAll(api::ResourceName(Kind::kInfo), namespace_));
  }

  /// Those of them that name `owner` as an owner.
  template <class Kind>
  api::Expected<std::vector<Kind>> ListOwned(const api::Uid& owner) const {
    return ReadAll<Kind>(FindOwned(api::ResourceName(Kind::kInfo), owner));
  }

  /// Those that an index of Sources::Index knows by `value`.
  template <class Kind>
  api::Expected<std::vector<Kind>> ListBy(std::string_view index, std::string_view value) const {
    return ReadAll<Kind>(FindBy(api::ResourceName(Kind::kInfo), index, value));
  }

  /// From now on a change there wakes the object that is looked at, as long as each of its looks asks for it. Before
  /// the look at what is there, so that nothing falls in between. Does nothing where only a plan is made.
  virtual void Watch(const HostDirectory& directory) const = 0;

  /// The newest task of a step of an object: what long work came to.
  virtual std::optional<TaskState> FindTask(const api::Uid& object, std::string_view step_id) const = 0;

  virtual api::Expected<SnapshotPtr> Find(const api::ObjectKey& key) const = 0;
  virtual api::Expected<std::vector<SnapshotPtr>> FindAll(std::string_view resource,
                                                          std::string_view namespace_) const = 0;
  virtual api::Expected<std::vector<SnapshotPtr>> FindOwned(std::string_view resource, const api::Uid& owner) const = 0;
  virtual api::Expected<std::vector<SnapshotPtr>> FindBy(std::string_view resource, std::string_view index,
                                                         std::string_view value) const = 0;

 private:
  template <class Kind>
  static api::Expected<Kind> Read(const Snapshot& snapshot) {
    auto object = api::codec::ParseObject(snapshot.text);
    if (!object) return object.error();
    return api::codec::FromObject<Kind>(*object);
  }

  template <class Kind>
  static api::Expected<std::vector<Kind>> ReadAll(const api::Expected<std::vector<SnapshotPtr>>& snapshots) {
    if (!snapshots) return snapshots.error();
    std::vector<Kind> kinds;
    kinds.reserve(snapshots->size());
    for (const SnapshotPtr& snapshot : *snapshots) {
      auto kind = Read<Kind>(*snapshot);
      if (!kind) return kind.error().Within(ToString(snapshot->key));
      kinds.push_back(*std::move(kind));
    }
    return kinds;
  }
};

}  // namespace reconciler
