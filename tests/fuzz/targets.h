#pragma once

#include <span>
#include <stdexcept>
#include <string_view>

/// Everything that reads text from outside, as functions of bytes. They end by themselves, whatever the bytes are; a
/// broken promise is thrown. `make fuzz` feeds them what libFuzzer invents, corpus_test.cc what is kept in corpus/.
namespace fuzz {

struct Target {
  std::string_view name{};  ///< Also the folder in corpus/.
  void (*run)(std::string_view input) = nullptr;
};

/// Throws `promise` when it does not hold.
inline void Promise(bool holds, const char* promise) {
  if (!holds) throw std::logic_error(promise);
}

/// What stands before the first byte 0, which is taken out with it: one input as several.
inline std::string_view TakePart(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(part.size() < rest.size() ? part.size() + 1 : rest.size());
  return part;
}

// One a reader.
void RunJson(std::string_view input);      ///< A JSON text.
void RunYaml(std::string_view input);      ///< A YAML text; each document also as a definition of a kind.
void RunToml(std::string_view input);      ///< A TOML text; also as a member's file and as a manifest.
void RunObject(std::string_view input);    ///< An object as JSON.
void RunSchema(std::string_view input);    ///< Two YAML documents: a schema and a value.
void RunPatch(std::string_view input);     ///< A JSON array: a value and patches for it.
void RunApply(std::string_view input);     ///< A JSON array: an object and what managers apply to it.
void RunSelector(std::string_view input);  ///< A label selector, a field selector, a JSONPath.
void RunHttp(std::string_view input);      ///< The bytes of a connection: requests one after the other.
void RunRequest(std::string_view input);   ///< A request's target, then, behind a byte 0, its Accept and Content-Type.
void RunNames(std::string_view input);     ///< A text to be a name; also as a name.
void RunProtobuf(std::string_view input);  ///< A body in protobuf; also as the bytes of one kind after the other.
void RunPriv(std::string_view input);      ///< A packet to herod-priv, or from it.
void RunText(std::string_view input);      ///< A time, a duration, base64, a text for people.

std::span<const Target> Targets();

}  // namespace fuzz
