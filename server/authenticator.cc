#include "server/authenticator.h"

#include <utility>

#include "api/meta/words.h"
#include "server/status.h"

namespace server {
namespace {

constexpr std::size_t kAddressesMax = 1024;  // Whoever comes from more shares one minute.
constexpr std::chrono::minutes kMinute{1};
constexpr std::string_view kScheme = "bearer ";

}  // namespace

api::Expected<Caller> Authenticator::Identify(const Proof& proof) {
  auto caller = Judge(proof.authorization);
  if (caller) {
    caller->address = proof.address;
    return *std::move(caller);
  }
  const std::string address(proof.address);
  if (!MayFail(address)) return TooManyRequests("too many attempts without a token that counts, try again in a minute");
  refusals_.Note(Caller{.address = address}, {.actor = "(nobody)",
                                              .verb = "authenticate",
                                              .target = proof.authorization.empty() ? "no token" : "a token",
                                              .outcome = "Unauthorized"});
  return api::Error{api::Code::kForbidden, "Unauthorized", "Unauthorized"};
}

std::optional<Caller> Authenticator::Judge(std::string_view authorization) const {
  if (authorization.size() < kScheme.size() || api::LowerCase(authorization.substr(0, kScheme.size())) != kScheme)
    return std::nullopt;
  const auto record = tokens_.Find(api::Trimmed(authorization.substr(kScheme.size())));
  return record ? JudgeRecord(*record) : std::nullopt;
}

/// Who the token stands for, if that one is still who it was.
std::optional<Caller> Authenticator::JudgeRecord(const TokenRecord& record) const {
  Caller caller{.uid = kNoAccount, .gid = kNoAccount, .name = record.user};
  if (record.role == "operator") {
    const Caller account =
        server::Identify({.uid = static_cast<uid_t>(record.account.value_or(kNoAccount))}, operators_);
    caller.is_operator = account.is_operator && account.name == record.user;
    return caller.is_operator ? std::optional(std::move(caller)) : std::nullopt;
  }
  caller.is_member = record.role == "member";
  if (caller.is_member && (!record.member_uid || member_(record.user) != record.member_uid)) return std::nullopt;
  return caller;
}

/// Counts one more.
bool Authenticator::MayFail(const std::string& address) {
  const auto now = clock_.SteadyNow();
  const std::lock_guard lock(mutex_);
  if (minutes_.size() >= kAddressesMax && !minutes_.contains(address))
    std::erase_if(minutes_, [&](const auto& entry) { return now - entry.second.began >= kMinute; });
  const std::string& key = minutes_.size() >= kAddressesMax && !minutes_.contains(address) ? std::string() : address;
  Minute& minute = minutes_.try_emplace(key, Minute{.began = now}).first->second;
  if (now - minute.began >= kMinute) minute = {.began = now};
  return ++minute.failures <= kFailuresPerMinute;
}

}  // namespace server
