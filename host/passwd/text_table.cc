#include "host/passwd/text_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace host::passwd {

namespace {

constexpr std::size_t kMembers = 3;
constexpr std::size_t kGroupFields = 4;

std::vector<std::string> SplitAt(char mark, std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string JoinWith(char mark, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty() || &part != &parts.front()) text += mark;
    text += part;
  }
  return text;
}

}  // namespace

std::optional<std::int64_t> NumberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool FitsField(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == ':' || (c >= 0 && c < ' ') || c == '\x7f'; });
}

api::Error BrokenLine(const std::string& file, std::size_t line, std::string_view why) {
  return {.code = api::Code::kUnavailable,
          .reason = "AccountFileBroken",
          .message = "read " + file + ": line " + std::to_string(line) + " " + std::string(why) + "; mend that line"};
}

api::Error Unavailable(api::Error error) {
  error.code = api::Code::kUnavailable;
  error.reason = "AccountsUnavailable";
  return error;
}

api::Expected<TextTable> TextTable::Parse(const std::string& file, std::string_view text, std::size_t fields_min,
                                          std::size_t fields_max) {
  TextTable table;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    table.lines_.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (IsForeign(line)) continue;
    const auto fields = static_cast<std::size_t>(std::count(line.begin(), line.end(), ':')) + 1;
    if (fields < fields_min || fields > fields_max || line.front() == ':' ||
        line.find('\0') != std::string_view::npos) {
      return BrokenLine(file, table.lines_.size(), "does not have its form");
    }
    const auto [at, is_first] =
        table.by_name_.try_emplace(std::string(line.substr(0, line.find(':'))), table.lines_.size() - 1);
    table.has_repeated_names_ = table.has_repeated_names_ || !is_first;
  }
  return table;
}

bool TextTable::IsForeign(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos || line.front() == '#' || line.front() == '+' ||
         line.front() == '-';
}

std::vector<std::string> TextTable::Split(std::string_view line) { return SplitAt(':', line); }

std::vector<std::string> TextTable::Find(std::string_view name) const {
  const auto entry = by_name_.find(name);
  return entry == by_name_.end() ? std::vector<std::string>{} : Split(lines_[entry->second]);
}

void TextTable::Set(const std::vector<std::string>& fields) {
  std::string line = JoinWith(':', fields);
  const auto [entry, is_new] = by_name_.try_emplace(fields.front(), lines_.size());
  if (is_new) {
    lines_.push_back(std::move(line));
    is_changed_ = true;
  } else if (lines_[entry->second] != line) {
    lines_[entry->second] = std::move(line);
    is_changed_ = true;
  }
}

std::set<std::string> TextTable::DifferencesTo(const TextTable& other) const {
  std::set<std::string> names;
  for (const auto& [name, line] : by_name_) {
    const auto there = other.by_name_.find(name);
    if (there == other.by_name_.end() || lines_[line] != other.lines_[there->second]) names.insert(name);
  }
  for (const auto& [name, line] : other.by_name_)
    if (!by_name_.contains(name)) names.insert(name);
  return names;
}

std::string TextTable::Text() const {
  std::string text;
  for (const std::string& line : lines_) text.append(line).append("\n");
  return text;
}

api::Expected<MemberTable> MemberTable::Parse(const std::string& file, std::string_view text) {
  auto table = TextTable::Parse(file, text, kGroupFields, kGroupFields);
  if (!table) return table.error();
  MemberTable result;
  result.table_ = *std::move(table);
  result.table_.ForEach([&result](std::size_t, const std::vector<std::string>& fields) {
    for (const std::string& member : SplitAt(',', fields[kMembers])) {
      if (!member.empty()) result.groups_of_[member].insert(fields[0]);
    }
  });
  return result;
}

const std::set<std::string>& MemberTable::GroupsOf(const std::string& member) const {
  static const std::set<std::string> kNone;
  const auto groups = groups_of_.find(member);
  return groups == groups_of_.end() ? kNone : groups->second;
}

bool MemberTable::IsMember(const std::string& member, const std::string& group) const {
  return GroupsOf(member).contains(group);
}

bool MemberTable::HasMembers(std::string_view group) const {
  const auto fields = table_.Find(group);
  return !fields.empty() && !fields[kMembers].empty();
}

std::optional<std::set<std::string>> MemberTable::MembersOtherwiseIn(const MemberTable& other) const {
  if (table_.HasRepeatedNames() || other.table_.HasRepeatedNames()) return std::nullopt;
  std::set<std::string> members;
  for (const std::string& group : table_.DifferencesTo(other.table_)) {
    const auto here = table_.Find(group);
    const auto there = other.table_.Find(group);
    if (here.empty() || there.empty() || !std::equal(here.begin(), here.begin() + kMembers, there.begin()))
      return std::nullopt;
    for (const auto* fields : {&here, &there})
      for (const std::string& member : SplitAt(',', (*fields)[kMembers]))
        if (IsMember(member, group) != other.IsMember(member, group)) members.insert(member);
  }
  return members;
}

void MemberTable::SetMember(const std::string& group, const std::string& member, bool is_in) {
  if (!Has(group) || IsMember(member, group) == is_in) return;
  auto fields = table_.Find(group);
  std::string& members = fields[kMembers];
  if (is_in) {
    members.append(members.empty() ? "" : ",").append(member);
    groups_of_[member].insert(group);
  } else {
    auto left = SplitAt(',', members);
    std::erase(left, "");
    std::erase(left, member);
    members = JoinWith(',', left);
    groups_of_[member].erase(group);
  }
  table_.Set(fields);
}

void MemberTable::Add(const std::string& group, const std::string& second, const std::string& third) {
  table_.Set({group, second, third, ""});
}

}  // namespace host::passwd
