#include "host/priv/packet.h"

namespace host::priv {

namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr unsigned kBitsOfByte = 8;

}  // namespace

void PacketWriter::Number(std::int64_t value) {
  auto bits = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < kNumberBytes; ++i, bits >>= kBitsOfByte) Byte(static_cast<std::uint8_t>(bits & 0xFFU));
}

void PacketWriter::Text(std::string_view text, std::size_t bytes_max) {
  is_whole_ = is_whole_ && text.size() <= bytes_max;
  Number(static_cast<std::int64_t>(text.size()));
  if (is_whole_) bytes_ += text;
}

void PacketWriter::Count(std::size_t count, std::size_t count_max) {
  is_whole_ = is_whole_ && count <= count_max;
  Number(static_cast<std::int64_t>(count));
}

std::string_view PacketReader::Take(std::size_t size) {
  is_good_ = is_good_ && size <= rest_.size();
  if (!is_good_) return {};
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint8_t PacketReader::Byte() {
  const std::string_view byte = Take(1);
  return byte.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(byte.front());
}

bool PacketReader::Bool() {
  const std::uint8_t byte = Byte();
  is_good_ = is_good_ && byte <= 1;
  return is_good_ && byte == 1;
}

std::int64_t PacketReader::Number() {
  std::uint64_t bits = 0;
  unsigned shift = 0;
  for (const char c : Take(kNumberBytes)) {
    bits |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(c)) << shift;
    shift += kBitsOfByte;
  }
  return static_cast<std::int64_t>(bits);
}

std::string PacketReader::Text(std::size_t bytes_max) {
  const std::int64_t size = Number();
  is_good_ = is_good_ && size >= 0 && static_cast<std::uint64_t>(size) <= bytes_max;
  return is_good_ ? std::string(Take(static_cast<std::size_t>(size))) : std::string();
}

std::size_t PacketReader::Count(std::size_t count_max) {
  const std::int64_t count = Number();
  is_good_ = is_good_ && count >= 0 && static_cast<std::uint64_t>(count) <= count_max;
  return is_good_ ? static_cast<std::size_t>(count) : 0;
}

}  // namespace host::priv
