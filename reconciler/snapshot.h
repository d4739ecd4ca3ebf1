#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/meta/object.h"

namespace reconciler {

/// One stored state of one object: its text as the wire sends it, and the few fields that are looked at without parsing
/// it.
struct Snapshot {
  api::ObjectKey key{};
  api::Uid uid{};
  api::ResourceVersion resource_version{};
  api::Generation generation{};
  bool is_deleting = false;
  std::size_t metadata_digest = 0;  ///< Of labels, annotations and owners: equal when none of them changed.
  std::vector<std::pair<std::string, std::string>> labels{};  ///< Sorted by key.
  std::vector<api::Uid> owners{};
  bool awaits_collector = false;  ///< Is being deleted, and has a finalizer that the collector takes off.
  bool is_ready = false;          ///< Its condition Ready is True.
  bool is_synced = false;         ///< The last pass saw this generation, and neither failed nor waits for a person.
  bool has_suspension = false;    ///< `spec.suspend` is there, whether its end has come or not.
  std::string text{};             ///< Compact JSON of the whole object, keys sorted.
};

/// Immutable, shared by the store, watches and informers: nobody copies an object to read it.
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace reconciler
