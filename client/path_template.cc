#include "client/path_template.h"

#include <cstddef>
#include <vector>

#include "api/codec/json.h"
#include "api/meta/words.h"
#include "api/schema/schema.h"

namespace client {
namespace {

using api::Error;
using api::Expected;
using api::Json;

constexpr int kDepthMax = 8;  // Ranges in ranges: two are in use, the rest is a mistake.

Error Wrong(std::string message) { return {api::Code::kInvalid, "BadTemplate", std::move(message)}; }

/// The matches of `.a.b`, `a.b`, `$.a` or `@.a`; of `@`, `$` and `.` the value itself.
Expected<std::vector<Json>> Matches(const Json& value, std::string_view path) {
  if (path.starts_with('@') || path.starts_with('$')) path.remove_prefix(1);
  if (path.empty() || path == ".") return std::vector<Json>{value};
  const bool has_start = path.starts_with('.') || path.starts_with('[');
  auto found = api::schema::EvaluatePath(value, has_start ? std::string(path) : "." + std::string(path));
  if (!found) return Wrong(found.error().message);
  return found;
}

std::string Printed(const Json& value) {
  if (value.is_null()) return "";
  return value.string() ? *value.string() : api::codec::WriteJson(value);
}

Expected<std::string> Unquote(std::string_view text) {
  if (text.size() < 2 || text.back() != text.front()) return Wrong("a quote is not closed");
  std::string plain;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) {
      const char escaped = text[++i];
      plain += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Walks a template once per value that it is expanded for.
class Expander {
 public:
  /// Expands up to the end, or up to the `{end}` that closes a range, and removes that part from `rest`.
  Expected<std::string> Expand(const Json& value, std::string_view& rest, int depth) {
    if (depth > kDepthMax) return Wrong("ranges are nested too deep");
    std::string text;
    while (!rest.empty()) {
      const std::size_t open = rest.find('{');
      text += rest.substr(0, open);
      if (open == std::string_view::npos) {
        rest = {};
        break;
      }
      rest.remove_prefix(open + 1);
      auto action = TakeAction(rest);
      if (!action) return action.error();
      if (*action == "end") {
        if (depth == 0) return Wrong("{end} without {range}");
        return text;
      }
      auto part = action->starts_with("range ") ? ExpandRange(value, api::Trimmed(action->substr(6)), rest, depth)
                                                : ExpandAction(value, *action);
      if (!part) return part.error();
      text += *part;
    }
    if (depth > 0) return Wrong("{range} without {end}");
    return text;
  }

 private:
  /// The text up to the closing brace, which may also stand in a quoted text.
  static Expected<std::string_view> TakeAction(std::string_view& rest) {
    char quote = '\0';
    for (std::size_t i = 0; i < rest.size(); ++i) {
      const char c = rest[i];
      if (quote != '\0') {
        if (c == '\\')
          ++i;
        else if (c == quote)
          quote = '\0';
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '}') {
        const std::string_view action = api::Trimmed(rest.substr(0, i));
        rest.remove_prefix(i + 1);
        return action;
      }
    }
    return Wrong("a { is not closed");
  }

  static Expected<std::string> ExpandAction(const Json& value, std::string_view action) {
    if (action.starts_with('"') || action.starts_with('\'')) return Unquote(action);
    auto found = Matches(value, action);
    if (!found) return found.error();
    std::string text;
    for (std::size_t i = 0; i < found->size(); ++i) text += (i == 0 ? "" : " ") + Printed((*found)[i]);
    return text;
  }

  Expected<std::string> ExpandRange(const Json& value, std::string_view path, std::string_view& rest, int depth) {
    auto found = Matches(value, path);
    if (!found) return found.error();
    std::string_view after = rest;
    // Once with nothing, to find the end of the body even when there are no matches.
    if (auto skipped = Expand(Json(), after, depth + 1); !skipped) return skipped.error();
    std::string text;
    for (const Json& match : *found) {
      std::string_view body = rest;
      auto part = Expand(match, body, depth + 1);
      if (!part) return part.error();
      text += *part;
    }
    rest = after;
    return text;
  }
};

}  // namespace

Expected<std::string> ExpandTemplate(const Json& value, std::string_view text) {
  const std::string braced =
      text.find('{') == std::string_view::npos ? "{" + std::string(text) + "}" : std::string(text);
  std::string_view rest = braced;
  auto expanded = Expander().Expand(value, rest, 0);
  if (!expanded)
    return Wrong("jsonpath template: " + expanded.error().message + " in \"" + std::string(text) +
                 "\"; write it as in {.metadata.name}{\"\\n\"}");
  return expanded;
}

}  // namespace client
