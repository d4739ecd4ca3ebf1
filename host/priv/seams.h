#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "host/accounts.h"
#include "host/homes.h"
#include "host/priv/client.h"
#include "host/sessions.h"
#include "host/work.h"

/// The seams of a real box as herod sees them: each call is a question to herod-priv. Thread-safe; the client outlives
/// them. What any of them may say beside its interface: kUnavailable when herod-priv does not answer.
namespace host::priv {

/// The member of a home. Errors: kInvalid for a path that is not /home and a member's name.
api::Expected<std::string> MemberOf(std::string_view home);

class PrivAccounts final : public Accounts {
 public:
  explicit PrivAccounts(Client& client) : client_(client) {}

  /// Errors also: kInvalid for what is no member's name.
  api::Expected<std::optional<Account>> Find(std::string_view name) const override;
  api::Expected<Account> Ensure(const AccountWish& wish) override;

 private:
  Client& client_;
};

/// Looks that are asked for at the same time share a packet: of a rescan each costs a share of a round trip.
class PrivHomes final : public Homes {
 public:
  explicit PrivHomes(Client& client) : client_(client) {}

  api::Expected<HomeState> Look(std::string_view home) const override;
  api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) override;
  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override;

 private:
  struct Question {
    std::string name{};
    std::optional<api::Expected<HomeState>> answer{};
  };

  std::vector<api::Expected<HomeState>> AskAll(std::vector<std::string> names) const;

  Client& client_;
  mutable std::mutex mutex_;
  mutable std::condition_variable answered_;
  // Guarded by mutex_.
  mutable std::deque<Question*> waiting_;  // They live in Look. Only who asks takes from the front.
  mutable bool is_asking_ = false;
};

class PrivWork final : public Work {
 public:
  explicit PrivWork(Client& client) : client_(client) {}

  api::Expected<bool> IsThere(std::string_view home) const override;
  /// Errors also: kConflict unless the account is expired.
  api::Expected<Packed> Pack(std::string_view home, int descriptor, std::stop_token stop) override;

 private:
  Client& client_;
};

class PrivSessions final : public Sessions {
 public:
  explicit PrivSessions(Client& client) : client_(client) {}

  api::Expected<SessionsState> Look(std::string_view name) const override;
  api::Expected<void> End(std::string_view name) override;
  api::Expected<void> DropJobs(std::string_view name) override;

 private:
  Client& client_;
};

}  // namespace host::priv
