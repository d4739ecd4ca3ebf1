#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "reconciler/client.h"
#include "reconciler/store.h"
#include "tests/simulation/fibers.h"

namespace tests {

/// What anybody was shown of the store, over all its lives: an acknowledged write, an object read, an event. All of it
/// has to be true for ever. A contradiction ends the run.
class Ledger {
 public:
  explicit Ledger(Fibers& fibers) : fibers_(fibers) {}

  void Saw(const reconciler::SnapshotPtr& snapshot) { Note(snapshot->key, snapshot->resource_version.value, snapshot); }
  /// `last` is the object as it was, with the revision of its removal.
  void SawRemoval(const reconciler::SnapshotPtr& last) { Note(last->key, last->resource_version.value, nullptr); }
  void SawRevision(api::ResourceVersion revision) { newest_ = std::max(newest_, revision.value); }

  /// After a start: nothing that was shown is gone or other.
  void Check(const reconciler::Store& store) {
    if (store.revision().value < newest_)
      fibers_.Fail("lost: revision " + std::to_string(newest_) + " was shown, the store has " +
                   std::to_string(store.revision().value));
    for (const auto& [key, shown] : objects_) {
      const auto now = store.Get(key);
      const std::int64_t have = now ? (*now)->resource_version.value : store.revision().value;
      const bool is_same = !now || !shown.state || (*now)->text == shown.state->text;
      if (have < shown.revision ||
          (have == shown.revision && (now.has_value() != (shown.state != nullptr) || !is_same)))
        fibers_.Fail("lost: " + ToString(key) + " was shown at revision " + std::to_string(shown.revision) +
                     (shown.state ? "" : " (removed)") + ", the store has " +
                     (now ? "revision " + std::to_string(have) : "none of it"));
    }
  }

  /// The object as it was at that revision; null when nobody was shown it.
  reconciler::SnapshotPtr At(std::int64_t revision) const {
    const auto found = revisions_.find(revision);
    return found == revisions_.end() ? nullptr : found->second.state;
  }

 private:
  struct Shown {
    std::int64_t revision = 0;
    reconciler::SnapshotPtr state{};  // Null: it was removed.
  };
  struct OfRevision {
    api::ObjectKey key{};
    reconciler::SnapshotPtr state{};
  };

  void Note(const api::ObjectKey& key, std::int64_t revision, const reconciler::SnapshotPtr& state) {
    newest_ = std::max(newest_, revision);
    const auto [found, is_new] = revisions_.try_emplace(revision, OfRevision{key, state});
    const OfRevision& before = found->second;
    const bool is_same = before.key == key && (before.state != nullptr) == (state != nullptr) &&
                         (!state || before.state->text == state->text);
    if (!is_new && !is_same)
      fibers_.Fail("revision " + std::to_string(revision) + " was shown as " + ToString(before.key) + " and as " +
                   ToString(key) + ", with different content");
    Shown& shown = objects_[key];
    if (shown.revision < revision) shown = {revision, state};
  }

  Fibers& fibers_;
  std::int64_t newest_ = 0;
  std::map<api::ObjectKey, Shown> objects_;
  std::map<std::int64_t, OfRevision> revisions_;
};

}  // namespace tests
