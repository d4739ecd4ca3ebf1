#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/v1/slot.h"
#include "api/v1/user.h"
#include "controllers/user/account.h"
#include "controllers/user/secrets.h"
#include "host/accounts.h"
#include "host/archives.h"
#include "host/box_paths.h"
#include "host/forge.h"
#include "host/homes.h"
#include "host/sessions.h"
#include "reconciler/controller.h"
#include "reconciler/namespace.h"

namespace controllers {

/// What is there of a member. What could not be read stands in an error beside it and is unknown then, not absent: a
/// member who makes a link of the own home may not thereby keep the account from being expired.
struct UserState {
  std::optional<host::Account> account{};
  std::string claim{};  ///< What the User's annotation says, see kAccountClaim.
  host::HomeState home{};
  std::optional<api::Error> home_error{};
  std::optional<reconciler::Namespace> member_namespace{};
  std::optional<api::v1::Slot> slot{};
  SecretsState secrets{};
  host::SessionsState sessions{};  ///< Of a member who is not to have any.
  std::optional<api::Error> sessions_error{};
  bool has_work = false;     ///< There is a ~/hero to archive.
  bool is_archived = false;  ///< The archive of this deletion is complete.
  std::optional<api::Error> archive_error{};
};

struct UserOptions {
  std::vector<std::string> managed_groups{};  ///< Groups that herod gives and takes ([accounts].groups).
  ClaimRules claims{};
  std::string shell = "/bin/bash";
  std::string box{};          ///< The machine's name ([box].name), for the Slots.
  std::string private_org{};  ///< Where the secrets repositories are ([forge].private_org); empty: there are none.
};

/// What the User controller needs of the box. All thread-safe; they outlive it.
struct UserSeams {
  host::Accounts& accounts;
  host::Homes& homes;
  host::Archives& archives;
  host::Forge* forge = nullptr;        ///< Null: no forge is configured, so there are no secrets repositories.
  host::Sessions* sessions = nullptr;  ///< Null: a rootless box, to which nobody logs in.
};

/// Keeps a member's account, groups and keys as declared, and the objects and the secrets repository that belong to a
/// member. A removed member's account is expired and ~/hero archived; nothing of the home is deleted.
class UserController final : public reconciler::Controller<api::v1::User, UserState> {
 public:
  UserController(const UserSeams& seams, host::BoxPaths paths, UserOptions options);

  api::Expected<UserState> Observe(const api::v1::User& object, const reconciler::Reader& reader) const override;
  reconciler::Plan Diff(const api::v1::User& object, const UserState& state, api::Time now) const override;
  api::v1::UserStatus Report(const api::v1::User& object, const UserState& state,
                             const reconciler::Results& results) const override;
  void Watches(reconciler::Sources& sources) const override;

 private:
  host::AccountWish WishFor(const api::v1::User& object) const;
  void ObserveHome(const api::v1::User& object, UserState& state) const;
  std::optional<std::vector<reconciler::Request>> ChangedAccounts() const;
  api::Expected<void> ObserveObjects(const api::v1::User& object, const reconciler::Reader& reader,
                                     UserState& state) const;
  void ObserveWork(const api::v1::User& object, UserState& state) const;
  void ObserveSessions(const api::v1::User& object, UserState& state) const;
  void PlanEnd(const api::v1::User& object, const UserState& state, reconciler::Chain& chain) const;
  reconciler::Plan PlanRemoval(const api::v1::User& object, const UserState& state) const;
  reconciler::Chain PlanAccount(const api::v1::User& object, const UserState& state, const std::string& claim) const;
  reconciler::Step ExpireStep(const api::v1::User& object, const host::Account& account, std::string reason) const;
  void PlanHome(const api::v1::User& object, const UserState& state, bool is_taken_over,
                reconciler::Chain& chain) const;
  void PlanObjects(const api::v1::User& object, const UserState& state, reconciler::Plan& plan) const;
  std::string SecretsRepository(const api::v1::User& object) const;

  const UserSeams seams_;
  const host::BoxPaths paths_;
  const UserOptions options_;
};

/// The authorized_keys that a user's spec asks for.
std::string AuthorizedKeys(const api::v1::UserSpec& spec);

/// `carol-20261120T205851Z.tar.gz`: the same for every try of one removal.
std::string ArchiveName(const api::v1::User& object);

}  // namespace controllers
