#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/meta/expected.h"

namespace host::passwd {

/// The whole of a text as a decimal number.
std::optional<std::int64_t> NumberOf(std::string_view text);

/// Whether a text can stand in a field: no colon, no control character.
bool FitsField(std::string_view text);

/// The error of a line that has not its form. kUnavailable: what is there is then unknown, not absent.
api::Error BrokenLine(const std::string& file, std::size_t line, std::string_view why);

/// What the disk said of an account file or its lock, as kUnavailable `AccountsUnavailable` whatever its code was: a
/// "not found" would be taken for an account that there is not.
api::Error Unavailable(api::Error error);

/// The lines of one colon-separated file. Lines that are empty, comments or NIS marks (`+`, `-`) belong to somebody
/// else and are kept; as every line that nobody sets, they keep their bytes. Of two lines of one name the first counts,
/// as for libc.
class TextTable {
 public:
  /// Errors: kUnavailable naming file and line when one has not between `fields_min` and `fields_max` fields, or no
  /// name.
  static api::Expected<TextTable> Parse(const std::string& file, std::string_view text, std::size_t fields_min,
                                        std::size_t fields_max);

  /// The fields of a name's line; none when it has no line.
  std::vector<std::string> Find(std::string_view name) const;
  bool Has(std::string_view name) const { return by_name_.contains(name); }
  /// A name has a second line.
  bool HasRepeatedNames() const { return has_repeated_names_; }
  /// The fields of every line that is ours to read, with its number.
  void ForEach(auto visit) const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (!IsForeign(lines_[i])) visit(i + 1, Split(lines_[i]));
    }
  }
  /// Replaces the line of the name in fields[0], or appends one.
  void Set(const std::vector<std::string>& fields);

  /// The names that have a line here or there alone, or another one there.
  std::set<std::string> DifferencesTo(const TextTable& other) const;

  bool IsChanged() const { return is_changed_; }
  /// What was changed is in the file now.
  void MarkSaved() { is_changed_ = false; }
  std::string Text() const;

 private:
  static bool IsForeign(std::string_view line);
  static std::vector<std::string> Split(std::string_view line);

  std::vector<std::string> lines_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  bool has_repeated_names_ = false;
  bool is_changed_ = false;
};

/// group or gshadow, which both list a group's members last: a table that knows the groups of a member.
class MemberTable {
 public:
  /// Errors: as TextTable.
  static api::Expected<MemberTable> Parse(const std::string& file, std::string_view text);

  const TextTable& Table() const { return table_; }
  void MarkSaved() { table_.MarkSaved(); }
  bool Has(std::string_view group) const { return table_.Has(group); }
  bool IsMember(const std::string& member, const std::string& group) const;
  /// The groups of a member, sorted.
  const std::set<std::string>& GroupsOf(const std::string& member) const;
  bool HasMembers(std::string_view group) const;
  /// Who is in a group here or there alone. None: a group is here or there alone, has a second line, or another number
  /// or password.
  std::optional<std::set<std::string>> MembersOtherwiseIn(const MemberTable& other) const;

  /// Puts a member in or takes it out; nothing for a group without a line.
  void SetMember(const std::string& group, const std::string& member, bool is_in);
  /// Adds a group without members. `second` and `third` are the fields between its name and its members.
  void Add(const std::string& group, const std::string& second, const std::string& third);

 private:
  TextTable table_;
  std::unordered_map<std::string, std::set<std::string>> groups_of_;
};

}  // namespace host::passwd
