#include "reconciler/engine.h"

#include <algorithm>
#include <chrono>

#include "api/codec/text.h"

namespace reconciler {
namespace {

constexpr std::chrono::milliseconds kCacheDeadline{
    1000};  // An embedded cache is there at once, a remote one after a round trip.

}  // namespace

std::optional<Suspension> SuspensionOf(const api::Object& object, api::Time now) {
  const api::Json* suspend = object.body.At({"spec", "suspend"});
  if (!suspend || !suspend->is_object()) return std::nullopt;
  const api::Json* until = suspend->Find("until");
  auto end = api::codec::ParseTime(until ? until->StringOr("") : "");
  if (!end) return Suspension{};
  return *end > now ? std::optional(Suspension{*end}) : std::nullopt;
}

std::string WishPrefix(const api::Object& object) {
  return object.api_version.substr(0, object.api_version.find('/')) + "/";
}

bool IsObserveOnly(const api::Object& object) {
  const auto found = object.metadata.annotations.find(WishPrefix(object) + "observe-only");
  return found != object.metadata.annotations.end() && found->second == "true";
}

void OwnWrites::Note(const Snapshot& written) {
  std::lock_guard lock(mutex_);
  api::ResourceVersion& newest = newest_[written.key.resource];
  newest = std::max(newest, written.resource_version);
}

api::Expected<void> OwnWrites::CatchUp(Informers& informers) const {
  std::map<std::string, api::ResourceVersion> newest;
  {
    std::lock_guard lock(mutex_);
    newest = newest_;
  }
  for (const auto& [resource, revision] : newest) {
    Informer* informer = informers.Find(resource);
    if (!informer) continue;
    if (auto caught_up = informer->CatchUp(revision, kCacheDeadline); !caught_up) return caught_up;
  }
  return {};
}

}  // namespace reconciler
