#include "host/passwd/numbers.h"

#include <set>

#include "host/linux/files.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

// As account_files.cc: 100 000 accounts have 10 MB.
constexpr std::size_t kFileBytesMax = 64u << 20;
constexpr std::size_t kPasswdFields = 7;
constexpr std::size_t kGroupFields = 4;
constexpr std::size_t kId = 2;  // In both.
constexpr std::size_t kPrimaryGid = 3;

/// One file of the two. Errors: kUnavailable.
api::Expected<TextTable> Load(const std::string& etc, const std::string& name, std::size_t fields) {
  const auto text = linux::ReadFile(etc + "/" + name, kFileBytesMax);
  if (!text && text.error().code == api::Code::kNotFound) return TextTable();
  if (!text) return Unavailable(text.error());
  return TextTable::Parse(name, *text, fields, fields);
}

}  // namespace

api::Expected<std::vector<NumberHolder>> FileNumbers::HoldersOf(const api::v1::IdRange& range) const {
  const auto passwd = Load(etc_, "passwd", kPasswdFields);
  if (!passwd) return passwd.error();
  const auto group = Load(etc_, "group", kGroupFields);
  if (!group) return group.error();
  std::set<NumberHolder> holders;
  const auto add = [&](const std::vector<std::string>& fields, std::size_t field) {
    if (const auto id = NumberOf(fields[field]); id && range.Contains(*id)) holders.insert({*id, fields[0]});
  };
  passwd->ForEach([&](std::size_t, const std::vector<std::string>& fields) {
    add(fields, kId);
    add(fields, kPrimaryGid);
  });
  group->ForEach([&](std::size_t, const std::vector<std::string>& fields) { add(fields, kId); });
  return std::vector<NumberHolder>(holders.begin(), holders.end());
}

}  // namespace host::passwd
