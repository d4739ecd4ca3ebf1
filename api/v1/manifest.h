#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace api::v1 {

/// `[[bind]]`: a service of a slot, and what of it runs there.
struct Bind {
  std::string service{};
  std::string repo{};  ///< `org/name`
  std::string branch{};
  std::string from{};  ///< `build`, `release`, `hash`.
  std::optional<std::string> hash{};
  bool auto_rebuild = false;
  bool publish = true;                       ///< Of builds that are clean and pushed; others never are.
  std::string follow = "auto";               ///< What a new release does: `auto`, `notify`, `manual`.
  std::vector<std::string> needs{};          ///< Services that have to be ready first.
  std::optional<std::string> health{};       ///< Path on its web socket.
  std::map<std::string, std::string> env{};  ///< Beside what every service gets.
  std::vector<std::string> args{};           ///< Behind its command.
  std::string visibility = "team";           ///< Who may reach it: `team`, `private`, `public`.

  bool operator==(const Bind&) const = default;

  static void Fields(auto& self, auto&& field) { FieldsNamed(self, field, "autoRebuild"); }

 protected:
  static void FieldsNamed(auto& self, auto& field, std::string_view auto_rebuild) {
    field("service", self.service);
    field("repo", self.repo);
    field("branch", self.branch);
    field("from", self.from);
    field("hash", self.hash);
    field(auto_rebuild, self.auto_rebuild);
    field("publish", self.publish);
    field("follow", self.follow);
    field("needs", self.needs);
    field("health", self.health);
    field("env", self.env);
    field("args", self.args);
    field("visibility", self.visibility);
  }
};

/// The same as people write it in a file.
struct BindRow : Bind {
  static void Fields(auto& self, auto&& field) { FieldsNamed(self, field, "auto_rebuild"); }
};

/// `[claude]`: which credential an agent uses.
struct ClaudeChoice {
  std::string preference = "auto";  ///< `auto`, `personal`, `org`.

  bool operator==(const ClaudeChoice&) const = default;

  static void Fields(auto& self, auto&& field) { field("preference", self.preference); }
};

/// What dev_manifest.toml and manifest_templates/<role>.toml say, without `[state.*]`.
struct Manifest {
  std::vector<Bind> bind{};
  ClaudeChoice claude{};

  bool operator==(const Manifest&) const = default;
};

}  // namespace api::v1
