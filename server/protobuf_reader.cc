#include "server/protobuf_reader.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "server/protobuf_messages.h"
#include "server/status.h"

namespace server {
namespace {

using api::Error;
using api::Expected;
using api::Json;
using Type = ProtobufType;

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kFieldsMax = 10'000;  // A hundred times what an Event has; bounds what few bytes can become.

constexpr int kRawDepthMax =
    56;  // Of a JSON value, which stands four levels below the object: what is stored is read by 64.

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kFixed64 = 1;
constexpr std::uint64_t kBytes = 2;
constexpr std::uint64_t kFixed32 = 5;

/// One field as it stands in the bytes.
struct WireField {
  std::uint64_t number = 0;
  std::uint64_t type = kVarint;
  std::uint64_t varint = 0;
  std::string_view bytes{};
};

/// No value: the bytes end before it does, or it exceeds 64 bits.
std::optional<std::uint64_t> TakeVarint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// No value: broken. Groups (types 3 and 4) are older than Kubernetes.
std::optional<WireField> TakeField(std::string_view& rest) {
  const auto tag = TakeVarint(rest);
  if (!tag || *tag >> 3 == 0 || *tag > UINT32_MAX) return std::nullopt;
  WireField field{.number = *tag >> 3, .type = *tag & 7};
  if (field.type == kVarint) {
    const auto value = TakeVarint(rest);
    if (!value) return std::nullopt;
    field.varint = *value;
    return field;
  }
  std::uint64_t size = field.type == kFixed64 ? 8 : 4;
  if (field.type == kBytes) {
    const auto given = TakeVarint(rest);
    if (!given) return std::nullopt;
    size = *given;
  } else if (field.type != kFixed64 && field.type != kFixed32) {
    return std::nullopt;
  }
  if (size > rest.size()) return std::nullopt;
  field.bytes = rest.substr(0, size);
  rest.remove_prefix(size);
  return field;
}

Error Cut() { return BadRequest("the bytes are cut off or no protobuf"); }

bool FitsType(const ProtobufField& field, std::uint64_t type) {
  const bool is_varint = field.type == Type::kInteger || field.type == Type::kLong || field.type == Type::kBool;
  return type == (is_varint ? kVarint : kBytes);
}

/// As the value has it in JSON when it was never set.
bool IsUnset(const Json& value) {
  return value.is_null() || value == Json("") || value == Json(0) || value == Json(false) ||
         (value.is_object() && value.size() == 0);
}

/// Null: no time. Years beyond four digits cannot be written as RFC 3339.
Expected<Json> ReadTime(std::string_view bytes, bool is_micro) {
  constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01
  constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  if (bytes.empty()) return Json();
  while (!bytes.empty()) {
    const auto field = TakeField(bytes);
    if (!field) return Cut();
    if (field->number > 2) continue;
    if (field->type != kVarint) return BadRequest("seconds and nanoseconds are numbers");
    (field->number == 1 ? seconds : nanos) = static_cast<std::int64_t>(field->varint);
  }
  if (seconds < kFirst || seconds > kLast || nanos < 0 || nanos > 999'999'999)
    return BadRequest("the time is outside the years 1 to 9999");
  const api::Time time{std::chrono::seconds(seconds) +
                       std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds(nanos))};
  return Json(is_micro ? api::codec::FormatMicroTime(time) : api::codec::FormatTime(time));
}

Expected<Json> ReadText(std::string_view bytes) {
  if (!api::codec::IsValidUtf8(bytes)) return BadRequest("a text must be UTF-8");
  return Json(bytes);
}

/// Reads one envelope, then is thrown away.
class Decoder {
 public:
  /// Puts what `bytes` say over `object`: of a field that stands twice the last counts, and messages are merged, as
  /// protobuf has it.
  Expected<void> Read(const ProtobufMessage& message, std::string_view bytes, Json& object) {
    while (!bytes.empty()) {
      const auto wire = TakeField(bytes);
      if (!wire) return Cut();
      if (--fields_left_ < 0) return BadRequest("more than " + std::to_string(kFieldsMax) + " fields");
      const auto field = std::find_if(message.fields.begin(), message.fields.end(),
                                      [&](const ProtobufField& one) { return one.number == wire->number; });
      if (field == message.fields.end()) continue;
      if (auto put = Put(*field, *wire, object); !put) return put.error().Within(field->name);
    }
    return {};
  }

 private:
  Expected<void> Put(const ProtobufField& field, const WireField& wire, Json& object) {
    if (!FitsType(field, wire.type)) return BadRequest("the type of the bytes is another one");
    if (field.type == Type::kTextMap) return PutMember(wire.bytes, object[field.name]);
    Json* before = field.type == Type::kMessage && !field.is_list ? object.Find(field.name) : nullptr;
    auto value = Value(field, wire, before ? std::move(*before) : Json::EmptyObject());
    if (!value) return value.error();
    if (field.is_list)
      object[field.name].Append(*std::move(value));
    else if (IsUnset(*value) && !(field.is_pointer && !value->is_null()))
      object.Erase(field.name);
    else
      object[field.name] = *std::move(value);
    return {};
  }

  /// `before`: what a message is put over.
  Expected<Json> Value(const ProtobufField& field, const WireField& wire, Json before) {
    switch (field.type) {
      case Type::kInteger:
        return Json(std::int64_t{static_cast<std::int32_t>(wire.varint)});
      case Type::kLong:
        return Json(static_cast<std::int64_t>(wire.varint));
      case Type::kBool:
        return Json(wire.varint != 0);
      case Type::kTime:
      case Type::kMicroTime:
        return ReadTime(wire.bytes, field.type == Type::kMicroTime);
      case Type::kJson:
        return ReadRaw(wire.bytes);
      case Type::kMessage:
        if (auto read = Read(*field.message, wire.bytes, before); !read) return read.error();
        return before;
      default:
        return ReadText(wire.bytes);
    }
  }

  /// An entry of a map is a message of key and value.
  Expected<void> PutMember(std::string_view bytes, Json& map) {
    static constexpr ProtobufField kFields[]{{1, "key"}, {2, "value"}};
    Json entry = Json::EmptyObject();
    if (auto read = Read({kFields}, bytes, entry); !read) return read;
    const auto text = [&](std::string_view name) { return entry.Find(name) ? entry.Find(name)->StringOr("") : ""; };
    map[text("key")] = text("value");
    return {};
  }

  static Expected<Json> ReadRaw(std::string_view bytes) {
    std::string_view raw;
    while (!bytes.empty()) {
      const auto field = TakeField(bytes);
      if (!field) return Cut();
      if (field->number == 1) raw = field->bytes;
    }
    if (raw.empty()) return Json();
    auto value = api::codec::ParseJson(raw, {.depth_max = kRawDepthMax});
    if (!value) return BadRequest(value.error().message);
    return value;
  }

  int fields_left_ = kFieldsMax;
};

/// Kubernetes' runtime.Unknown: the type, then the object's bytes.
struct Envelope {
  Json type = Json::EmptyObject();
  std::string_view object{};
};

Expected<Envelope> ReadEnvelope(std::string_view bytes) {
  Envelope envelope;
  while (!bytes.empty()) {
    const auto field = TakeField(bytes);
    if (!field) return Cut();
    if (field->number > 4) continue;
    if (field->type != kBytes) return BadRequest("the envelope has a field of another type");
    if (field->number == 1) {
      if (auto read = Decoder().Read(kProtobufTypeMeta, field->bytes, envelope.type); !read) return read.error();
    } else if (field->number == 2) {
      envelope.object = field->bytes;
    } else if (field->number == 3 && !field->bytes.empty()) {
      return BadRequest("compressed objects are not read");
    }
  }
  return envelope;
}

}  // namespace

bool IsProtobuf(std::string_view body) { return body.starts_with(kMagic); }

Expected<Json> ReadProtobuf(std::string_view body) {
  constexpr std::string_view kContext = "the protobuf body cannot be read";
  if (!IsProtobuf(body)) return BadRequest("it does not begin with k8s and a zero byte").Within(kContext);
  const auto envelope = ReadEnvelope(body.substr(kMagic.size()));
  if (!envelope) return envelope.error().Within(kContext);
  Json object = envelope->type;
  const auto said = [&](std::string_view name) { return object.Find(name) ? object.Find(name)->StringOr("") : ""; };
  const ProtobufMessage* message = FindProtobufMessage(said("apiVersion"), said("kind"));
  if (!message) return UnsupportedMediaType("application/json");
  if (auto read = Decoder().Read(*message, envelope->object, object); !read) return read.error().Within(kContext);
  return object;
}

}  // namespace server
