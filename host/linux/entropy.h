#pragma once

#include <cstdint>

#include "host/entropy.h"

namespace host::linux {

/// The kernel's random numbers.
class SystemEntropy final : public Entropy {
 public:
  std::uint64_t Next() override;
};

}  // namespace host::linux
