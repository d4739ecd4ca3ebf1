#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/v1/user.h"
#include "host/accounts.h"
#include "host/archives.h"
#include "host/box_paths.h"
#include "host/homes.h"
#include "reconciler/controller.h"

namespace controllers {

struct UserState {
  std::optional<host::Account> account{};
  host::HomeState home{};
  bool has_work = false;     ///< There is a ~/hero to archive.
  bool is_archived = false;  ///< The archive of this deletion is complete.
};

struct UserOptions {
  std::vector<std::string> managed_groups{};  ///< Groups that herod gives and takes ([accounts].groups).
  std::string member_group = "hero";          ///< Every member is in it; an account outside it is somebody else's.
  std::string shell = "/bin/bash";
};

/// What the User controller needs of the box. All thread-safe; they outlive it.
struct UserSeams {
  host::Accounts& accounts;
  host::Homes& homes;
  host::Archives& archives;
};

/// Keeps a member's account, groups and keys as declared. A removed member's account is expired and ~/hero archived;
/// nothing of the home is deleted.
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
  bool IsOurs(const api::v1::User& object, const host::Account& account) const;
  reconciler::Chain PlanPresence(const api::v1::User& object, const UserState& state) const;
  reconciler::Chain PlanRemoval(const api::v1::User& object, const UserState& state) const;

  const UserSeams seams_;
  const host::BoxPaths paths_;
  const UserOptions options_;
};

/// The authorized_keys that a user's spec asks for.
std::string AuthorizedKeys(const api::v1::UserSpec& spec);

/// `carol-20261120T205851Z.tar.gz`: the same for every try of one removal.
std::string ArchiveName(const api::v1::User& object);

}  // namespace controllers
