#include "controllers/manifest/manifest_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/text.h"
#include "api/meta/names.h"
#include "api/meta/words.h"
#include "controllers/manifest/file_fault.h"
#include "host/forge.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::codec::Printable;
using api::v1::Bind;
using api::v1::BindRow;

constexpr std::size_t kRowsMax = 200;  // As the schema of ManifestTemplate; a slot of more is a mistake.
constexpr std::size_t kShownMax = 64;  // Of a foreign text in a message.
constexpr std::size_t kBranchBytesMax = 255;

/// The file as it is written.
struct File {
  std::vector<BindRow> bind{};
  api::v1::ClaudeChoice claude{};
  std::optional<api::Json> state{};

  static void Fields(auto& self, auto&& field) {
    field("bind", self.bind);
    field("claude", self.claude);
    field("state", self.state);
  }
};

std::string Quoted(std::string_view text) { return "\"" + Printable(text, kShownMax) + "\""; }

/// `name` has to be one of `allowed`.
Expected<void> CheckChoice(const std::string& field, std::string_view key, std::string_view value,
                           const std::vector<std::string_view>& allowed) {
  if (api::HasWord(allowed, value)) return {};
  std::string list;
  for (const std::string_view one : allowed) list += (list.empty() ? "" : ", ") + std::string(one);
  return FileFault(field + "." + std::string(key),
                   std::string(key) + " " + Quoted(value) + " has to be one of: " + list);
}

/// The rules of git-check-ref-format, and no option of git.
bool IsBranch(std::string_view branch) {
  if (branch.empty() || branch.size() > kBranchBytesMax || branch.front() == '-' || branch.front() == '/' ||
      branch.ends_with('/') || branch.ends_with('.'))
    return false;
  for (const std::string_view part : {"..", "//", "@{", "/."})
    if (branch.find(part) != std::string_view::npos) return false;
  if (branch.front() == '.' || branch == "@" || branch.ends_with(".lock") ||
      branch.find(".lock/") != std::string_view::npos)
    return false;
  return std::none_of(branch.begin(), branch.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
           std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
  });
}

Expected<void> CheckRepository(const std::string& field, const Bind& row, const ManifestRules& rules) {
  const auto name = host::ParseRepositoryName(row.repo);
  if (!name)
    return FileFault(field + ".repo",
                     "repo " + Quoted(row.repo) + " has to be org/name, as in lhumina_code/hero_slides");
  if (std::find(rules.orgs.begin(), rules.orgs.end(), name->organisation) == rules.orgs.end()) {
    std::string orgs;
    for (const std::string& one : rules.orgs) orgs += (orgs.empty() ? "" : ", ") + one;
    return FileFault(field + ".repo", "repo " + Quoted(row.repo) +
                                          " is of an organisation that this box does not take; allowed are: " + orgs +
                                          " ([repos].orgs in herod.toml)");
  }
  if (!IsBranch(row.branch))
    return FileFault(field + ".branch", "branch " + Quoted(row.branch) + " is no name that git takes for a branch");
  return {};
}

Expected<void> CheckHash(const std::string& field, const Bind& row) {
  if (row.from != "hash" && row.hash)
    return FileFault(field + ".hash", "hash goes with from = \"hash\" alone; here from is " + Quoted(row.from));
  if (row.from != "hash") return {};
  if (!row.hash) return FileFault(field, "from = \"hash\" needs the hash of the artifact, as in hash = \"a1b2c3d4\"");
  const bool is_hash = row.hash->size() >= 8 && row.hash->size() <= 64 &&
                       row.hash->find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hash) return {};
  return FileFault(field + ".hash", "hash " + Quoted(*row.hash) + " has to be 8 to 64 digits of 0-9 and a-f");
}

Expected<void> CheckEnvironment(const std::string& field, const Bind& row) {
  const std::string table = field + ".env.";
  for (const auto& [name, value] : row.env) {
    const bool is_name =
        !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
        std::all_of(name.begin(), name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        });
    if (!is_name)
      return FileFault(table + name, "env " + Quoted(name) + " has to be letters, digits and _, as in RUST_LOG");
  }
  return {};
}

Expected<void> CheckRow(const std::string& field, const Bind& row, const ManifestRules& rules) {
  if (!api::IsUserName(row.service))
    return FileFault(
        field + (row.service.empty() ? "" : ".service"),
        "service " + Quoted(row.service) +
            " has to be lower-case letters and digits in words joined by _, begin with a letter and have at "
            "most " +
            std::to_string(api::kUserNameMax) + " characters");
  if (auto repository = CheckRepository(field, row, rules); !repository) return repository;
  if (auto from = CheckChoice(field, "from", row.from, {"build", "release", "hash"}); !from) return from;
  if (auto hash = CheckHash(field, row); !hash) return hash;
  if (auto follow = CheckChoice(field, "follow", row.follow, {"auto", "notify", "manual"}); !follow) return follow;
  if (auto visibility = CheckChoice(field, "visibility", row.visibility, {"team", "private", "public"}); !visibility)
    return visibility;
  if (row.health && !row.health->starts_with('/'))
    return FileFault(field + ".health", "health " + Quoted(*row.health) + " has to be a path, as in /healthz");
  return CheckEnvironment(field, row);
}

Expected<void> CheckRows(const std::vector<BindRow>& rows, const ManifestRules& rules) {
  std::map<std::string_view, std::size_t> by_short_name;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string field = "bind[" + std::to_string(i) + "]";
    if (auto row = CheckRow(field, rows[i], rules); !row) return row;
    const auto [other, is_first] = by_short_name.try_emplace(ShortNameOf(rows[i].service), i);
    if (!is_first)
      return FileFault(field + ".service", "services " + Quoted(rows[other->second].service) + " and " +
                                               Quoted(rows[i].service) + " would have one address and one socket, " +
                                               Quoted(other->first) + "; keep one of them");
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < rows[i].needs.size(); ++k) {
      const std::string& need = rows[i].needs[k];
      const auto found = by_short_name.find(ShortNameOf(need));
      if (found == by_short_name.end() || rows[found->second].service != need || found->second == i)
        return FileFault("bind[" + std::to_string(i) + "].needs[" + std::to_string(k) + "]",
                         "needs " + Quoted(need) + ", which is no other service of this file");
    }
  }
  return {};
}

Expected<void> Check(const File& file, const ManifestRules& rules) {
  if (file.state && !rules.may_have_state)
    return FileFault("state", "[state.*] is written by tools into a member's own manifest; leave it out of a template");
  if (file.bind.size() > kRowsMax)
    return FileFault("bind[" + std::to_string(kRowsMax) + "]", "there are " + std::to_string(file.bind.size()) +
                                                                   " services; at most " + std::to_string(kRowsMax));
  if (auto claude = CheckChoice("claude", "preference", file.claude.preference, {"auto", "personal", "org"}); !claude)
    return claude;
  return CheckRows(file.bind, rules);
}

}  // namespace

std::string_view ShortNameOf(std::string_view service) {
  constexpr std::string_view kPrefix = "hero_";
  return service.starts_with(kPrefix) ? service.substr(kPrefix.size()) : service;
}

Expected<ManifestFile> ReadManifestFile(std::string_view text, const std::string& path, const ManifestRules& rules) {
  auto document = api::codec::ParseToml(text, path);
  if (!document) return Error{Code::kInvalid, "InvalidFile", document.error().message};
  auto file = api::codec::Decode<File>(document->value, {.refuse_unknown = true});
  const auto checked = file ? Check(*file, rules) : Expected<void>(file.error());
  if (!checked) {
    Error error = document->At(checked.error());
    error.reason = "InvalidFile";
    return error;
  }
  ManifestFile read{.manifest = {.claude = file->claude}, .document = *std::move(document)};
  for (BindRow& row : file->bind) read.manifest.bind.push_back(std::move(row));
  return read;
}

}  // namespace controllers
