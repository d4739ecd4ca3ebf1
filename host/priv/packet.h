#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The bytes between herod and herod-priv: fields one after the other, in the order in which a struct names them. Each
/// has a bound that both ends know, so a reader never asks for more memory than it read bytes. Numbers are
/// little-endian.
namespace host::priv {

// A packet is one datagram. The keys of one home (64 KiB) fit with room to spare, and the kernel's default buffer of
// 208 KiB holds it.
inline constexpr std::size_t kPacketBytesMax = 128u << 10;

/// Writes fields; what breaks its bound makes the packet void.
class PacketWriter {
 public:
  void Number(std::int64_t value);
  void Byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Bool(bool value) { Byte(value ? 1 : 0); }
  void Text(std::string_view text, std::size_t bytes_max);
  /// How many of something follow.
  void Count(std::size_t count, std::size_t count_max);

  bool IsWhole() const { return is_whole_ && bytes_.size() <= kPacketBytesMax; }
  std::size_t size() const { return bytes_.size(); }
  const std::string& Bytes() const { return bytes_; }

 private:
  std::string bytes_;
  bool is_whole_ = true;
};

/// Reads fields. After the first that does not fit all others are empty, and IsWhole is false.
class PacketReader {
 public:
  explicit PacketReader(std::string_view bytes) : rest_(bytes) {}

  std::int64_t Number();
  std::uint8_t Byte();
  bool Bool();  ///< 0 or 1; all else does not fit.
  std::string Text(std::size_t bytes_max);
  std::size_t Count(std::size_t count_max);

  bool IsGood() const { return is_good_; }
  /// All that was read fitted, and nothing is left.
  bool IsWhole() const { return is_good_ && rest_.empty(); }
  void Refuse() { is_good_ = false; }

 private:
  std::string_view Take(std::size_t size);

  std::string_view rest_;
  bool is_good_ = true;
};

}  // namespace host::priv
