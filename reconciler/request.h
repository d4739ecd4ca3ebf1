#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace reconciler {

/// Which object of a controller's kind to look at: a name, nothing else. What happened to it is not said on purpose.
struct Request {
  std::string namespace_{};
  std::string name{};

  auto operator<=>(const Request&) const = default;
  bool operator==(const Request&) const = default;
};

/// Eight bytes a step by multiplication and folding: half the price of std::hash on names, and each key is hashed in
/// every call of a WorkQueue. Not for keys that an enemy chooses; the names here passed admission.
struct RequestHash {
  static std::uint64_t Mix(std::uint64_t state, std::uint64_t bits) noexcept {
    state = (state ^ bits) * 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio: odd, with bits everywhere.
    return state ^ (state >> 32);
  }
  static std::uint64_t Mix(std::uint64_t state, const std::string& text) noexcept {
    const char* at = text.data();
    const std::size_t size = text.size();
    state ^= size;  // What was read twice below is no collision.
    if (size < 8) return Mix(state, Load(at, size));
    for (std::size_t done = 0; done + 8 < size; done += 8) state = Mix(state, Load(at + done, 8));
    return Mix(state, Load(at + size - 8, 8));
  }
  static std::uint64_t Load(const char* at, std::size_t size) noexcept {
    std::uint64_t bits = 0;
    if (size == sizeof bits) {
      std::memcpy(&bits, at, sizeof bits);
    } else {
      for (std::size_t i = 0; i < size; ++i) bits = bits << 8 | static_cast<unsigned char>(at[i]);
    }
    return bits;
  }
  std::size_t operator()(const Request& request) const noexcept {
    return Mix(Mix(0, request.name), request.namespace_);
  }
};

}  // namespace reconciler
