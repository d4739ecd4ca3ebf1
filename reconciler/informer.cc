#include "reconciler/informer.h"

#include <algorithm>
#include <condition_variable>
#include <exception>

#include "api/codec/object.h"
#include "host/log.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::chrono::seconds kRetry{
    1};  // After a failed list or watch; an embedded store does not fail, a remote one may.

std::vector<std::string> ValuesOf(const IndexedBy& index, const Snapshot& snapshot) {
  auto object = api::codec::ParseObject(snapshot.text);
  if (!object) return {};
  // The code of a controller: a bug in it must not end the watch.
  try {
    return index.values(*object);
  } catch (const std::exception& exception) {
    host::log::Error("an index threw",
                     {{"resource", index.resource}, {"index", index.name}, {"what", exception.what()}});
    return {};
  }
}

}  // namespace

Informer::Informer(Client& client, const host::Clock& clock, std::string resource, InformerOptions options)
    : client_(client), clock_(clock), resource_(std::move(resource)), options_(options) {}

void Informer::AddHandler(Handler handler) {
  std::lock_guard lock(step_mutex_);
  handlers_.push_back(std::move(handler));
}

void Informer::AddIndex(const IndexedBy& index) {
  std::lock_guard lock(step_mutex_);
  indexes_.insert_or_assign(index.name, index);
  std::lock_guard objects_lock(mutex_);
  indexed_[index.name];
}

Expected<void> Informer::Step() {
  std::lock_guard lock(step_mutex_);
  if (!watch_)
    if (auto listed = Relist(); !listed) return listed;
  while (true) {
    auto event = watch_->Next(std::chrono::milliseconds(0), {});
    if (!event) {
      watch_.reset();
      if (event.error().code != Code::kExpired) return event.error();
      if (auto listed = Relist(); !listed) return listed;
    } else if (!*event) {
      return VerifyIfDue();
    } else {
      Apply(**event);
    }
  }
}

/// With all events taken in, the cache has to show what a list shows. If it does not, the watch did not do its work.
Expected<void> Informer::VerifyIfDue() {
  {
    std::lock_guard lock(mutex_);
    if (clock_.SteadyNow() - verified_at_ < options_.verify_every) return {};
  }
  auto list = client_.List(resource_);
  if (!list) return list.error();
  while (true) {  // What came before the list is in the watch by now.
    auto event = watch_->Next(std::chrono::milliseconds(0), {});
    if (!event || !*event) break;
    Apply(**event);
  }
  {
    std::lock_guard lock(mutex_);
    verified_at_ = clock_.SteadyNow();
    if (!IsBehind(*list)) return {};
    ++stale_found_;
  }
  host::log::Warning("a watch had fallen silent; a list told it", {{"resource", resource_}});
  return Relist();
}

/// Guarded by mutex_, which the caller holds.
bool Informer::IsBehind(const ObjectList& list) const {
  // Of an object that was made and removed in the silence neither tells, but somebody waits for one of its revisions.
  if (awaited_ > revision_ && awaited_ <= list.revision) return true;
  std::size_t seen = 0;
  for (const SnapshotPtr& snapshot : list.items) {
    const auto found = objects_.find({snapshot->key.namespace_, snapshot->key.name});
    if (found != objects_.end() && found->second->resource_version <= list.revision) ++seen;
    const bool is_old = found != objects_.end() && found->second->resource_version < snapshot->resource_version;
    const bool is_unknown = found == objects_.end() && revision_ <= list.revision;  // Else it went after the list.
    if (is_old || is_unknown) return true;
  }
  const auto is_of_then = [&](const auto& entry) { return entry.second->resource_version <= list.revision; };
  return static_cast<std::size_t>(std::count_if(objects_.begin(), objects_.end(), is_of_then)) > seen;
}

Expected<void> Informer::CatchUp(api::ResourceVersion revision, std::chrono::milliseconds wait) {
  const auto has_it = [&] {
    std::lock_guard lock(mutex_);
    return is_synced_ && revision_ >= revision;
  };
  while (!has_it()) {
    if (auto stepped = Step(); !stepped) return stepped;
    if (has_it()) return {};
    std::lock_guard step_lock(step_mutex_);
    if (!watch_) continue;
    auto event = watch_->Next(wait, {});
    if (event && !*event) {
      std::lock_guard lock(mutex_);
      awaited_ = std::max(awaited_, revision);
      return Error{Code::kTimeout, "CacheBehind",
                   "the cache of " + resource_ + " waits for revision " + std::to_string(revision.value) + " in vain"};
    }
    if (event) Apply(**event);
  }
  return {};
}

void Informer::SetNotify(std::function<void()> notify) {
  std::lock_guard lock(step_mutex_);
  notify_ = std::move(notify);
  if (watch_) watch_->SetNotify(notify_);
}

/// Watches from the list's revision, and tells handlers how the list differs from what they were told.
Expected<void> Informer::Relist() {
  auto list = client_.List(resource_);
  if (!list) return list.error();
  auto watch = client_.OpenWatch(resource_, list->revision);
  if (!watch) return watch.error();
  watch_ = *std::move(watch);
  if (notify_) watch_->SetNotify(notify_);

  std::map<Name, SnapshotPtr> gone;
  {
    std::lock_guard lock(mutex_);
    gone = objects_;
  }
  for (const SnapshotPtr& snapshot : list->items) {
    const Name name{snapshot->key.namespace_, snapshot->key.name};
    gone.erase(name);
    Change(name, snapshot, snapshot->resource_version);
  }
  for (const auto& [name, snapshot] : gone) Change(name, nullptr, {});
  std::lock_guard lock(mutex_);
  revision_ = std::max(revision_, list->revision);
  verified_at_ = clock_.SteadyNow();
  is_synced_ = true;
  return {};
}

void Informer::Apply(const Event& event) {
  if (!event.object) return;  // A bookmark.
  const Name name{event.object->key.namespace_, event.object->key.name};
  Change(name, event.type == EventType::kDeleted ? nullptr : event.object, event.revision);
}

void Informer::Change(const Name& name, const SnapshotPtr& after, api::ResourceVersion revision) {
  SnapshotPtr before;
  {
    std::lock_guard lock(mutex_);
    revision_ = std::max(revision_, revision);
    const auto found = objects_.find(name);
    if (found != objects_.end()) before = found->second;
    if (before && after && before->resource_version == after->resource_version) return;
    if (after)
      objects_[name] = after;
    else if (before)
      objects_.erase(found);
  }
  if (!before && !after) return;
  Reindex(name, before, after);
  for (const Handler& handler : handlers_) {
    // A handler maps objects by a controller's code: a bug in it must not keep the others from hearing.
    try {
      handler(before, after);
    } catch (const std::exception& exception) {
      host::log::Error("a watch handler threw", {{"resource", resource_}, {"what", exception.what()}});
    }
  }
}

void Informer::Reindex(const Name& name, const SnapshotPtr& before, const SnapshotPtr& after) {
  const auto move = [&](ByValue& index, const std::vector<std::string>& from, const std::vector<std::string>& to) {
    for (const std::string& value : from) {
      const auto found = index.find(value);
      if (found == index.end()) continue;
      found->second.erase(name);
      if (found->second.empty()) index.erase(found);
    }
    for (const std::string& value : to) index[value][name] = after;
  };
  const auto owners_of = [](const SnapshotPtr& snapshot) {
    std::vector<std::string> uids;
    if (snapshot)
      for (const api::Uid& owner : snapshot->owners) uids.push_back(owner.value);
    return uids;
  };
  const auto values_of = [](const IndexedBy& index, const SnapshotPtr& snapshot) {
    return snapshot ? ValuesOf(index, *snapshot) : std::vector<std::string>();
  };
  {
    std::lock_guard lock(mutex_);
    move(owned_, owners_of(before), owners_of(after));
  }
  for (const auto& [index_name, index] : indexes_) {
    const auto from = values_of(index, before);
    const auto to = values_of(index, after);
    std::lock_guard lock(mutex_);
    move(indexed_[index_name], from, to);
  }
}

bool Informer::is_synced() const {
  std::lock_guard lock(mutex_);
  return is_synced_;
}

Expected<SnapshotPtr> Informer::Get(std::string_view namespace_, std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = objects_.find({std::string(namespace_), std::string(name)});
  if (found == objects_.end())
    return Error{Code::kNotFound, "NotFound", resource_ + " \"" + std::string(name) + "\" not found"};
  return found->second;
}

std::vector<SnapshotPtr> Informer::List(std::string_view namespace_) const {
  std::lock_guard lock(mutex_);
  std::vector<SnapshotPtr> all;
  for (auto it = objects_.lower_bound({std::string(namespace_), ""}); it != objects_.end(); ++it) {
    if (!namespace_.empty() && it->first.first != namespace_) break;
    all.push_back(it->second);
  }
  return all;
}

std::vector<SnapshotPtr> Informer::ListOwned(const api::Uid& owner) const {
  std::lock_guard lock(mutex_);
  std::vector<SnapshotPtr> children;
  const auto found = owned_.find(owner.value);
  if (found == owned_.end()) return children;
  for (const auto& [name, snapshot] : found->second) children.push_back(snapshot);
  return children;
}

Expected<std::vector<SnapshotPtr>> Informer::ListBy(std::string_view index, std::string_view value) const {
  std::lock_guard lock(mutex_);
  const auto by_value = indexed_.find(index);
  if (by_value == indexed_.end())
    return Error{Code::kInternal, "NoIndex", resource_ + " has no index " + std::string(index)};
  std::vector<SnapshotPtr> all;
  const auto found = by_value->second.find(value);
  if (found == by_value->second.end()) return all;
  for (const auto& [name, snapshot] : found->second) all.push_back(snapshot);
  return all;
}

bool Informer::IsKnownBy(std::string_view index, std::string_view value, const Snapshot& snapshot) const {
  const auto found = indexes_.find(index);
  if (found == indexes_.end()) return false;
  const auto values = ValuesOf(found->second, snapshot);
  return std::find(values.begin(), values.end(), value) != values.end();
}

InformerStats Informer::Stats() const {
  std::lock_guard lock(mutex_);
  return {.resource = resource_,
          .objects = objects_.size(),
          .verified_ago = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.SteadyNow() - verified_at_),
          .stale_found = stale_found_};
}

Informer& Informers::Of(std::string_view resource) {
  const auto found = informers_.find(resource);
  if (found != informers_.end()) return *found->second;
  auto informer = std::make_unique<Informer>(client_, clock_, std::string(resource));
  return *informers_.emplace(resource, std::move(informer)).first->second;
}

const Informer* Informers::Find(std::string_view resource) const {
  const auto found = informers_.find(resource);
  return found == informers_.end() ? nullptr : found->second.get();
}

Informer* Informers::Find(std::string_view resource) {
  return const_cast<Informer*>(std::as_const(*this).Find(resource));
}

Expected<void> Informers::Step() {
  Expected<void> result;
  for (const auto& [resource, informer] : informers_)
    if (auto stepped = informer->Step(); !stepped && result) result = stepped.error().Within("watching " + resource);
  return result;
}

void Informers::Run(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool has_news = true;  // Guarded by mutex.
  const auto notify = [&] {
    {
      std::lock_guard lock(mutex);
      has_news = true;
    }
    changed.notify_one();
  };
  for (const auto& [resource, informer] : informers_) informer->SetNotify(notify);
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, stop, [&] { return has_news; });
      has_news = false;
    }
    auto stepped = Step();
    if (stepped || stop.stop_requested()) continue;
    host::log::Warning("watching failed, trying again", {{"error", stepped.error().message}});
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, kRetry, [] { return false; });
    has_news = true;
  }
  for (const auto& [resource, informer] : informers_) informer->SetNotify({});
}

}  // namespace reconciler
