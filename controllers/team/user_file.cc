#include "controllers/team/user_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/codec/fields.h"
#include "api/codec/text.h"
#include "api/codec/toml.h"
#include "api/meta/names.h"
#include "api/meta/words.h"
#include "api/v1/groups.h"
#include "api/v1/user_file.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::UserFile;
using api::v1::UserSpec;

/// Accounts of the system and of images of clouds, which sudoers names, and words of the router's URLs (design D-19).
/// Refused as members' names, whoever asks.
constexpr std::array<std::string_view, 48> kReserved = {
    "root",   "daemon",  "bin",       "sys",        "sync",       "games",   "man",       "lp",
    "mail",   "news",    "uucp",      "proxy",      "backup",     "list",    "irc",       "nobody",
    "sshd",   "driver",  "ubuntu",    "debian",     "admin",      "api",     "apis",      "rpc",
    "hooks",  "static",  "healthz",   "livez",      "readyz",     "metrics", "hero",      "herod",
    "git",    "postfix", "systemd",   "messagebus", "developers", "vagrant", "azureuser", "pi",
    "centos", "fedora",  "almalinux", "rocky",      "opc",        "core",    "alpine",    "all"};

/// Key types that sshd takes today; DSA and anything unknown are refused (SEC-16).
constexpr std::array<std::string_view, 7> kKeyTypes = {"ssh-ed25519",
                                                       "sk-ssh-ed25519@openssh.com",
                                                       "ecdsa-sha2-nistp256",
                                                       "ecdsa-sha2-nistp384",
                                                       "ecdsa-sha2-nistp521",
                                                       "sk-ecdsa-sha2-nistp256@openssh.com",
                                                       "ssh-rsa"};
constexpr std::size_t kRsaBytesMin = 270;  // The blob of a 2048 bit key has 279 bytes; shorter ones are weak.

template <class Words>
std::string Listed(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

/// The word up to the next blank; `text` becomes what follows it.
std::string_view NextWord(std::string_view& text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const std::size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

Expected<void> CheckNames(const UserFile& file, std::string_view stem, const UserRules& rules) {
  if (!api::IsUserName(file.name))
    return FileFault(
        "name",
        "name \"" + api::codec::Printable(file.name, 64) +
            "\" has to be lower-case letters and digits in words joined by _, begin with a letter and have at most " +
            std::to_string(api::kUserNameMax) + " characters");
  if (file.name != stem)
    return FileFault("name", "name \"" + file.name + "\" has to equal the file's name, " + std::string(stem) +
                                 ".toml; a member is renamed by removing one file and adding another");
  if (IsReservedName(file.name) || api::HasWord(rules.reserved_names, file.name))
    return FileFault("name", "name \"" + file.name + "\" is reserved");
  const auto breaks_passwd = [](char c) { return c == ':' || static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (file.display_name && std::any_of(file.display_name->begin(), file.display_name->end(), breaks_passwd))
    return FileFault("display_name", "display_name stands in passwd, so it has no colon and no control character");
  return {};
}

Expected<void> CheckGroups(const UserFile& file, const UserRules& rules) {
  for (std::size_t i = 0; i < file.groups.size(); ++i) {
    const std::string field = "groups[" + std::to_string(i) + "]";
    const std::string group = api::codec::Printable(file.groups[i], 64);
    if (api::v1::IsRootEquivalent(file.groups[i]))
      return FileFault(field, "group \"" + group + "\" is as good as root and is never assigned from git");
    if (!api::HasWord(rules.assignable_groups, file.groups[i]))
      return FileFault(field, "group \"" + group + "\" may not be assigned on this box; allowed are: " +
                                  Listed(rules.assignable_groups) + " ([accounts].groups in herod.toml)");
  }
  return {};
}

Expected<UserSpec> ToSpec(const UserFile& file, const UserRules& rules, std::string_view stem) {
  if (auto names = CheckNames(file, stem, rules); !names) return names.error();
  if (auto groups = CheckGroups(file, rules); !groups) return groups.error();
  UserSpec spec{.name = file.name,
                .groups = file.groups,
                .branch_suffix = file.branch_suffix,
                .manifest_template = file.manifest_template,
                .display_name = file.display_name,
                .email = file.email,
                .deactivated = file.deactivated,
                .forge_login = file.forge_login,
                .adopt = file.adopt,
                .limits = file.limits};
  for (std::size_t i = 0; i < file.ssh_pubkeys.size(); ++i) {
    auto key = ParsePublicKey(file.ssh_pubkeys[i]);
    if (!key) return FileFault("ssh_pubkeys[" + std::to_string(i) + "]", key.error().message);
    spec.ssh_pubkeys.push_back(*std::move(key));
  }
  if (const auto& key = file.claude_org_key) {
    const bool has_many = key->key_secret_names && !key->key_secret_names->empty();
    spec.claude_org_key = {.enabled = key->enabled,
                           .key_secret_name = key->key_secret_name ? *key->key_secret_name
                                              : has_many           ? key->key_secret_names->front()
                                                                   : ""};
    if (key->enabled && spec.claude_org_key->key_secret_name.empty())
      return FileFault("claude_org_key", "claude_org_key is enabled but names no key; set key_secret_name");
  }
  if (spec.branch_suffix.empty())
    return FileFault("branch_suffix", "branch_suffix is required: the member's branches are development_<suffix>");
  if (spec.manifest_template.empty())
    return FileFault("manifest_template",
                     "manifest_template is required: the name of a file in manifest_templates/ without .toml");
  if (auto fault = SchemaFault(rules.check, api::ResourceName(api::v1::User::kInfo), api::codec::Encode(spec)))
    return *std::move(fault);
  return spec;
}

UserFilePlaces PlacesOf(const api::codec::TomlDocument& document, const UserSpec& spec) {
  const auto place = [&](const std::string& key) {
    const auto found = document.positions.find(key);
    return found == document.positions.end() ? api::codec::TextPosition() : found->second;
  };
  UserFilePlaces places{.branch_suffix = place("branch_suffix"),
                        .manifest_template = place("manifest_template"),
                        .org_key = place("claude_org_key.key_secret_name")};
  if (places.org_key.line == 0) places.org_key = place("claude_org_key.key_secret_names");
  for (std::size_t i = 0; i < spec.ssh_pubkeys.size(); ++i)
    places.ssh_pubkeys.push_back(place("ssh_pubkeys[" + std::to_string(i) + "]"));
  return places;
}

}  // namespace

Expected<DeclaredUser> ReadUserFile(std::string_view text, const std::string& path, std::string_view stem,
                                    const UserRules& rules) {
  auto document = api::codec::ParseToml(text, path);
  if (!document) return Error{Code::kInvalid, "InvalidFile", document.error().message};
  auto file = api::codec::Decode<UserFile>(document->value, {.refuse_unknown = true});
  auto spec = file ? ToSpec(*file, rules, stem) : Expected<UserSpec>(file.error());
  if (spec) return DeclaredUser{.spec = *spec, .places = PlacesOf(*document, *spec)};
  Error error = document->At(spec.error());
  error.reason = "InvalidFile";
  return error;
}

bool IsReservedName(std::string_view name) { return api::HasWord(kReserved, name) || api::v1::IsRootEquivalent(name); }

Expected<std::string> ParsePublicKey(std::string_view line) {
  const auto refuse = [](std::string message) { return Error{Code::kInvalid, "InvalidKey", std::move(message)}; };
  if (line.find_first_of("\r\n\t") != std::string_view::npos || api::codec::Printable(line, line.size() + 1) != line)
    return refuse("a public key is one line of printable text");
  std::string_view rest = line;
  const std::string_view type = NextWord(rest);
  if (!api::HasWord(kKeyTypes, type))
    return refuse("a public key starts with its type, one of: " + Listed(kKeyTypes) +
                  "; options before it are not taken");
  const std::string_view base64 = NextWord(rest);
  auto blob = api::codec::DecodeBase64(base64);
  // The blob begins with the type again, behind its length in four bytes.
  const std::string header = std::string("\0\0\0", 3) + static_cast<char>(type.size()) + std::string(type);
  if (!blob || !blob->starts_with(header) || blob->size() < header.size() + 32)
    return refuse("the " + std::string(type) + " key is damaged: copy the whole line of the .pub file");
  if (type == "ssh-rsa" && blob->size() < kRsaBytesMin) return refuse("the ssh-rsa key is shorter than 2048 bits");
  const std::string_view comment = api::Trimmed(rest);
  return std::string(type) + " " + std::string(base64) + (comment.empty() ? "" : " " + std::string(comment));
}

}  // namespace controllers
