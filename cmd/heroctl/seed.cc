#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/meta/names.h"
#include "api/meta/words.h"
#include "api/v1/account_ids.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/seed_texts.h"
#include "cmd/heroctl/team_directory.h"
#include "cmd/heroctl/work_tree.h"
#include "host/linux/files.h"
#include "host/passwd/account_tables.h"

namespace heroctl {
namespace {

using api::Expected;
using api::codec::Printable;

constexpr std::size_t kTableBytesMax = 16u << 20;  // 100 000 accounts.
constexpr std::size_t kKeysBytesMax = 64u << 10;

/// What a file of hero_team is made of.
struct Member {
  std::string name{};
  std::string display_name{};
  std::vector<std::string> keys{};
  std::vector<std::string> groups{};
  bool is_deactivated = false;
};

/// A box as its files below one root tell it.
struct OldBox {
  std::string root{};  ///< Above etc/passwd.
  host::passwd::AccountTables tables{};
  bool has_shadow = false;
};

/// The files of accounts beside each other. Absent group and shadow are empty: a copy of passwd alone is a box too.
Expected<OldBox> ReadBox(const std::string& passwd) {
  const std::filesystem::path path = std::filesystem::absolute(passwd).lexically_normal();
  host::passwd::AccountTexts texts;
  auto text = host::linux::ReadFile(path.string(), kTableBytesMax);
  if (!text) return text.error();
  texts.passwd = *std::move(text);
  OldBox box{.root = path.parent_path().parent_path().string()};
  for (auto& [name, into] : {std::pair{"group", &texts.group}, std::pair{"shadow", &texts.shadow}}) {
    auto beside = host::linux::ReadFile((path.parent_path() / name).string(), kTableBytesMax);
    if (beside) *into = *std::move(beside);
  }
  box.has_shadow = !texts.shadow.empty();
  auto tables = host::passwd::AccountTables::Parse(texts);
  if (!tables) return tables.error().Within(passwd);
  box.tables = *std::move(tables);
  return box;
}

/// An account that was made one that nobody can log in to, by its expiry or by `usermod -L`.
bool IsLocked(const OldBox& box, const host::Account& account) {
  if (account.shell.ends_with("/nologin") || account.shell.ends_with("/false")) return true;
  if (!box.has_shadow) return false;
  const std::vector<std::string> line = box.tables.Shadow().Find(account.name);
  const bool is_locked =
      line.size() > 1 && line[1].size() > 1 && line[1].starts_with('!') && line[1] != "!*" && line[1] != "!!";
  return is_locked || account.is_expired;
}

/// The lines of authorized_keys that hero_team takes; `notes` tells of the others without quoting them.
std::vector<std::string> ReadKeys(const OldBox& box, const host::Account& account, std::vector<std::string>& notes) {
  std::vector<std::string> keys;
  auto root = host::linux::Open(box.root, O_RDONLY | O_DIRECTORY);
  if (!root || !account.home.starts_with('/')) return keys;
  const std::string path = account.home.substr(1) + "/.ssh/authorized_keys";
  auto file = host::linux::OpenBeneath(root->get(), path, O_RDONLY, path);
  auto text = file ? host::linux::ReadUpTo(file->get(), kKeysBytesMax, path) : Expected<std::string>(file.error());
  if (!text) {
    notes.push_back(account.name + ": no keys were read: " + text.error().message);
    return keys;
  }
  int number = 0;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const std::string line = text->substr(begin, end - begin);
    begin = end + 1;
    ++number;
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    if (auto key = controllers::ParsePublicKey(line); key)
      keys.push_back(*std::move(key));
    else
      notes.push_back(account.name + ": line " + std::to_string(number) + " of " + path +
                      " was left out: " + key.error().message);
  }
  return keys;
}

std::string KeyWithoutComment(const std::string& key) { return key.substr(0, key.find(' ', key.find(' ') + 1)); }

/// The people of a box, as far as hero_team can name them.
std::vector<Member> MembersOf(const OldBox& box, const Flags& flags, std::int64_t today,
                              std::vector<std::string>& notes) {
  std::vector<Member> members;
  std::map<std::string, std::string> owners;  // Of keys.
  box.tables.Passwd().ForEach([&](std::size_t, const std::vector<std::string>& fields) {
    const auto account = box.tables.Find(fields.front(), today);
    if (!account || !api::v1::kPeopleIds.Contains(account->uid)) return;
    if (!api::IsUserName(account->name) || controllers::IsReservedName(account->name)) {
      notes.push_back(Printable(account->name, 64) + ": left out, for it is no name that a member can have");
      return;
    }
    Member member{.name = account->name,
                  .display_name = Printable(account->gecos.substr(0, account->gecos.find(',')), 200),
                  .is_deactivated = IsLocked(box, *account)};
    for (const std::string& group : account->groups) {
      const bool is_taken = api::HasWord(flags.groups, group);
      if (is_taken)
        member.groups.push_back(group);
      else
        notes.push_back(account->name + ": keeps the group " + Printable(group, 64) +
                        ", which hero_team does not manage");
    }
    for (std::string& key : ReadKeys(box, *account, notes)) {
      const auto [owner, is_new] = owners.try_emplace(KeyWithoutComment(key), account->name);
      if (is_new)
        member.keys.push_back(std::move(key));
      else if (owner->second != account->name)
        notes.push_back(account->name + ": a key was left out, for it is also that of " + owner->second);
    }
    members.push_back(std::move(member));
  });
  return members;
}

std::string Quoted(const std::string& text) { return api::codec::WriteJson(api::Json(text)); }

/// One line for none or one, else a line each.
std::string ListOf(const std::vector<std::string>& texts) {
  if (texts.size() < 2) return "[" + (texts.empty() ? "" : Quoted(texts.front())) + "]";
  std::string list = "[\n";
  for (const std::string& text : texts) list += "  " + Quoted(text) + ",\n";
  return list + "]";
}

std::string FileOf(const Member& member) {
  std::string text = "name              = " + Quoted(member.name) + "\n";
  if (!member.display_name.empty()) text += "display_name      = " + Quoted(member.display_name) + "\n";
  text += "ssh_pubkeys       = " + ListOf(member.keys) + "\ngroups            = " + ListOf(member.groups) +
          "\nbranch_suffix     = " + Quoted(member.name) + "\nmanifest_template = \"developer\"\n";
  if (member.is_deactivated) text += "deactivated       = true\n";
  return text + "adopt             = true   # The account was there before hero_team.\n";
}

Expected<void> WriteTree(const std::string& directory, const std::map<std::string, std::string>& files) {
  for (const char* folder : {"/users", "/manifest_templates"})
    if (auto made = host::linux::MakeDirectories(directory + folder, 0755); !made) return made;
  const std::string top = directory + "/";
  for (const auto& [path, text] : files)
    if (auto written = host::linux::ReplaceFile(top + path, text, 0644); !written) return written;
  return {};
}

Expected<void> CheckTarget(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error) && !std::filesystem::is_empty(directory, error))
    return UsageError(directory + " is there and not empty; name a new directory");
  return {};
}

}  // namespace

int RunSeed(const Session& session, const Flags& flags) {
  if (flags.objects.size() != 1) return Fail(session, UsageError("seed takes the directory to write"));
  const std::string& out = flags.objects.front();
  if (auto free = CheckTarget(out); !free) return Fail(session, free.error());
  const auto box = ReadBox(flags.passwd);
  if (!box) return Fail(session, box.error());
  std::vector<std::string> notes;
  const std::int64_t today =
      std::chrono::floor<std::chrono::days>(session.clock.Now()).time_since_epoch() / std::chrono::days(1);
  const std::vector<Member> members = MembersOf(*box, flags, today, notes);

  const std::string org = flags.orgs.empty() ? "lhumina_code" : flags.orgs.front();
  std::map<std::string, std::string> files{{"README.md", std::string(kSeedReadme)},
                                           {"manifest_templates/developer.toml", SeedTemplate(org, "release")},
                                           {"manifest_templates/integration.toml", SeedTemplate(org, "build")},
                                           {"users/integration.toml", std::string(kSeedIntegration)}};
  for (const Member& member : members) files["users/" + member.name + ".toml"] = FileOf(member);
  if (auto written = WriteTree(out, files); !written) return Fail(session, written.error());
  for (const std::string& note : notes) session.err << note << "\n";
  session.out << out << ": " << members.size() << " accounts were taken over, all with adopt = true\n";
  std::string names;
  for (const Member& member : members) names += (names.empty() ? "\"" : ", \"") + member.name + "\"";
  session.out << "on a real box root has to allow it, in /etc/hero/herod.toml:\n[accounts]\nadoptable = [" << names
              << "]\n";
  Flags check = flags;
  check.objects = {out};
  return RunValidate(session, check) == 0 ? 0 : 1;
}

}  // namespace heroctl
