#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/codec/text.h"
#include "api/meta/expected.h"
#include "api/v1/user.h"
#include "controllers/manifest/file_fault.h"

namespace controllers {

/// What a member's file may ask for on this box.
struct UserRules {
  std::vector<std::string> assignable_groups{};  ///< Of the box's configuration, never of hero_team (SEC-06).
  std::vector<std::string> reserved_names{};     ///< Beside those of every box: the driver's account.
  SpecCheck check{};
};

/// Where those keys of a member's file stand that other files have a say in. Line 0: the key is not there.
struct UserFilePlaces {
  std::vector<api::codec::TextPosition> ssh_pubkeys{};
  api::codec::TextPosition branch_suffix{};
  api::codec::TextPosition manifest_template{};
  api::codec::TextPosition org_key{};
};

struct DeclaredUser {
  api::v1::UserSpec spec{};
  UserFilePlaces places{};
};

/// The spec that `users/<stem>.toml` declares. Errors: kInvalid `InvalidFile`, with path, line and column and what is
/// allowed: a syntax error, an unknown key, a wrong type, a name that is no user name, is reserved or is not the file's
/// stem, a group that may not be assigned, a key that is no plain public key, a branch suffix or template that is not
/// given, whatever the schema of User refuses.
api::Expected<DeclaredUser> ReadUserFile(std::string_view text, const std::string& path, std::string_view stem,
                                         const UserRules& rules);

/// Whether no member may have that name on any box: an account of the system, a group as good as root (for a member
/// has a group of the own name), or a word of the router's URLs.
bool IsReservedName(std::string_view name);

/// `type base64 comment` of one public key, without options. Errors: kInvalid; it never quotes more than the key's
/// type.
api::Expected<std::string> ParsePublicKey(std::string_view line);

}  // namespace controllers
