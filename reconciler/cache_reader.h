#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "reconciler/informer.h"
#include "reconciler/path_watches.h"
#include "reconciler/reader.h"

namespace reconciler {

/// Reads from the informers, for one look of one object. Kinds that nobody watches are kInternal: a controller has to
/// name what it reads in Watches. Used by one thread.
class CacheReader final : public Reader {
 public:
  /// Who is woken by what is looked at; nobody for a look that nobody acts on. The watches outlive this.
  struct Watching {
    PathWatches& watches;
    PathWatches::Watcher watcher{};
  };

  /// Both are thread-safe and outlive this.
  CacheReader(const Informers& informers, const Tasks& tasks, std::optional<Watching> watching = {})
      : informers_(informers), tasks_(tasks), watching_(std::move(watching)) {}

  void Watch(const HostDirectory& directory) const override;
  /// Ends the watches that earlier looks asked for and this one has not.
  void EndOtherWatches() const;

  std::optional<TaskState> FindTask(const api::Uid& object, std::string_view step_id) const override;
  api::Expected<SnapshotPtr> Find(const api::ObjectKey& key) const override;
  api::Expected<std::vector<SnapshotPtr>> FindAll(std::string_view resource,
                                                  std::string_view namespace_) const override;
  api::Expected<std::vector<SnapshotPtr>> FindOwned(std::string_view resource, const api::Uid& owner) const override;
  api::Expected<std::vector<SnapshotPtr>> FindBy(std::string_view resource, std::string_view index,
                                                 std::string_view value) const override;

 private:
  const Informers& informers_;
  const Tasks& tasks_;
  const std::optional<Watching> watching_;
  mutable std::set<std::string> watched_;  // By this look.
};

}  // namespace reconciler
