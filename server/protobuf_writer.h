#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace server {

/// Writes one protobuf message, field by field in the order of the calls. A plain value: no locks.
class ProtobufWriter {
 public:
  void Text(std::uint32_t field, std::string_view text);
  void Message(std::uint32_t field, const ProtobufWriter& message) { Text(field, message.bytes_); }
  void Integer(std::uint32_t field, std::int64_t value);
  void Double(std::uint32_t field, double value);

  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(std::uint64_t value);
  void Tag(std::uint32_t field, std::uint32_t wire_type) { Varint(std::uint64_t{field} << 3 | wire_type); }

  std::string bytes_;
};

}  // namespace server
