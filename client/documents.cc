#include "client/documents.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/codec/yaml.h"

namespace client {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;

constexpr std::size_t kTextMax = 3u << 20;  // What the codecs take at once.

Error BadDocument(std::string message) { return {Code::kInvalid, "BadDocument", std::move(message)}; }

/// A part of a text with the place where it begins.
struct Piece {
  std::string_view text{};
  std::size_t offset = 0;
};

std::size_t LineOf(std::string_view text, std::size_t offset) {
  return 1 +
         static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

bool IsMarker(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

/// Where the first line with something to read begins: not empty, no comment, no directive, no bare marker.
std::size_t FindContent(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (IsMarker(line)) line.remove_prefix(3);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#' && line[0] != '%' && line != "...") return at;
    at = end + 1;
  }
  return text.size();
}

/// YAML forbids a line that begins with `---` everywhere but between documents, in quotes and blocks too.
std::vector<Piece> SplitYaml(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const Piece piece{text.substr(begin, end - begin), begin};
    if (FindContent(piece.text) < piece.text.size()) pieces.push_back(piece);
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (IsMarker(text.substr(at, end - at))) add(at);
    at = end + 1;
  }
  add(text.size());
  return pieces;
}

/// Cuts behind each brace or bracket that closes the outermost one. What cannot be cut is one piece: its reader says
/// what is wrong.
std::vector<Piece> SplitJson(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t depth = 0;
  bool is_quoted = false;
  std::size_t begin = text.find_first_not_of(" \t\r\n");
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (is_quoted) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        is_quoted = false;
      continue;
    }
    if (c == '"') is_quoted = true;
    if (c == '{' || c == '[') ++depth;
    if ((c != '}' && c != ']') || depth == 0 || --depth > 0) continue;
    pieces.push_back({text.substr(begin, at + 1 - begin), begin});
    begin = std::min(text.find_first_not_of(" \t\r\n", at + 1), text.size());
    at = begin - 1;
  }
  if (begin < text.size()) pieces.push_back({text.substr(begin), begin});
  return pieces;
}

bool IsJson(std::string_view text, std::string_view source) {
  if (source.ends_with(".json")) return true;
  if (source.ends_with(".yaml") || source.ends_with(".yml")) return false;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

Expected<Json> ParseOne(std::string_view text, const std::string& source, bool is_json) {
  if (is_json) {
    auto value = api::codec::ParseJson(text);
    if (!value) return value.error().Within(source);
    return value;
  }
  auto values = api::codec::ParseYaml(text, source);
  if (!values) return values.error();
  return values->empty() ? Json() : std::move(values->front());
}

/// Reads a piece; when that fails, once more behind as many empty lines as stand before it, for an error that names the
/// line of the whole text.
Expected<Json> ParsePiece(std::string_view whole, const Piece& piece, const std::string& source, bool is_json) {
  auto value = ParseOne(piece.text, source, is_json);
  if (value) return value;
  const std::size_t line_start = whole.rfind('\n', piece.offset) + 1;  // npos + 1 is 0.
  std::string padded(LineOf(whole, piece.offset) - 1, '\n');
  if (is_json && piece.offset > line_start) padded.append(piece.offset - line_start, ' ');
  auto placed = ParseOne(padded.append(piece.text), source, is_json);
  return placed ? value : placed;
}

Error Lacks(const std::string& place, const std::string& what) { return BadDocument(place + ": " + what); }

/// Everything that has to be known before a server can be asked about an object.
Expected<Json> CheckObject(Json object, const std::string& place) {
  if (!object.is_object()) return Lacks(place, "an object is needed, not " + std::string(object.TypeName()));
  using Path = std::vector<std::string_view>;
  for (const Path& path : {Path{"apiVersion"}, Path{"kind"}, Path{"metadata", "name"}}) {
    const Json* found = path.size() == 1 ? object.Find(path[0]) : object.At({path[0], path[1]});
    const std::string field =
        path.size() == 1 ? std::string(path[0]) : std::string(path[0]) + "." + std::string(path[1]);
    if (!found || found->is_null()) return Lacks(place, field + " is missing");
    if (!found->is_string() || found->string()->empty())
      return Lacks(place, field + " must be a string that is not empty" +
                              (found->is_string() ? "" : "; it is " + std::string(found->TypeName()) + ", quote it"));
  }
  if (const Json* namespace_ = object.At({"metadata", "namespace"}); namespace_ && !namespace_->is_string())
    return Lacks(place, "metadata.namespace must be a string; it is " + std::string(namespace_->TypeName()));
  if (const Json* notes = object.At({"metadata", "annotations"}); notes && !notes->is_object() && !notes->is_null())
    return Lacks(place, "metadata.annotations must be an object; it is " + std::string(notes->TypeName()));
  return object;
}

/// `kind: List` and `kind: UserList` hold objects; anything else is one.
Json::Array* ItemsOf(Json& value) {
  const Json* kind = value.Find("kind");
  if (!kind || !kind->StringOr("").ends_with("List")) return nullptr;
  Json* items = value.Find("items");
  return items ? items->array() : nullptr;
}

}  // namespace

std::vector<Document> ReadDocuments(std::string_view text, const std::string& source) {
  const std::string shown = api::codec::Printable(source, 256);
  if (text.size() > kTextMax)
    return {{.place = shown,
             .object = BadDocument(shown + ": it is longer than " + std::to_string(kTextMax) + " bytes; split it")}};
  const bool is_json = IsJson(text, source);
  std::vector<Document> documents;
  const std::vector<Piece> pieces = is_json ? SplitJson(text) : SplitYaml(text);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::size_t content = pieces[i].offset + (is_json ? 0 : FindContent(pieces[i].text));
    const std::string place =
        shown + ", document " + std::to_string(i + 1) + " (line " + std::to_string(LineOf(text, content)) + ")";
    auto value = ParsePiece(text, pieces[i], shown, is_json);
    if (!value) {
      documents.push_back({.place = place, .object = value.error().Within(place)});
      continue;
    }
    if (Json::Array* items = ItemsOf(*value)) {
      for (std::size_t item = 0; item < items->size(); ++item) {
        const std::string item_place = place + ", items[" + std::to_string(item) + "]";
        documents.push_back({.place = item_place, .object = CheckObject(std::move((*items)[item]), item_place)});
      }
      continue;
    }
    documents.push_back({.place = place, .object = CheckObject(*std::move(value), place)});
  }
  return documents;
}

}  // namespace client
