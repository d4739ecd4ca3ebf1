#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/v1/user.h"

namespace api::v1 {

/// `[claude_org_key]` of a member's file.
struct UserFileOrgKey {
  bool enabled = false;
  std::optional<std::string> key_secret_name{};
  std::optional<std::vector<std::string>> key_secret_names{};  ///< Only the first is used (HTB-03).

  static void Fields(auto& self, auto&& field) {
    field("enabled", self.enabled);
    field("key_secret_name", self.key_secret_name);
    field("key_secret_names", self.key_secret_names);
  }
};

/// `users/<name>.toml` of hero_team, as a person writes it.
struct UserFile {
  std::string name{};
  std::vector<std::string> ssh_pubkeys{};
  std::vector<std::string> groups{};
  std::string branch_suffix{};
  std::string manifest_template{};
  std::optional<std::string> display_name{};
  std::optional<std::string> email{};
  bool deactivated = false;
  std::optional<std::string> forge_login{};
  bool adopt = false;
  std::optional<UserFileOrgKey> claude_org_key{};
  std::optional<UserLimits> limits{};

  static void Fields(auto& self, auto&& field) {
    field("name", self.name);
    field("ssh_pubkeys", self.ssh_pubkeys);
    field("groups", self.groups);
    field("branch_suffix", self.branch_suffix);
    field("manifest_template", self.manifest_template);
    field("display_name", self.display_name);
    field("email", self.email);
    field("deactivated", self.deactivated);
    field("forge_login", self.forge_login);
    field("adopt", self.adopt);
    field("claude_org_key", self.claude_org_key);
    field("limits", self.limits);
  }
};

}  // namespace api::v1
