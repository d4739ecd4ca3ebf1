#include "server/selector.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/meta/words.h"
#include "server/event_spelling.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

/// `at` counts from 1, as people do.
Error Unparsable(std::string_view text, std::size_t at, std::string_view why) {
  return {Code::kInvalid, "BadRequest",
          "unable to parse requirement: " + std::string(why) + " at position " + std::to_string(at) + " of \"" +
              std::string(text) + "\"; a selector looks like a=b,c!=d,e,!f,g in (x,y),h notin (z),i>1"};
}

/// Letters, digits and what keys and values of labels have beside them.
bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '/';
}

constexpr std::string_view kName = "metadata.name";
constexpr std::string_view kNamespace = "metadata.namespace";

struct EventField {
  std::string_view core;
  std::string_view events;  ///< The same in events.k8s.io's spelling.
};

constexpr EventField kEventFields[] = {
    {"involvedObject.kind", "regarding.kind"},
    {"involvedObject.namespace", "regarding.namespace"},
    {"involvedObject.name", "regarding.name"},
    {"involvedObject.uid", "regarding.uid"},
    {"involvedObject.apiVersion", "regarding.apiVersion"},
    {"involvedObject.resourceVersion", "regarding.resourceVersion"},
    {"involvedObject.fieldPath", "regarding.fieldPath"},
    {"reason", "reason"},
    {"reportingComponent", "reportingController"},
    {"source", ""},
    {"type", "type"},
};

Error BadSelector(std::string message) { return {Code::kInvalid, "BadRequest", std::move(message)}; }

/// What the stored object calls the field.
Expected<std::string> StoredField(std::string_view field, const api::schema::Kind* kind) {
  if (field == kName || field == kNamespace) return std::string(field);
  std::string known = "metadata.name, metadata.namespace";
  if (kind && IsEvent(*kind)) {
    for (const auto& [core, events] : kEventFields) {
      const std::string_view spelled = IsRespelled(*kind) ? events : core;
      if (spelled.empty()) continue;
      if (field == spelled) return std::string(core);
      known.append(", ").append(spelled);
    }
  }
  return BadSelector("field label not supported: " + std::string(field) + "; these are: " + known);
}

/// The text at a field of an event; empty when there is none.
std::string ValueOf(const api::Json& event, std::string_view field) {
  using api::codec::TextAt;
  const std::size_t dot = field.find('.');
  if (dot != std::string_view::npos) return TextAt(event, {field.substr(0, dot), field.substr(dot + 1)});
  if (field != "source") return TextAt(event, {field});
  std::string component = TextAt(event, {"source", "component"});
  return component.empty() ? TextAt(event, {"reportingComponent"}) : component;
}

/// Cuts what stands before the first comma off the front; behind a backslash it is none.
std::string_view TakeTerm(std::string_view& rest) {
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != ',') end += rest[end] == '\\' ? 2 : 1;
  const std::string_view term = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return term;
}

Expected<std::string> Unescaped(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && (++i == value.size() || std::string_view("\\,=").find(value[i]) == std::string_view::npos))
      return BadSelector("invalid field selector: " + std::string(value) + "; behind a \\ stands \\, a comma or =");
    text += value[i];
  }
  return text;
}

std::optional<long long> Integer(std::string_view text) {
  long long number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

/// Reads one selector from left to right.
class LabelSelectorParser {
 public:
  explicit LabelSelectorParser(std::string_view text) : whole_(api::Trimmed(text)), rest_(whole_) {}

  Expected<LabelSelector> Parse() {
    LabelSelector selector;
    while (!rest_.empty()) {
      auto requirement = ParseRequirement();
      if (!requirement) return requirement.error();
      selector.requirements_.push_back(*std::move(requirement));
      SkipSpace();
      if (rest_.empty()) break;
      if (!Take(",")) return Wrong("expected a comma");
      SkipSpace();
      if (rest_.empty()) return Wrong("nothing follows a comma");
    }
    return selector;
  }

 private:
  using Operator = LabelSelector::Operator;
  using Requirement = LabelSelector::Requirement;

  Expected<Requirement> ParseRequirement() {
    const bool is_negated = Take("!");
    Requirement requirement{.key = Word(), .op = is_negated ? Operator::kMissing : Operator::kExists};
    if (requirement.key.empty()) return Wrong("expected a label's key");
    SkipSpace();
    if (is_negated || rest_.empty() || rest_.front() == ',') return requirement;
    if (Take("!=")) return One(std::move(requirement), Operator::kNotIn);
    if (Take("==") || Take("=")) return One(std::move(requirement), Operator::kIn);
    if (Take(">")) return One(std::move(requirement), Operator::kAbove);
    if (Take("<")) return One(std::move(requirement), Operator::kBelow);
    const std::string word = Word();
    if (word == "in") return Set(std::move(requirement), Operator::kIn);
    if (word == "notin") return Set(std::move(requirement), Operator::kNotIn);
    return Wrong("expected one of =, ==, !=, in, notin, >, <");
  }

  Expected<Requirement> One(Requirement requirement, Operator op) {
    SkipSpace();
    requirement.op = op;
    requirement.values.push_back(Word());
    const bool is_ordered = op == Operator::kAbove || op == Operator::kBelow;
    if (is_ordered && !Integer(requirement.values.front())) return Wrong("> and < need an integer");
    return requirement;
  }

  Expected<Requirement> Set(Requirement requirement, Operator op) {
    requirement.op = op;
    SkipSpace();
    if (!Take("(")) return Wrong("expected (");
    do {
      SkipSpace();
      requirement.values.push_back(Word());
      SkipSpace();
    } while (Take(","));
    if (!Take(")")) return Wrong("expected )");
    return requirement;
  }

  Error Wrong(std::string_view why) const { return Unparsable(whole_, whole_.size() - rest_.size() + 1, why); }

  std::string Word() {
    std::size_t length = 0;
    while (length < rest_.size() && IsWordCharacter(rest_[length])) ++length;
    std::string word(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return word;
  }

  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void SkipSpace() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }

  const std::string_view whole_;
  std::string_view rest_;
};

Expected<LabelSelector> LabelSelector::Parse(std::string_view text) { return LabelSelectorParser(text).Parse(); }

bool LabelSelector::Holds(const Requirement& requirement, const std::string* value) {
  const auto is_listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), *value) != requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn:
      return value && is_listed();
    case Operator::kNotIn:
      return !value || !is_listed();
    case Operator::kExists:
      return value != nullptr;
    case Operator::kMissing:
      return value == nullptr;
    case Operator::kAbove:
    case Operator::kBelow: {
      const auto have = value ? Integer(*value) : std::nullopt;
      const auto bound = Integer(requirement.values.front());
      if (!have || !bound) return false;
      return requirement.op == Operator::kAbove ? *have > *bound : *have < *bound;
    }
  }
  return false;
}

bool LabelSelector::Matches(const std::vector<std::pair<std::string, std::string>>& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const auto found =
        std::find_if(labels.begin(), labels.end(), [&](const auto& label) { return label.first == requirement.key; });
    return Holds(requirement, found == labels.end() ? nullptr : &found->second);
  });
}

Expected<FieldSelector> FieldSelector::Parse(std::string_view text, const api::schema::Kind* kind) {
  FieldSelector selector;
  while (!text.empty()) {
    const std::string_view term = TakeTerm(text);
    if (api::Trimmed(term).empty()) continue;
    const std::size_t equals = term.find('=');
    if (equals == std::string_view::npos)
      return BadSelector("invalid field selector: " + std::string(term) +
                         "; write metadata.name=NAME or metadata.name!=NAME");
    const bool is_unequal = equals > 0 && term[equals - 1] == '!';
    const std::string_view field = api::Trimmed(term.substr(0, is_unequal ? equals - 1 : equals));
    std::string_view value = term.substr(equals + 1);
    if (!is_unequal && value.starts_with('=')) value.remove_prefix(1);
    auto stored = StoredField(field, kind);
    if (!stored) return stored.error();
    auto unescaped = Unescaped(api::Trimmed(value));
    if (!unescaped) return unescaped.error();
    selector.requirements_.push_back(
        {.field = *std::move(stored), .is_equal = !is_unequal, .value = *std::move(unescaped)});
  }
  return selector;
}

bool FieldSelector::Matches(const reconciler::Snapshot& snapshot) const {
  std::optional<api::Json> event;  // Read once, and only if a field of it is asked for.
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const std::string& field = requirement.field;
    if (field == kName) return (snapshot.key.name == requirement.value) == requirement.is_equal;
    if (field == kNamespace) return (snapshot.key.namespace_ == requirement.value) == requirement.is_equal;
    if (!event) {
      auto read = api::codec::ParseJson(snapshot.text);
      event = read ? *std::move(read) : api::Json();
    }
    return (ValueOf(*event, field) == requirement.value) == requirement.is_equal;
  });
}

bool Selection::Matches(const reconciler::Snapshot& snapshot) const {
  return (namespace_.empty() || snapshot.key.namespace_ == namespace_) && labels.Matches(snapshot.labels) &&
         fields.Matches(snapshot);
}

Expected<Selection> ReadSelection(const Query& query, const Route& route) {
  auto labels = LabelSelector::Parse(query.Get("labelSelector"));
  if (!labels) return labels.error();
  auto fields = FieldSelector::Parse(query.Get("fieldSelector"), route.kind.get());
  if (!fields) return fields.error();
  return Selection{.namespace_ = route.namespace_, .labels = *std::move(labels), .fields = *std::move(fields)};
}

}  // namespace server
