#pragma once

#include <cstdint>
#include <span>
#include <string_view>

/// The built-in kinds as tables: which number is which field. From the .proto files of Kubernetes 1.36.
namespace server {

enum class ProtobufType {
  kString,
  kInteger,  ///< 32 bits.
  kLong,
  kBool,
  kTime,       ///< Seconds and nanoseconds, as metav1.Time writes them: whole seconds.
  kMicroTime,  ///< The same with six decimals.
  kTextMap,
  kJson,  ///< A message whose field 1 is the bytes of a JSON value.
  kMessage,
};

struct ProtobufMessage;

struct ProtobufField {
  std::uint64_t number = 0;
  std::string_view name{};
  ProtobufType type = ProtobufType::kString;
  const ProtobufMessage* message = nullptr;  ///< Of kMessage.
  bool is_list = false;
  /// Zero and empty say something: Go's clients leave these out when they are unset, and write all others always.
  bool is_pointer = false;
};

/// Never contains itself, at any depth: reading one ends however deep the bytes are.
struct ProtobufMessage {
  std::span<const ProtobufField> fields{};
};

/// Null: clients send that kind as JSON.
const ProtobufMessage* FindProtobufMessage(std::string_view api_version, std::string_view kind);

/// `apiVersion` and `kind`, which stand before each object.
extern const ProtobufMessage kProtobufTypeMeta;

}  // namespace server
