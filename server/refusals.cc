#include "server/refusals.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace server {
namespace {

constexpr std::size_t kAccountsMax = 1024;  // More than a box has; who makes up more shares one minute.
constexpr const char* kAnybody = "anybody";

/// Whose minute it counts into.
std::string KeyOf(const Caller& peer) {
  if (peer.address.empty()) return "uid " + std::to_string(peer.uid);
  return peer.name.empty() ? "address " + peer.address : "name " + peer.name;
}

}  // namespace

void Refusals::Note(const Caller& peer, What what) {
  const auto reason = Admit(KeyOf(peer));
  if (!reason) return;
  audit_.Write({.time = clock_.Now(),
                .actor = std::move(what.actor),
                .verb = std::move(what.verb),
                .target = std::move(what.target),
                .reason = *reason,
                .outcome = std::move(what.outcome),
                .from = PlaceOf(peer)});
}

/// What is to be said beside the line; no value: there have been enough.
std::optional<std::string> Refusals::Admit(std::string key) {
  const auto now = clock_.SteadyNow();
  const auto is_over = [&](const auto& entry) { return now - entry.second.began >= std::chrono::minutes(1); };
  const std::lock_guard lock(mutex_);
  if (minutes_.size() >= kAccountsMax && !minutes_.contains(key)) {
    std::erase_if(minutes_, is_over);
    if (minutes_.size() >= kAccountsMax) key = kAnybody;
  }
  Minute& minute = minutes_.try_emplace(key, Minute{.began = now}).first->second;
  std::int64_t left_out = 0;
  if (now - minute.began >= std::chrono::minutes(1)) left_out = std::exchange(minute, {.began = now}).left_out;
  if (minute.written == kPerMinute) {
    ++minute.left_out;
    return std::nullopt;
  }
  ++minute.written;
  if (minute.written == kPerMinute) return "the last one of this minute that is written";
  return left_out == 0 ? "" : "after " + std::to_string(left_out) + " that were not written";
}

}  // namespace server
