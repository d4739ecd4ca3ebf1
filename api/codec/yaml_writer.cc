#include "api/codec/json.h"
#include "api/codec/yaml.h"
#include "api/codec/yaml_scalar.h"

namespace api::codec {
namespace {

/// Text that every reader of YAML takes for itself when it stands unquoted. Narrow: quotes are never wrong.
bool IsSafePlain(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view kOthers = "0123456789 _-./@+:";
  if (text.empty() || text.size() > 256 || text.back() == ' ' || text.back() == ':') return false;
  if (kLetters.find(text.front()) == std::string_view::npos && text.front() != '/') return false;
  for (const char character : text) {
    if (kLetters.find(character) == std::string_view::npos && kOthers.find(character) == std::string_view::npos)
      return false;
  }
  if (text.find(": ") != std::string::npos) return false;
  const bool is_short_word = text.size() == 1 && std::string_view("yYnN").find(text.front()) != std::string_view::npos;
  const auto value = ResolvePlain(text);
  return !is_short_word && value && value->is_string();
}

/// A value that stands on the line of its key or dash.
bool IsInline(const Json& value) { return value.size() == 0; }

class Writer {
 public:
  std::string Take() { return std::move(text_); }

  /// At the present place of the line; ends it.
  void Write(const Json& value, std::size_t indent) {
    if (IsInline(value)) {
      WriteScalar(value);
      text_ += '\n';
    } else if (const Json::Object* members = value.object()) {
      WriteMembers(*members, indent);
    } else {
      WriteElements(*value.array(), indent);
    }
  }

 private:
  void WriteMembers(const Json::Object& members, std::size_t indent) {
    for (const Json::Member& member : members) {
      if (&member != &members.front()) text_.append(indent, ' ');
      const bool is_explicit = WriteKey(member.key, indent);
      text_ += ':';
      if (IsInline(member.value)) {
        text_ += ' ';
        Write(member.value, indent);
        continue;
      }
      const bool is_below_key = member.value.is_array() && !is_explicit;  // Dashes stand right below their key.
      const std::size_t inner = is_below_key ? indent : indent + 2;
      (text_ += '\n').append(inner, ' ');
      Write(member.value, inner);
    }
  }

  /// True when it was written as `? key` on a line of its own: readers of YAML take 1024 characters before a colon.
  bool WriteKey(const std::string& key, std::size_t indent) {
    constexpr std::size_t kImplicitBytesMax = 1000;  // With the quotes and the colon below that.
    const std::string written = Written(key);
    const bool is_explicit = written.size() > kImplicitBytesMax;
    if (is_explicit) text_ += "? ";
    text_ += written;
    if (is_explicit) (text_ += '\n').append(indent, ' ');
    return is_explicit;
  }

  void WriteElements(const Json::Array& elements, std::size_t indent) {
    for (const Json& element : elements) {
      if (&element != &elements.front()) text_.append(indent, ' ');
      text_ += "- ";
      Write(element, indent + 2);
    }
  }

  void WriteScalar(const Json& value) {
    if (const std::string* text = value.string())
      text_ += Written(*text);
    else
      text_ += WriteJson(value);
  }

  // A JSON string is a double-quoted YAML string.
  static std::string Written(const std::string& text) { return IsSafePlain(text) ? text : WriteJson(Json(text)); }

  std::string text_;
};

}  // namespace

std::string WriteYaml(const Json& value) {
  Writer writer;
  writer.Write(value, 0);
  return writer.Take();
}

}  // namespace api::codec
