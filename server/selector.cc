#include "server/selector.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/meta/words.h"

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

Expected<FieldSelector> FieldSelector::Parse(std::string_view text) {
  FieldSelector selector;
  while (!text.empty()) {
    const std::string_view term = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), term.size() + 1));
    if (api::Trimmed(term).empty()) continue;
    const std::size_t equals = term.find('=');
    if (equals == std::string_view::npos)
      return Error{
          Code::kInvalid, "BadRequest",
          "invalid field selector: " + std::string(term) + "; write metadata.name=NAME or metadata.name!=NAME"};
    const bool is_unequal = equals > 0 && term[equals - 1] == '!';
    const std::string_view field = api::Trimmed(term.substr(0, is_unequal ? equals - 1 : equals));
    std::string_view value = term.substr(equals + 1);
    if (!is_unequal && value.starts_with('=')) value.remove_prefix(1);
    if (field != "metadata.name" && field != "metadata.namespace")
      return Error{Code::kInvalid, "BadRequest",
                   "field label not supported: " + std::string(field) + "; metadata.name and metadata.namespace are"};
    selector.requirements_.push_back(
        {.is_name = field == "metadata.name", .is_equal = !is_unequal, .value = std::string(api::Trimmed(value))});
  }
  return selector;
}

bool FieldSelector::Matches(const api::ObjectKey& key) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const std::string& have = requirement.is_name ? key.name : key.namespace_;
    return (have == requirement.value) == requirement.is_equal;
  });
}

bool Selection::Matches(const reconciler::Snapshot& snapshot) const {
  return (namespace_.empty() || snapshot.key.namespace_ == namespace_) && fields.Matches(snapshot.key) &&
         labels.Matches(snapshot.labels);
}

}  // namespace server
