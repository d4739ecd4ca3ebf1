#include "server/protobuf_writer.h"

#include <bit>

namespace server {
namespace {

// The wire types of protobuf.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;

}  // namespace

void ProtobufWriter::Text(std::uint32_t field, std::string_view text) {
  Tag(field, kBytes);
  Varint(text.size());
  bytes_ += text;
}

void ProtobufWriter::Integer(std::uint32_t field, std::int64_t value) {
  Tag(field, kVarint);
  Varint(static_cast<std::uint64_t>(value));
}

void ProtobufWriter::Double(std::uint32_t field, double value) {
  Tag(field, kFixed64);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xff);
}

void ProtobufWriter::Varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
  bytes_ += static_cast<char>(value);
}

}  // namespace server
