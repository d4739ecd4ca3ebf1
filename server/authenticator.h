#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "server/access.h"
#include "server/caller.h"
#include "server/listener.h"
#include "server/refusals.h"
#include "server/tokens.h"

namespace server {

/// Says who asks over the network. A token counts as long as its user does: a member who leaves or is deactivated, and
/// an operator whose account loses its group, ends all of theirs at once. Thread-safe.
class Authenticator {
 public:
  static constexpr int kFailuresPerMinute = 30;  ///< Of one address; a person's client tries a few times.

  /// All outlive this.
  Authenticator(const Tokens& tokens, Operators operators, MemberLookup member, Refusals& refusals,
                const host::Clock& clock)
      : tokens_(tokens),
        operators_(std::move(operators)),
        member_(std::move(member)),
        refusals_(refusals),
        clock_(clock) {}

  /// Errors: `Unauthorized`, always in the same words; `TooManyRequests` when that address was refused too often. One
  /// whose token counts is never refused, whatever others do from the same address.
  api::Expected<Caller> Identify(const Proof& proof);

 private:
  struct Minute {
    std::chrono::steady_clock::time_point began{};
    int failures = 0;
  };

  std::optional<Caller> Judge(std::string_view authorization) const;
  std::optional<Caller> JudgeRecord(const TokenRecord& record) const;
  bool MayFail(const std::string& address);

  const Tokens& tokens_;
  const Operators operators_;
  const MemberLookup member_;
  Refusals& refusals_;
  const host::Clock& clock_;

  std::mutex mutex_;
  std::map<std::string, Minute> minutes_;  // Guarded by mutex_. By address.
};

}  // namespace server
