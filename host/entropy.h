#pragma once

#include <cstdint>

namespace host {

/// Random bits fit for identities and jitter. Thread-safe.
class Entropy {
 public:
  virtual ~Entropy() = default;

  virtual std::uint64_t Next() = 0;
};

}  // namespace host
