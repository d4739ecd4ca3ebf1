#include "reconciler/journal.h"

#include <algorithm>
#include <utility>

namespace reconciler {
namespace {

bool IsIdle(const PassRecord& record) { return record.steps.empty() && record.outcome == "done"; }

}  // namespace

void Journal::Note(PassRecord record) {
  std::lock_guard lock(mutex_);
  const api::ObjectKey key = record.object;
  std::deque<PassRecord>& records = records_[key];
  const auto last = std::find_if(records.rbegin(), records.rend(),
                                 [&](const PassRecord& old) { return old.controller == record.controller; });
  if (last != records.rend() && IsIdle(*last) && IsIdle(record)) {
    record.repeated = last->repeated + 1;
    *last = std::move(record);
    return;
  }
  records.push_back(std::move(record));
  order_.push_back(key);
  // The oldest of this object, or of all: either is the first one of its object.
  const auto drop = [this](const std::deque<api::ObjectKey>::iterator& place) {
    const auto found = records_.find(*place);
    found->second.pop_front();
    if (found->second.empty()) records_.erase(found);
    order_.erase(place);
  };
  if (records.size() > options_.per_object_max) drop(std::find(order_.begin(), order_.end(), key));
  if (order_.size() > options_.records_max) drop(order_.begin());
}

std::vector<PassRecord> Journal::Find(const api::ObjectKey& object) const {
  std::lock_guard lock(mutex_);
  const auto found = records_.find(object);
  if (found == records_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace reconciler
