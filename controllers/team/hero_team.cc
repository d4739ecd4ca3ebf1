#include "controllers/team/hero_team.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/text.h"
#include "controllers/manifest/file_fault.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::codec::Printable;
using api::v1::FileProblem;
using api::v1::ManifestTemplate;
using api::v1::ManifestTemplateSpec;
using api::v1::UserSpec;
using host::TreeEntry;

constexpr std::size_t kFileBytesMax = 64u << 10;  // The TOML reader's own limit.
constexpr std::size_t kFilesMax = 20'000;         // Twice the numbers that a box has to give.
constexpr std::size_t kProblemsMax = 100;         // A status has to stay small; whoever has more mends these first.
constexpr std::size_t kPathShownMax = 256;
constexpr std::string_view kUsers = "users";
constexpr std::string_view kTemplates = "manifest_templates";
constexpr std::string_view kSuffix = ".toml";

using Entries = std::vector<TreeEntry>;

const TreeEntry* Find(const Entries& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const TreeEntry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

/// A directory of the top. One that is absent is empty, if the top shows that this is a hero_team at all.
Expected<Entries> ListDirectory(const TeamTree& tree, std::string_view directory) {
  auto entries = tree.List(directory);
  if (entries && entries->size() > kFilesMax)
    return Error{Code::kInvalid, "TooManyFiles",
                 std::string(directory) + "/ has " + std::to_string(entries->size()) + " entries, at most " +
                     std::to_string(kFilesMax) + " are read; nothing is changed"};
  if (entries || entries.error().code != Code::kNotFound) return entries;
  const auto top = tree.List("");  // An absent commit is not found either, and says so here.
  if (!top) return top.error();
  if (Find(*top, directory))
    return Error{
        Code::kInvalid, "NotADirectory",
        std::string(directory) + " of hero_team is no directory, so nothing is changed; links are not followed"};
  if (Find(*top, "README.md") || Find(*top, kTemplates) || Find(*top, kUsers)) return Entries();
  return Error{
      Code::kInvalid, "NotHeroTeam",
      "the branch has neither users/ nor README.md nor manifest_templates/, so it is no hero_team, and nothing "
      "is changed"};
}

Expected<std::string> ReadEntry(const TeamTree& tree, std::string_view directory, const TreeEntry& entry) {
  if (!entry.is_file)
    return Error{Code::kInvalid, "InvalidFile", "is no regular file: a link, a directory or a submodule is not read"};
  return tree.Read(directory, entry, kFileBytesMax);
}

Expected<ManifestTemplateSpec> ReadTemplate(std::string_view text, const std::string& path, const std::string& role,
                                            const TeamRules& rules) {
  auto file = ReadManifestFile(text, path, rules.manifests);
  if (!file) return file.error();
  ManifestTemplateSpec spec{.role = role,
                            .text = std::string(text),
                            .bind = std::move(file->manifest.bind),
                            .claude = std::move(file->manifest.claude)};
  if (auto fault = SchemaFault(rules.users.check, api::ResourceName(ManifestTemplate::kInfo), api::codec::Encode(spec)))
    return file->document.At(*fault);
  return spec;
}

/// Reads every `*.toml` of a directory into `declared`; `parse` makes of a text what the declaration holds. Errors: a
/// file that could not be read, which is no statement of its author.
template <class Declaration, class Parse>
Expected<void> ReadFiles(const TeamTree& tree, std::string_view directory,
                         const std::map<std::string, Declaration>* before, std::map<std::string, Declaration>& declared,
                         const Parse& parse) {
  auto entries = ListDirectory(tree, directory);
  if (!entries) return entries.error();
  for (const TreeEntry& entry : *entries) {
    if (!entry.name.ends_with(kSuffix)) continue;
    const std::string stem = entry.name.substr(0, entry.name.size() - kSuffix.size());
    const std::string path = std::string(directory) + "/" + entry.name;
    const auto old = before ? before->find(stem) : typename std::map<std::string, Declaration>::const_iterator();
    if (before && old != before->end() && entry.is_file && !entry.blob.empty() && old->second.blob == entry.blob) {
      declared.emplace(stem, old->second);
      continue;
    }
    auto text = ReadEntry(tree, directory, entry);
    if (!text && text.error().code != Code::kInvalid) return text.error();
    Declaration declaration{.path = Printable(path, kPathShownMax), .blob = entry.is_file ? entry.blob : ""};
    if (text)
      parse(*text, stem, declaration);
    else
      declaration.spec = text.error().Within(declaration.path);
    if (declaration.spec) declaration.spec->source = {.path = declaration.path, .blob = entry.blob};
    declared.emplace(stem, std::move(declaration));
  }
  return {};
}

/// `users/alice.toml:3:16: …`
Error At(const UserDeclaration& declaration, const api::codec::TextPosition& place, const std::string& message) {
  std::string where = declaration.path;
  if (place.line > 0) where += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  return Error{Code::kInvalid, "InvalidFile", message}.Within(where);
}

/// Why a member's template cannot be used; no value when it can.
std::optional<std::string> TemplateFault(const HeroTeam& team, const InForce& in_force, const std::string& role) {
  const auto found = team.templates.find(role);
  if (found != team.templates.end()) {
    if (found->second.spec || in_force.roles.contains(role)) return std::nullopt;
    return "manifest_template \"" + role + "\": its file " + found->second.path + " has to be mended first";
  }
  std::string roles;
  for (const auto& [name, declaration] : team.templates) roles += (roles.empty() ? "" : ", ") + Printable(name, 64);
  return "manifest_template \"" + role +
         "\" is none of manifest_templates/; there are: " + (roles.empty() ? "none" : roles);
}

void CheckReferences(HeroTeam& team, const InForce& in_force) {
  for (auto& [stem, declaration] : team.users) {
    if (!declaration.spec) continue;
    const UserSpec& spec = *declaration.spec;
    if (const auto fault = TemplateFault(team, in_force, spec.manifest_template)) {
      declaration.spec = At(declaration, declaration.places.manifest_template, *fault);
      continue;
    }
    const auto& key = spec.claude_org_key;
    if (!key || !key->enabled || !in_force.org_keys || in_force.org_keys->contains(key->key_secret_name)) continue;
    std::string known;
    for (const std::string& name : *in_force.org_keys) known += (known.empty() ? "" : ", ") + name;
    declaration.spec = At(declaration, declaration.places.org_key,
                          "key_secret_name \"" + Printable(key->key_secret_name, 128) +
                              "\" is no key of this organisation; known are: " + known);
  }
}

/// What only one member may have, and where in the file it stands.
struct Claim {
  std::string what{};   ///< Equal for two members: they collide.
  std::string shown{};  ///< The same for people.
  api::codec::TextPosition place{};
};

std::vector<Claim> ClaimsOf(const UserSpec& spec, const UserFilePlaces& places) {
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < spec.ssh_pubkeys.size(); ++i) {
    const std::string& key = spec.ssh_pubkeys[i];
    const std::size_t type_end = std::min(key.find(' '), key.size());
    const std::size_t end = std::min(key.find(' ', std::min(type_end + 1, key.size())), key.size());
    claims.push_back({.what = key.substr(0, end),  // Without its comment.
                      .shown = "the " + key.substr(0, type_end) + " key",
                      .place = i < places.ssh_pubkeys.size() ? places.ssh_pubkeys[i] : api::codec::TextPosition()});
  }
  if (!spec.branch_suffix.empty())
    claims.push_back({.what = "suffix " + spec.branch_suffix,
                      .shown = "branch_suffix \"" + Printable(spec.branch_suffix, 64) + "\"",
                      .place = places.branch_suffix});
  return claims;
}

/// One look at who claims what; true when a file was refused, which may bring back what it said before.
bool RefuseCollisions(HeroTeam& team, const InForce& in_force) {
  std::map<std::string, std::set<std::string>> owners;  // Stems by claim.
  for (const auto& [stem, declaration] : team.users) {
    const auto last = in_force.users.find(stem);
    if (!declaration.spec && last == in_force.users.end()) continue;
    for (const Claim& claim : ClaimsOf(declaration.spec ? *declaration.spec : last->second, declaration.places))
      owners[claim.what].insert(stem);
  }
  std::map<std::string, Error> refused;
  for (const auto& [stem, declaration] : team.users) {
    if (!declaration.spec) continue;
    for (const Claim& claim : ClaimsOf(*declaration.spec, declaration.places)) {
      const std::set<std::string>& all = owners[claim.what];
      const auto other =
          std::find_if(all.begin(), all.end(), [&, own = &stem](const auto& name) { return name != *own; });
      if (other == all.end()) continue;
      refused.emplace(stem, At(declaration, claim.place,
                               claim.shown + " is also that of " + team.users.at(*other).path +
                                   "; it belongs to one member alone"));
      break;
    }
  }
  for (const auto& [stem, error] : refused) team.users.at(stem).spec = error;
  return !refused.empty();
}

template <class Declared>
void AddProblems(const Declared& declared, std::vector<FileProblem>& problems) {
  for (const auto& [stem, declaration] : declared)
    if (!declaration.spec) problems.push_back({declaration.path, Printable(declaration.spec.error().message)});
}

}  // namespace

Expected<HeroTeam> ReadHeroTeam(const TeamTree& tree, const TeamRules& rules, const HeroTeam* before) {
  HeroTeam team;
  auto read = ReadFiles(tree, kTemplates, before ? &before->templates : nullptr, team.templates,
                        [&](const std::string& text, const std::string& role, TemplateDeclaration& declaration) {
                          declaration.spec = ReadTemplate(text, declaration.path, role, rules);
                        });
  if (!read) return read.error();
  read = ReadFiles(tree, kUsers, before ? &before->users : nullptr, team.users,
                   [&](const std::string& text, const std::string& stem, UserDeclaration& declaration) {
                     auto user = ReadUserFile(text, declaration.path, stem, rules.users);
                     if (user) declaration.places = std::move(user->places);
                     declaration.spec = user ? Expected<UserSpec>(std::move(user->spec)) : user.error();
                   });
  if (!read) return read.error();
  return team;
}

void CheckTogether(HeroTeam& team, const InForce& in_force) {
  CheckReferences(team, in_force);
  while (RefuseCollisions(team, in_force)) {
  }  // Each turn refuses a file at least.
}

std::vector<FileProblem> ProblemsOf(const HeroTeam& team) {
  std::vector<FileProblem> problems;
  AddProblems(team.users, problems);
  AddProblems(team.templates, problems);
  if (problems.size() > kProblemsMax) {
    const std::size_t more = problems.size() - kProblemsMax + 1;
    problems.resize(kProblemsMax);
    problems.back() = {"", "and " + std::to_string(more) + " more files"};
  }
  return problems;
}

std::int64_t ProblemCount(const HeroTeam& team) {
  const auto is_wrong = [](const auto& entry) { return !entry.second.spec; };
  return std::count_if(team.users.begin(), team.users.end(), is_wrong) +
         std::count_if(team.templates.begin(), team.templates.end(), is_wrong);
}

}  // namespace controllers
