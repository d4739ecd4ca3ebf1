#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace tests {

/// What a random test starts from: another number in every run, or HERO_TEST_SEED to repeat one. CAPTURE it, so that a
/// failure names it.
inline std::uint64_t Seed() {
  if (const char* wanted = std::getenv("HERO_TEST_SEED")) return std::stoull(wanted);
  return std::random_device()();
}

/// HERO_SOAK=1 asks for what takes long.
inline bool IsSoak() { return std::getenv("HERO_SOAK") != nullptr; }

}  // namespace tests
