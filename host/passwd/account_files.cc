#include "host/passwd/account_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <utility>
#include <vector>

namespace host::passwd {

namespace {

using linux::Fd;
using linux::FileStamp;

constexpr std::array<const char*, 4> kNames = {"passwd", "group", "shadow", "gshadow"};
constexpr std::size_t kRequired = 3;  // A box without gshadow is whole.
constexpr mode_t kPublic = 0644;
constexpr mode_t kSecret = 0640;
constexpr mode_t kModeBits = 07777;

// 100 000 accounts have 10 MB; more is no account file.
constexpr std::size_t kFileBytesMax = 64u << 20;

// Somebody who edits by hand does it once; more often than this is a fight that no retry wins.
constexpr int kReadsMax = 5;

/// The directory; no descriptor when it is absent.
api::Expected<Fd> OpenEtc(const std::string& etc) {
  auto directory = linux::Open(etc, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().code == api::Code::kNotFound) return Fd();
  if (!directory) return Unavailable(directory.error());
  return directory;
}

api::Expected<AccountStamps> StampsIn(const Fd& directory) {
  AccountStamps stamps{};
  for (std::size_t i = 0; directory && i < kNames.size(); ++i) {
    const auto stamp = linux::StampOf(directory.get(), kNames[i]);
    if (!stamp) return Unavailable(stamp.error());
    stamps[i] = *stamp;
  }
  return stamps;
}

/// The bytes of a file; no value when it is absent.
api::Expected<std::optional<std::string>> ReadIfThere(const Fd& directory, const std::string& name) {
  if (!directory) return std::optional<std::string>();
  const auto file = linux::OpenBeneath(directory.get(), name, O_RDONLY, name);
  if (!file && file.error().code == api::Code::kNotFound) return std::optional<std::string>();
  if (!file) return Unavailable(file.error());
  auto content = linux::ReadUpTo(file->get(), kFileBytesMax, name);
  if (!content) return Unavailable(content.error());
  if (content->size() < kFileBytesMax) return std::optional(*std::move(content));
  return api::Error{api::Code::kUnavailable, "AccountFileBroken", "read " + name + ": it is too large"};
}

api::Expected<AccountTexts> ReadTexts(const Fd& directory) {
  std::array<std::optional<std::string>, kNames.size()> texts;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    auto text = ReadIfThere(directory, kNames[i]);
    if (!text) return text.error();
    texts[i] = *std::move(text);
  }
  return AccountTexts{std::move(texts[0]).value_or(""), std::move(texts[1]).value_or(""),
                      std::move(texts[2]).value_or(""), std::move(texts[3])};
}

/// The new version of one file, written and on its way to the disk, with owner and mode of the one that stands there.
api::Expected<linux::Replacement> Prepare(const Fd& directory, const char* name, const TextTable& table, mode_t mode) {
  const auto status = linux::StatEntry(directory.get(), name, name);
  if (!status && status.error().code != api::Code::kNotFound) return Unavailable(status.error());
  auto replacement = linux::Replacement::Begin(directory.get(), name, status ? status->st_mode & kModeBits : mode);
  if (!replacement) return Unavailable(replacement.error());
  if (status && (status->st_uid != ::geteuid() || status->st_gid != ::getegid())) {
    if (auto owned = replacement->SetOwner(status->st_uid, status->st_gid); !owned) return Unavailable(owned.error());
  }
  if (auto written = replacement->Append(table.Text()); !written) return Unavailable(written.error());
  replacement->StartSync();
  return replacement;
}

}  // namespace

api::Expected<AccountStamps> StampAccounts(const std::string& etc) {
  const auto directory = OpenEtc(etc);
  if (!directory) return directory.error();
  return StampsIn(*directory);
}

api::Expected<AccountsVersion> LoadAccounts(const std::string& etc, const AccountsVersion& known) {
  for (int i = 0; i < kReadsMax; ++i) {
    const auto directory = OpenEtc(etc);
    if (!directory) return directory.error();
    const auto before = StampsIn(*directory);
    if (!before) return before.error();
    auto texts = ReadTexts(*directory);
    if (!texts) return texts.error();
    const auto after = StampsIn(*directory);
    if (!after) return after.error();
    if (*before != *after) continue;  // Replaced between two reads: they do not belong together.
    AccountsVersion version{.accounts = known.accounts,
                            .stamps = *after,
                            .is_settled = std::all_of(after->begin(), after->end(), linux::IsSettled),
                            .is_complete = std::all_of(after->begin(), after->begin() + kRequired,
                                                       [](const FileStamp& stamp) { return stamp.inode != 0; })};
    if (known.accounts && known.accounts->texts == *texts) return version;
    auto tables = AccountTables::Parse(*texts);
    if (!tables) return tables.error();
    version.accounts = std::make_shared<const LoadedAccounts>(*std::move(texts), *std::move(tables));
    return version;
  }
  return api::Error{api::Code::kUnavailable, "AccountsUnavailable", "read " + etc + ": its files change all the time"};
}

api::Expected<void> SaveAccounts(const std::string& etc, const AccountTables& tables, const AccountStamps& stamps) {
  const auto directory = OpenEtc(etc);
  if (!directory) return directory.error();
  struct Change {
    std::size_t file;  // In kNames.
    const TextTable& table;
    mode_t mode;
  };
  const std::array<Change, 4> changes{{{1, tables.Group(), kPublic},
                                       {3, tables.Gshadow(), kSecret},
                                       {2, tables.Shadow(), kSecret},
                                       {0, tables.Passwd(), kPublic}}};
  std::vector<std::pair<std::size_t, linux::Replacement>> replacements;
  for (const Change& change : changes) {
    if (!change.table.IsChanged()) continue;
    auto replacement = Prepare(*directory, kNames[change.file], change.table, change.mode);
    if (!replacement) return replacement.error();
    replacements.emplace_back(change.file, *std::move(replacement));
  }
  // All are on their way by now, so the first one's commit of the journal is mostly that of the others too.
  for (auto& [file, replacement] : replacements) {
    if (auto synced = replacement.Sync(); !synced) return Unavailable(synced.error());
  }
  const auto now = StampsIn(*directory);
  if (!now) return now.error();
  if (*now != stamps) {
    return api::Error{api::Code::kConflict, "AccountsChanged",
                      "write " + etc + ": somebody changed its files meanwhile"};
  }
  for (auto& [file, replacement] : replacements) {
    auto committed = replacement.CommitOver(stamps[file], std::string(kNames[file]) + "-");
    if (!committed && committed.error().code == api::Code::kConflict) return committed;
    if (!committed) return Unavailable(committed.error());
  }
  return linux::SyncDirectory(directory->get(), etc);
}

}  // namespace host::passwd
