#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/v1/repository.h"
#include "api/v1/team.h"
#include "api/v1/user.h"
#include "controllers/team/user_file.h"
#include "host/box_paths.h"
#include "host/git.h"
#include "reconciler/controller.h"

namespace controllers {

/// A file below users/: the spec that it declares, or why it declares none.
struct UserDeclaration {
  std::string path{};
  api::Expected<api::v1::UserSpec> spec{api::Error{}};
};

struct TeamState {
  std::optional<api::v1::Repository> repository{};    ///< The one of hero_team; no value: not declared yet.
  std::string commit{};                               ///< That `declared` was read at; empty: nothing could be read.
  std::optional<api::Error> unread{};                 ///< Why nothing could be read.
  std::map<std::string, UserDeclaration> declared{};  ///< By the file's stem. Complete, or there is no commit.
  std::map<std::string, api::v1::User> users{};       ///< By user name: all users that this team owns.
};

/// Turns hero_team into users: the whole tree at the head of its branch, every time. A file that cannot be read keeps
/// what it said last; nobody is removed unless the whole tree was read.
class TeamController final : public reconciler::Controller<api::v1::Team, TeamState> {
 public:
  /// Git is thread-safe and outlives this.
  TeamController(const host::Git& git, host::BoxPaths paths, UserRules rules);

  api::Expected<TeamState> Observe(const api::v1::Team& object, const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const api::v1::Team& object, const TeamState& state, api::Time now) const override;
  api::v1::TeamStatus Report(const api::v1::Team& object, const TeamState& state,
                             const reconciler::Results& results) const override;
  void Watches(reconciler::Sources& sources) const override;

 private:
  api::Expected<void> ReadTree(const std::string& mirror, const std::string& commit, TeamState& state) const;

  const host::Git& git_;
  const host::BoxPaths paths_;
  const UserRules rules_;
};

/// The repository object of a team's hero_team.
inline constexpr std::string_view kTeamRepository = "hero-team";

}  // namespace controllers
