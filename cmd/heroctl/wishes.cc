// What is asked of the daemon through an object: to look at it now, to leave it alone, to go on.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "api/codec/text.h"
#include "client/wait.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"
#include "reconciler/engine.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;
using api::ObjectKey;
using reconciler::FieldValidation;

constexpr std::string_view kReconcileWish = "reconcile-requested-at";

/// Who asks, of what: objects whose kinds are known.
struct Wished {
  AskedObjects objects{};
  std::vector<ObjectKey> keys{};

  std::string NameOf(const ObjectKey& key) const {
    return NameLine(*objects.kinds->FindResource(key.resource), key.name);
  }
};

Expected<Wished> ReadWished(const Session& session, const Flags& flags) {
  auto objects = ReadObjects(session, flags);
  if (!objects) return objects.error();
  auto keys = ReadKeys(session, flags, *objects);
  if (!keys) return keys.error();
  if (keys->empty()) return UsageError("no matching resources found");
  return Wished{*std::move(objects), *std::move(keys)};
}

/// A merge patch of the spec's `suspend`. Strict: a kind that cannot be suspended must not drop it without a word.
Expected<reconciler::Written> PatchSuspend(const Session& session, const ObjectKey& key, Json suspend) {
  auto written = session.client.Patch(key, Json::Of({{"spec", Json::Of({{"suspend", std::move(suspend)}})}}),
                                      {.field_validation = FieldValidation::kStrict});
  const bool is_unknown =
      !written && written.error().message.find("unknown field \"spec.suspend\"") != std::string::npos;
  if (is_unknown) return UsageError(ToString(key) + " cannot be suspended: its kind has no spec.suspend");
  return written;
}

/// Whether the engine leaves the object alone now.
bool IsSuspended(const Session& session, const reconciler::Snapshot& snapshot) {
  const auto object = api::codec::ParseObject(snapshot.text);
  return object && reconciler::SuspensionOf(*object, session.clock.Now());
}

}  // namespace

int RunReconcile(const Session& session, const Flags& flags) {
  const auto timeout = ReadTimeout(flags, "5m");
  if (!timeout) return Fail(session, timeout.error());
  const auto wished = ReadWished(session, flags);
  if (!wished) return Fail(session, wished.error());
  const std::string wish(kReconcileWish);
  const std::string now = api::codec::FormatMicroTime(session.clock.Now());
  const Json patch = Json::Of({{"metadata", Json::Of({{"annotations", Json::Of({{"hero.dev/" + wish, now}})}})}});
  for (const ObjectKey& key : wished->keys) {
    const auto written = session.client.Patch(key, patch, {});
    if (!written) return Fail(session, written.error());
    if (IsSuspended(session, *written->object))
      return Fail(session, UsageError(wished->NameOf(key) + " is suspended and not looked at; see heroctl resume"));
    session.out << wished->NameOf(key) << " reconcile requested" << std::endl;
  }
  if (!flags.waits) return 0;
  const client::WaitFor handled{
      .what = client::WaitFor::What::kPath, .path = "{.status.handled['" + wish + "']}", .value = now};
  const auto waited = client::WaitUntil(
      session.client, wished->keys, handled, *timeout, session.clock, {},
      [&](const ObjectKey& key) { session.out << wished->NameOf(key) << " reconciled" << std::endl; });
  return waited ? 0 : Fail(session, waited.error());
}

int RunSuspend(const Session& session, const Flags& flags) {
  Json suspend = Json::Of({{"reason", flags.reason.empty() ? Json() : Json(flags.reason)},
                           {"actor", session.user},
                           {"until", Json()}});  // What an earlier suspension set is not left standing.
  std::string until;
  if (!flags.suspended_for.empty()) {
    const auto length = api::codec::ParseDuration(flags.suspended_for);
    if (!length) return Fail(session, UsageError("--for: " + length.error().message));
    until = api::codec::FormatTime(session.clock.Now() + *length);
    suspend["until"] = until;
  }
  const auto wished = ReadWished(session, flags);
  if (!wished) return Fail(session, wished.error());
  for (const ObjectKey& key : wished->keys) {
    const auto written = PatchSuspend(session, key, suspend);
    if (!written) return Fail(session, written.error());
    session.out << wished->NameOf(key) << " suspended" << (until.empty() ? "" : " until " + until) << std::endl;
  }
  return 0;
}

int RunResume(const Session& session, const Flags& flags) {
  const auto wished = ReadWished(session, flags);
  if (!wished) return Fail(session, wished.error());
  for (const ObjectKey& key : wished->keys) {
    const auto before = session.client.Get(key);
    if (!before) return Fail(session, before.error());
    const auto written = PatchSuspend(session, key, Json());
    if (!written) return Fail(session, written.error());
    const bool is_changed = written->object->resource_version != (*before)->resource_version;
    session.out << wished->NameOf(key) << (is_changed ? " resumed" : " was not suspended") << std::endl;
  }
  return 0;
}

}  // namespace heroctl
