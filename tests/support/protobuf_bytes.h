#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/meta/words.h"

/// Protobuf as Kubernetes' Go clients send it, for tests.
namespace tests {

/// The bytes of hex digits; blanks between them count for nothing.
inline std::string FromHex(std::string_view digits) {
  std::string bytes;
  int high = -1;
  for (const char c : digits) {
    const int digit = api::HexDigitOf(c);
    if (digit < 0) continue;
    if (high >= 0) bytes += static_cast<char>(high * 16 + digit);
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

inline std::string Varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

inline std::string NumberField(std::uint64_t number, std::int64_t value) {
  return Varint(number << 3) + Varint(static_cast<std::uint64_t>(value));
}

inline std::string BytesField(std::uint64_t number, std::string_view bytes) {
  return Varint(number << 3 | 2) + Varint(bytes.size()) + std::string(bytes);
}

/// The body of a request: the type and the object's fields.
inline std::string Envelope(std::string_view api_version, std::string_view kind, std::string_view object) {
  return std::string("k8s\0", 4) + BytesField(1, BytesField(1, api_version) + BytesField(2, kind)) +
         BytesField(2, object) + BytesField(3, "") + BytesField(4, "");
}

// As clients sent them.
constexpr std::string_view kNamespaceFooHex =
    "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200";
constexpr std::string_view kAccessReviewHex =
    "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f763112"
    "1753656c665375626a65637441636365737352657669657712480a100a0012001a0022002a0032003800420012"
    "2a0a280a0764656661756c7412066372656174651a086865726f2e64657622002a05736c6f747332003a001a08080012001a0020001a00"
    "2200";
constexpr std::string_view kLeaseHex =
    "6b3873000a1f0a16636f6f7264696e6174696f6e2e6b38732e696f2f763112054c6561736512450a1d0a06676f7465737412001a07646566"
    "61756c7422002a0032003800420012240a02766d10"
    "051a0c08b7f582d80610b0aefd8401220c08b7f582d80610b0aefd840128001a002200";
constexpr std::string_view kDeleteOptionsHex = "6b3873000a130a027631120d44656c6574654f7074696f6e7312001a002200";

}  // namespace tests
