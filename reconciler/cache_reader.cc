#include "reconciler/cache_reader.h"

namespace reconciler {
namespace {

api::Error NotWatched(std::string_view resource) {
  return {api::Code::kInternal, "NotWatched", std::string(resource) + " is read but not named in Watches"};
}

}  // namespace

void CacheReader::Watch(const HostDirectory& directory) const {
  if (!watching_) return;
  watching_->watches.Add(watching_->watcher, directory);
  watched_.insert(directory.path);
}

void CacheReader::EndOtherWatches() const {
  if (watching_) watching_->watches.Keep(watching_->watcher, watched_);
}

std::optional<TaskState> CacheReader::FindTask(const api::Uid& object, std::string_view step_id) const {
  return tasks_.Find(object, step_id);
}

api::Expected<SnapshotPtr> CacheReader::Find(const api::ObjectKey& key) const {
  const Informer* informer = informers_.Find(key.resource);
  if (!informer) return NotWatched(key.resource);
  return informer->Get(key.namespace_, key.name);
}

api::Expected<std::vector<SnapshotPtr>> CacheReader::FindAll(std::string_view resource,
                                                             std::string_view namespace_) const {
  const Informer* informer = informers_.Find(resource);
  if (!informer) return NotWatched(resource);
  return informer->List(namespace_);
}

api::Expected<std::vector<SnapshotPtr>> CacheReader::FindOwned(std::string_view resource, const api::Uid& owner) const {
  const Informer* informer = informers_.Find(resource);
  if (!informer) return NotWatched(resource);
  return informer->ListOwned(owner);
}

api::Expected<std::vector<SnapshotPtr>> CacheReader::FindBy(std::string_view resource, std::string_view index,
                                                            std::string_view value) const {
  const Informer* informer = informers_.Find(resource);
  if (!informer) return NotWatched(resource);
  return informer->ListBy(index, value);
}

}  // namespace reconciler
