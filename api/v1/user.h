#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/meta/object.h"
#include "api/v1/source.h"

namespace api::v1 {

/// Which of the org's keys a member may use.
struct ClaudeOrgKey {
  bool enabled = false;
  std::string key_secret_name{};

  bool operator==(const ClaudeOrgKey&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("enabled", self.enabled);
    field("keySecretName", self.key_secret_name);
  }
};

/// Limits of a member's slice, in the units of the file (`8GiB`).
struct UserLimits {
  std::optional<std::string> memory{};
  std::optional<double> cpu{};          ///< Cores.
  std::optional<std::int64_t> tasks{};  ///< Processes and threads.
  std::optional<std::string> disk{};

  bool operator==(const UserLimits&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("memory", self.memory);
    field("cpu", self.cpu);
    field("tasks", self.tasks);
    field("disk", self.disk);
  }
};

struct UserSpec {
  std::string name{};                 ///< The Linux account: the object's name with `_` for `-`.
  std::optional<std::int64_t> uid{};  ///< For a new account, from its UidReservation; an existing one keeps its own.
  std::vector<std::string> ssh_pubkeys{};
  std::vector<std::string> groups{};
  std::string branch_suffix{};
  std::string manifest_template{};
  std::optional<std::string> display_name{};
  std::optional<std::string> email{};
  bool deactivated = false;
  std::optional<std::string> forge_login{};
  bool adopt = false;
  std::optional<ClaudeOrgKey> claude_org_key{};
  std::optional<UserLimits> limits{};
  FileSource source{};

  bool operator==(const UserSpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("name", self.name);
    field("uid", self.uid);
    field("sshPubkeys", self.ssh_pubkeys);
    field("groups", self.groups);
    field("branchSuffix", self.branch_suffix);
    field("manifestTemplate", self.manifest_template);
    field("displayName", self.display_name);
    field("email", self.email);
    field("deactivated", self.deactivated);
    field("forgeLogin", self.forge_login);
    field("adopt", self.adopt);
    field("claudeOrgKey", self.claude_org_key);
    field("limits", self.limits);
    field("source", self.source);
  }
};

struct UserStatus {
  std::optional<std::int64_t> uid{};
  std::string home{};
  std::int64_t keys = 0;                                   ///< Lines in the authorized_keys that herod wrote.
  bool login_enabled = false;                              ///< False once the account is expired.
  std::optional<std::vector<std::string>> other_groups{};  ///< Of the account; herod does not manage them.
  std::optional<std::string> secrets_repository{};  ///< `org/secrets_alice`, once it is known to be at the forge.
  std::optional<std::string> secrets_login{};       ///< The forge account that was given access to it.
  std::optional<bool> secrets_login_is_ours{};      ///< True when it had none before: herod takes it back.
  std::optional<std::string> archive{};             ///< Of a removed member: the file that the work is archived in.

  bool operator==(const UserStatus&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("uid", self.uid);
    field("home", self.home);
    field("keys", self.keys);
    field("loginEnabled", self.login_enabled);
    field("otherGroups", self.other_groups);
    field("secretsRepository", self.secrets_repository);
    field("secretsLogin", self.secrets_login);
    field("secretsLoginIsOurs", self.secrets_login_is_ours);
    field("archive", self.archive);
  }
};

/// A member of the team: an account, its keys and its groups.
struct User {
  static constexpr KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "User", .plural = "users"};

  ObjectMeta metadata{};
  UserSpec spec{};
  UserStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
