#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/v1/manifest_template.h"
#include "api/v1/repository.h"
#include "api/v1/team.h"
#include "api/v1/uid_reservation.h"
#include "api/v1/user.h"
#include "controllers/team/hero_team.h"
#include "host/accounts.h"
#include "host/box_paths.h"
#include "host/forge.h"
#include "host/git.h"
#include "host/team_sync.h"
#include "reconciler/controller.h"

namespace controllers {

struct TeamState {
  std::optional<api::v1::Repository> repository{};  ///< The one of hero_team; no value: not declared yet.
  std::string head{};                               ///< Of the branch; empty: not known.
  std::optional<api::Error> unread{};               ///< Why nothing could be read.
  bool is_rewritten = false;                        ///< The head does not contain what was synced last.
  std::string synced{};                             ///< What was synced last from this URL and branch; empty: nothing.
  HeroTeam declared{};                              ///< Complete, unless `unread` or `is_rewritten`.
  std::map<std::string, api::v1::User> users{};     ///< By user name: all that this team declared.
  std::map<std::string, api::v1::ManifestTemplate> templates{};   ///< By role: all that this team declared.
  std::map<std::string, api::v1::UidReservation> reservations{};  ///< By user name: all that there are.
  std::vector<host::NumberHolder> holders{};       ///< Who has a number of members on the box, whoever made it.
  bool has_org_keys = false;                       ///< There is an OrgKey, so names are checked.
  std::optional<host::TeamSyncState> sync{};       ///< state.toml; no value: none, or unreadable.
  std::string sync_problem{};                      ///< Why state.toml is unreadable.
  std::string forge_repository{};                  ///< `org/name`; empty: no result is posted.
  std::optional<reconciler::TaskState> post{};     ///< The newest posting of a result.
  std::optional<reconciler::TaskState> comment{};  ///< The newest try to comment after that.
  bool needs_signature = false;                    ///< An allowed signer has to have signed the head.
  std::optional<std::string> signature_fault{};    ///< Why none has; no value: not known, or none is needed.

  /// Nothing stands between the head and the box.
  bool MayApply() const { return !unread && !is_rewritten && !needs_signature; }
};

/// What the Team controller needs of the box. All thread-safe; they outlive it.
struct TeamSeams {
  const host::Git& git;
  host::TeamSync& sync;
  const host::Numbers& numbers;
  host::Forge* forge = nullptr;  ///< Where results are posted; null: nowhere.
};

/// Turns hero_team into users, manifest templates and numbers: the whole tree at the head of its branch, every time. A
/// file that cannot be read keeps what it said last; nobody is removed unless the whole tree was read; a history that
/// was rewritten, or a head that nobody signed who has to, is followed only after an operator's approval. One worker:
/// numbers are given from the complete view.
class TeamController final : public reconciler::Controller<api::v1::Team, TeamState> {
 public:
  TeamController(const TeamSeams& seams, host::BoxPaths paths, TeamRules rules);

  api::Expected<TeamState> Observe(const api::v1::Team& object, const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const api::v1::Team& object, const TeamState& state, api::Time now) const override;
  api::v1::TeamStatus Report(const api::v1::Team& object, const TeamState& state,
                             const reconciler::Results& results) const override;
  void Watches(reconciler::Sources& sources) const override;

 private:
  api::Expected<void> ReadObjects(const api::v1::Team& object, const reconciler::Reader& reader, TeamState& state,
                                  InForce& in_force) const;
  api::Expected<void> ReadSync(const api::v1::Team& object, TeamState& state) const;
  api::Expected<void> ReadTree(const InForce& in_force, TeamState& state) const;
  void ReadSignature(const api::v1::Team& object, const reconciler::Reader& reader, TeamState& state) const;
  api::Expected<bool> IsRewritten(const TeamState& state) const;

  const TeamSeams seams_;
  const host::BoxPaths paths_;
  const TeamRules rules_;

  mutable std::mutex mutex_;
  mutable std::shared_ptr<const HeroTeam> read_;  // Guarded by mutex_. The last tree, so that blobs are read once.
};

/// The object steps that make users, templates and numbers as declared, one chain for each, and what stands in the way.
/// Pure.
void PlanDeclared(const api::v1::Team& team, const TeamState& state, reconciler::Plan& plan);

/// The repository object of a team's hero_team.
inline constexpr std::string_view kTeamRepository = "hero-team";

}  // namespace controllers
