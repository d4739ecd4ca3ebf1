#include "reconciler/work_queue_entry.h"

#include <utility>

namespace reconciler {
namespace {

constexpr std::size_t kSlotsAtFirst = 64;  // A small box has that few objects of a kind; it doubles from there.

}  // namespace

void EntryList::Push(QueueEntry& entry) {
  entry.before = last_;
  entry.after = nullptr;
  (last_ != nullptr ? last_->after : first_) = &entry;
  last_ = &entry;
}

void EntryList::Remove(QueueEntry& entry) {
  (entry.before != nullptr ? entry.before->after : first_) = entry.after;
  (entry.after != nullptr ? entry.after->before : last_) = entry.before;
}

void DelayHeap::Place(QueueEntry& entry, std::size_t index) {
  items_[index] = &entry;
  entry.heap_index = index;
}

/// Puts an entry at a free index, or above it where its time belongs.
void DelayHeap::Raise(QueueEntry& entry, std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!IsBefore(entry, *items_[parent])) break;
    Place(*items_[parent], index);
    index = parent;
  }
  Place(entry, index);
}

/// Puts an entry at a free index, or below it where its time belongs.
void DelayHeap::Sink(QueueEntry& entry, std::size_t index) {
  while (true) {
    std::size_t child = 2 * index + 1;
    if (child >= items_.size()) break;
    if (child + 1 < items_.size() && IsBefore(*items_[child + 1], *items_[child])) ++child;
    if (!IsBefore(*items_[child], entry)) break;
    Place(*items_[child], index);
    index = child;
  }
  Place(entry, index);
}

void DelayHeap::Push(QueueEntry& entry) {
  items_.push_back(&entry);
  Raise(entry, items_.size() - 1);
}

void DelayHeap::Remove(QueueEntry& entry) {
  const std::size_t index = std::exchange(entry.heap_index, QueueEntry::kNotDelayed);
  QueueEntry& last = *items_.back();
  items_.pop_back();
  if (&last == &entry) return;
  if (index > 0 && IsBefore(last, *items_[(index - 1) / 2]))
    Raise(last, index);
  else
    Sink(last, index);
}

EntryTable::EntryTable() : slots_(kSlotsAtFirst) {}

QueueEntry* EntryTable::Find(const Request& request, std::size_t hash) const {
  for (std::size_t index = Home(hash);; index = Next(index)) {
    const Slot& slot = slots_[index];
    if (slot.entry == nullptr) return nullptr;
    if (slot.hash == hash && slot.entry->request == request) return slot.entry;
  }
}

QueueEntry& EntryTable::Insert(const Request& request, std::size_t hash) {
  if (2 * (size_ + 1) > slots_.size()) Grow();
  QueueEntry* entry = free_;
  if (entry != nullptr) {
    free_ = entry->after;
  } else {
    entry = &entries_.emplace_back();
  }
  entry->request = request;
  entry->hash = hash;
  std::size_t index = Home(hash);
  while (slots_[index].entry != nullptr) index = Next(index);
  slots_[index] = {hash, entry};
  ++size_;
  return *entry;
}

void EntryTable::Erase(QueueEntry& entry) {
  std::size_t hole = Home(entry.hash);
  while (slots_[hole].entry != &entry) hole = Next(hole);
  // Those behind it in the run move up, unless that would put them before their home.
  for (std::size_t index = Next(hole); slots_[index].entry != nullptr; index = Next(index)) {
    const std::size_t mask = slots_.size() - 1;
    const std::size_t from_home = (index - Home(slots_[index].hash)) & mask;
    if (from_home < ((index - hole) & mask)) continue;
    slots_[hole] = slots_[index];
    hole = index;
  }
  slots_[hole] = {};
  --size_;
  entry.after = free_;
  free_ = &entry;
}

void EntryTable::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  for (const Slot& slot : old) {
    if (slot.entry == nullptr) continue;
    std::size_t index = Home(slot.hash);
    while (slots_[index].entry != nullptr) index = Next(index);
    slots_[index] = slot;
  }
}

}  // namespace reconciler
