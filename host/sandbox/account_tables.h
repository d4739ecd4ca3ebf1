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
#include "host/accounts.h"

namespace host::sandbox {

/// The ids that we give, both ends included.
struct IdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

struct IdRanges {
  // Members. People, to every tool (Debian's LAST_UID is 59999), but far above 1000 where an installer puts its own
  // people, and below what systemd (60001) and containers (100000) hand out. Ten thousand is the largest team that we
  // measure.
  IdRange members{20000, 29999};
  // Groups that members share. A range of their own, so that they leave no holes in the members' numbers.
  IdRange groups{30000, 30999};
};

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
  /// The fields of every line that is ours to read, with its number.
  void ForEach(auto visit) const {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (!IsForeign(lines_[i])) visit(i + 1, Split(lines_[i]));
    }
  }
  /// Replaces the line of the name in fields[0], or appends one.
  void Set(const std::vector<std::string>& fields);

  bool IsChanged() const { return is_changed_; }
  std::string Text() const;

 private:
  static bool IsForeign(std::string_view line);
  static std::vector<std::string> Split(std::string_view line);

  std::vector<std::string> lines_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  bool is_changed_ = false;
};

/// passwd, group and shadow as one value: what an account is, and how it becomes what is wished. Pure; `today` is in
/// days since 1970, as shadow counts.
class AccountTables {
 public:
  struct Texts {
    std::string passwd{};
    std::string group{};
    std::string shadow{};
  };

  /// Errors: kUnavailable naming the line.
  static api::Expected<AccountTables> Parse(const Texts& texts);

  /// An account without a line in shadow reads as expired: nobody can log in to it, and a wish for login then completes
  /// it.
  std::optional<Account> Find(std::string_view name, std::int64_t today) const;

  /// Whether a wish fits into the files. Errors: kInvalid.
  static api::Expected<void> Check(const AccountWish& wish);

  /// True when Apply would change nothing.
  bool IsFulfilled(const AccountWish& wish, std::int64_t today) const;

  /// Makes the account as wished, and completes what an ended run left half done. A refused wish changes nothing.
  api::Expected<Account> Apply(const AccountWish& wish, const IdRanges& ranges, std::int64_t today);

  /// Adds root and nobody where they are missing, as every system has them.
  void AddSystemAccounts(std::int64_t today);

  const TextTable& Passwd() const { return passwd_; }
  const TextTable& Group() const { return group_; }
  const TextTable& Shadow() const { return shadow_; }
  bool IsChanged() const { return passwd_.IsChanged() || group_.IsChanged() || shadow_.IsChanged(); }

 private:
  api::Expected<void> Index();
  std::optional<std::int64_t> LowestFree(const IdRange& range, std::int64_t from) const;
  api::Expected<std::int64_t> NewMemberId(const AccountWish& wish, const IdRange& range);
  void SetLogin(const AccountWish& wish, bool is_new, std::int64_t today);
  bool IsMember(const std::string& member, const std::string& group) const;
  void SetMembership(const std::string& group, const std::string& member, bool is_in);
  void AddGroup(const std::string& name, std::int64_t gid);

  TextTable passwd_;
  TextTable group_;
  TextTable shadow_;
  std::unordered_map<std::string, std::set<std::string>> groups_of_;  // Supplementary, by member.
  std::set<std::int64_t> account_ids_;                                // Uids and primary gids.
  std::set<std::int64_t> group_ids_;
  std::int64_t free_from_ = 0;  // No member id below is free: ids are only ever added.
};

}  // namespace host::sandbox
