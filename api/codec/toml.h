#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/codec/text.h"
#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api::codec {

/// A TOML text as a value, and where each part of it stands.
struct TomlDocument {
  std::string source{};                             ///< File name as the reader of an error knows it.
  Json value{};                                     ///< Dates and times as their RFC 3339 text.
  std::map<std::string, TextPosition> positions{};  ///< By path: `name`, `limits.memory`, `bind[0].service`.

  /// `error` with `source:line:column: ` before its message, for the nearest known part of its first cause's field.
  Error At(const Error& error) const;
};

/// Refuses, with kInvalid and `source:line:column`: a syntax error, invalid UTF-8, more than 64 KiB (a dotted key of
/// 100 000 parts crashes the library below, see docs/adr/0006), nesting beyond 32 levels, the file itself being the
/// first.
Expected<TomlDocument> ParseToml(std::string_view text, std::string_view source);

}  // namespace api::codec
