#pragma once

#include <cstddef>

namespace reconciler {

/// What the objects of one namespace come to, of all kinds and whoever made them.
struct Usage {
  std::size_t objects = 0;
  std::size_t bytes = 0;  ///< Of their texts, which are kept in memory and on disk.
};

/// What a namespace may come to by a write that adds to it. One that takes away is never refused, even beyond it.
struct Quota {
  std::size_t objects_max = 0;
  std::size_t bytes_max = 0;
};

}  // namespace reconciler
