#include "api/codec/toml.h"

#include <cmath>
#include <optional>
#include <sstream>
#include <type_traits>

#include <toml++/toml.h>

#include "api/codec/text.h"

namespace api::codec {
namespace {

constexpr std::size_t kTextBytesMax = 64 << 10;
constexpr int kDepthMax = 32;
constexpr std::size_t kKeyBytesMax =
    128;  // Every position is kept by its path: long keys above many others fill memory.

Error InvalidToml(std::string_view source, TextPosition where, std::string_view problem) {
  std::string message = Printable(source, 256) + ":";
  if (where.line > 0) message += std::to_string(where.line) + ":" + std::to_string(where.column) + ":";
  return {.code = Code::kInvalid, .reason = "InvalidToml", .message = message + " " + std::string(problem)};
}

TextPosition PositionOf(const toml::source_position& position) {
  return {.line = static_cast<int>(position.line), .column = static_cast<int>(position.column)};
}

/// The offset behind the string or comment that begins at `at`; `at` itself when none does.
std::size_t SkipOpaque(std::string_view text, std::size_t at) {
  if (text[at] == '#') return std::min(text.find('\n', at), text.size());
  if (text[at] != '"' && text[at] != '\'') return at;
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool is_multiline = text.substr(at).starts_with(triple);
  const std::string_view end = is_multiline ? std::string_view(triple) : std::string_view(triple).substr(2);
  for (std::size_t i = at + end.size(); i < text.size(); ++i) {
    if (text.substr(i).starts_with(end)) return i + end.size();
    if (text[i] == '\n' && !is_multiline) return i;  // Not closed: toml++ stops here as well.
    if (text[i] == '\\' && quote == '"') ++i;
  }
  return text.size();
}

/// Where a key has more than kDepthMax parts. toml++ recurses on the parts of a dotted key and overflows the stack at
/// some 30 000 of them, which fit into kTextBytesMax; so this is looked at before the parser sees the text.
std::optional<std::size_t> FindEndlessKey(std::string_view text) {
  int dots = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t behind = SkipOpaque(text, i); behind != i) {
      i = behind;
      continue;
    }
    if (std::string_view("\n=,[]{}").find(text[i]) != std::string_view::npos) dots = 0;
    if (text[i] == '.' && ++dots >= kDepthMax) return i;
    ++i;
  }
  return std::nullopt;
}

/// Turns toml++'s tree into a value and notes where everything stands. The first problem ends it.
class Converter {
 public:
  explicit Converter(TomlDocument& document) : document_(document) {}

  const std::optional<Error>& Failure() const { return failure_; }

  Json Convert(const toml::node& node, const std::string& path, int depth) {
    const bool is_container = node.is_table() || node.is_array();
    if (is_container && depth >= kDepthMax)
      return Fail(node, "nested deeper than " + std::to_string(kDepthMax) + " levels");
    if (const toml::table* table = node.as_table()) return ConvertTable(*table, path, depth);
    if (const toml::array* array = node.as_array()) return ConvertArray(*array, path, depth);
    return ConvertScalar(node);
  }

 private:
  Json ConvertTable(const toml::table& table, const std::string& path, int depth) {
    Json::Object members;
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (name.size() > kKeyBytesMax) {
        failure_ = InvalidToml(document_.source, PositionOf(key.source().begin),
                               "a key has more than " + std::to_string(kKeyBytesMax) + " bytes");
        return Json();
      }
      std::string inner = path;
      inner.append(path.empty() ? "" : ".").append(name);
      document_.positions[inner] = PositionOf(key.source().begin);
      members.push_back({name, Convert(node, inner, depth + 1)});
      if (failure_) return Json();
    }
    return Json::FromMembers(std::move(members));
  }

  Json ConvertArray(const toml::array& array, const std::string& path, int depth) {
    Json::Array elements;
    for (const toml::node& node : array) {
      const std::string inner = path + "[" + std::to_string(elements.size()) + "]";
      document_.positions[inner] = PositionOf(node.source().begin);
      elements.push_back(Convert(node, inner, depth + 1));
      if (failure_) return Json();
    }
    return Json(std::move(elements));
  }

  Json ConvertScalar(const toml::node& node) {
    if (const auto* text = node.as_string()) return Json(text->get());
    if (const auto* flag = node.as_boolean()) return Json(flag->get());
    if (const auto* whole = node.as_integer()) return Json(whole->get());
    if (const auto* real = node.as_floating_point()) {
      if (!std::isfinite(real->get())) return Fail(node, "inf and nan have no meaning here");
      return Json(real->get());
    }
    std::ostringstream text;  // toml++ prints dates and times in the form of RFC 3339.
    if (const auto* date = node.as_date()) text << date->get();
    if (const auto* time = node.as_time()) text << time->get();
    if (const auto* date_time = node.as_date_time()) text << date_time->get();
    return Json(text.str());
  }

  Json Fail(const toml::node& node, std::string_view problem) {
    failure_ = InvalidToml(document_.source, PositionOf(node.source().begin), problem);
    return Json();
  }

  TomlDocument& document_;
  std::optional<Error> failure_;
};

}  // namespace

Error TomlDocument::At(const Error& error) const {
  std::string path = error.causes.empty() ? "" : error.causes.front().field;
  while (!path.empty() && !positions.contains(path)) {
    const std::size_t last_part = path.find_last_of(".[");
    path.resize(last_part == std::string::npos ? 0 : last_part);
  }
  std::string where = source;
  if (const auto found = positions.find(path); found != positions.end())
    where += ":" + std::to_string(found->second.line) + ":" + std::to_string(found->second.column);
  return error.Within(where);
}

Expected<TomlDocument> ParseToml(std::string_view text, std::string_view source) {
  if (text.size() > kTextBytesMax)
    return InvalidToml(
        source, {},
        "the file has " + std::to_string(text.size()) + " bytes, the limit is " + std::to_string(kTextBytesMax));
  if (const std::size_t valid = ValidUtf8Prefix(text); valid < text.size())
    return InvalidToml(source, PositionAt(text, valid), "the text is no valid UTF-8");
  if (const std::size_t nul = text.find('\0'); nul < text.size())
    return InvalidToml(source, PositionAt(text, nul), "the text has a NUL byte");
  if (const auto offset = FindEndlessKey(text))
    return InvalidToml(source, PositionAt(text, *offset),
                       "a key has more than " + std::to_string(kDepthMax) + " parts");

  try {
    const toml::table table = toml::parse(text, source);
    TomlDocument document{.source = std::string(source)};
    Converter converter(document);
    document.value = converter.Convert(table, "", 0);
    if (converter.Failure()) return *converter.Failure();
    return document;
  } catch (const toml::parse_error& problem) {
    return InvalidToml(source, PositionOf(problem.source().begin), Printable(problem.description(), 256));
  }
}

}  // namespace api::codec
