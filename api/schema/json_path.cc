#include <charconv>
#include <optional>
#include <variant>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/schema/schema.h"

namespace api::schema {
namespace {

constexpr std::size_t kPathBytesMax = 1024;  // Kubernetes' own paths have at most some 80 bytes.

struct NameStep {
  std::string name;
};
struct IndexStep {
  std::int64_t index;  ///< Negative ones count from the end.
};
struct AllStep {};
/// `[?(@.type=="Ready")]`
struct FilterStep {
  std::vector<std::string> path;
  bool wants_equal;
  Json value;
};
using Step = std::variant<NameStep, IndexStep, AllStep, FilterStep>;

bool IsNameCharacter(char c) {
  return static_cast<unsigned char>(c) > ' ' && std::string_view(".[](){}=!<>?@*'\"").find(c) == std::string_view::npos;
}

/// Reads a path from its front to its end. After the first problem nothing more is read.
class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

  Expected<std::vector<Step>> Parse() {
    if (text_.size() > kPathBytesMax) return Problem("is longer than " + std::to_string(kPathBytesMax) + " bytes");
    Skip("$");
    std::vector<Step> steps;
    do {
      if (auto step = ParseStep()) steps.push_back(*std::move(step));
    } while (problem_.empty() && at_ < text_.size());
    if (!problem_.empty()) return Problem(problem_);
    return steps;
  }

 private:
  Error Problem(const std::string& problem) const {
    return {.code = Code::kInvalid,
            .reason = "InvalidJsonPath",
            .message = "character " + std::to_string(at_ + 1) + " of the path '" + codec::Printable(text_, 128) +
                       "': " + problem};
  }

  std::nullopt_t Fail(const char* expected) {
    if (problem_.empty()) problem_ = std::string("expected ") + expected;
    return std::nullopt;
  }

  bool Skip(std::string_view token) {
    if (!problem_.empty() || !text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void SkipSpaces() {
    while (Skip(" ")) {
    }
  }

  void Want(const char* token) {
    if (!Skip(token)) Fail(token);
  }

  std::optional<Step> ParseStep() {
    if (Skip("[?(")) return ParseFilter();
    if (Skip("[")) return ParseBracket();
    if (!Skip(".")) return Fail("'.' or '['");
    if (Skip("*")) return AllStep{};
    return NameStep{ParseName()};
  }

  /// A bare name; `\.` stands for a dot in it.
  std::string ParseName() {
    std::string name;
    while (at_ < text_.size() && IsNameCharacter(text_[at_])) {
      if (text_[at_] == '\\' && ++at_ == text_.size()) break;
      name += text_[at_++];
    }
    if (name.empty()) Fail("a name");
    return name;
  }

  std::optional<std::string> ParseQuoted() {
    const std::string_view quote = Skip("'") ? "'" : Skip("\"") ? "\"" : "";
    if (quote.empty()) return std::nullopt;
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) return Fail("a closing quote");
    std::string name(text_.substr(at_, end - at_));
    at_ = end + 1;
    return name;
  }

  std::optional<Step> ParseBracket() {
    std::optional<Step> step;
    if (Skip("*"))
      step = AllStep{};
    else if (auto name = ParseQuoted())
      step = NameStep{*std::move(name)};
    else
      step = ParseIndex();
    Want("]");
    return step;
  }

  std::optional<Step> ParseIndex() {
    std::int64_t index = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, problem] = std::from_chars(begin, text_.data() + text_.size(), index);
    if (problem != std::errc()) return Fail("a number, '*' or a quoted name");
    at_ += static_cast<std::size_t>(end - begin);
    return IndexStep{index};
  }

  std::optional<Step> ParseFilter() {
    FilterStep filter{.path = {}, .wants_equal = true, .value = {}};
    Want("@");
    while (Skip(".")) filter.path.push_back(ParseName());
    SkipSpaces();
    filter.wants_equal = !Skip("!=");
    if (filter.wants_equal) Want("==");
    SkipSpaces();
    filter.value = ParseLiteral();
    Want(")]");
    return filter;
  }

  Json ParseLiteral() {
    if (auto text = ParseQuoted()) return Json(*std::move(text));
    const std::size_t end = std::min(text_.find(')', at_), text_.size());
    auto literal = codec::ParseJson(text_.substr(at_, end - at_));
    if (literal && (literal->is_number() || literal->is_bool())) {
      at_ = end;
      return *std::move(literal);
    }
    Fail("a quoted text, a number, true or false");
    return Json();
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
};

const Json* Follow(const Json& value, const std::vector<std::string>& path) {
  const Json* here = &value;
  for (const std::string& name : path) here = here ? here->Find(name) : nullptr;
  return here;
}

/// Appends what one step finds in one value.
struct Finder {
  const Json& value;
  std::vector<const Json*>& found;

  void operator()(const NameStep& step) const {
    if (const Json* member = value.Find(step.name)) found.push_back(member);
  }
  void operator()(const IndexStep& step) const {
    const auto size = static_cast<std::int64_t>(value.size());
    const std::int64_t index = step.index < 0 ? step.index + size : step.index;
    if (value.array() && index >= 0 && index < size)
      found.push_back(&(*value.array())[static_cast<std::size_t>(index)]);
  }
  void operator()(const AllStep&) const {
    ForEachElement([&](const Json& element) { found.push_back(&element); });
    if (!value.object()) return;
    for (const Json::Member& member : *value.object()) found.push_back(&member.value);
  }
  void operator()(const FilterStep& step) const {
    ForEachElement([&](const Json& element) {
      const Json* compared = Follow(element, step.path);
      if (compared && (*compared == step.value) == step.wants_equal) found.push_back(&element);
    });
  }

 private:
  void ForEachElement(const auto& visit) const {
    if (!value.array()) return;
    for (const Json& element : *value.array()) visit(element);
  }
};

}  // namespace

Expected<std::vector<Json>> EvaluatePath(const Json& value, std::string_view json_path) {
  const auto steps = PathParser(json_path).Parse();
  if (!steps) return steps.error();
  std::vector<const Json*> here = {&value};
  for (const Step& step : *steps) {
    std::vector<const Json*> found;
    for (const Json* one : here) std::visit(Finder{*one, found}, step);
    here = std::move(found);
  }
  std::vector<Json> matches;
  matches.reserve(here.size());
  for (const Json* one : here) matches.push_back(*one);
  return matches;
}

}  // namespace api::schema
