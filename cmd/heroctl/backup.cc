// What no git has: the numbers that were given to members. Written to a file, and brought to a new box.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/object.h"
#include "api/codec/yaml.h"
#include "api/v1/uid_reservation.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/sources.h"
#include "host/linux/files.h"

namespace heroctl {
namespace {

using api::Error;
using api::Expected;
using api::v1::UidReservation;

constexpr const char* kHeading =
    "# The numbers of this box's members, by heroctl backup. For a new box, before it follows hero_team:\n"
    "#   herod --observe-only …; heroctl restore FILE; then herod without --observe-only\n";

Expected<std::vector<UidReservation>> ReservationsOf(const Session& session) {
  auto list = session.client.List(api::ResourceName(UidReservation::kInfo));
  if (!list) return list.error();
  std::vector<UidReservation> reservations;
  for (const reconciler::SnapshotPtr& snapshot : list->items) {
    auto object = api::codec::ParseObject(snapshot->text);
    auto one = object ? api::codec::FromObject<UidReservation>(*object) : Expected<UidReservation>(object.error());
    if (!one) return one.error();
    reservations.push_back(*std::move(one));
  }
  return reservations;
}

Expected<UidReservation> ReservationIn(const client::Document& document) {
  if (!document.object) return document.object.error();
  auto object = api::codec::ObjectFromJson(*document.object);
  if (!object) return object.error().Within(document.place);
  const bool is_ours = object->kind == UidReservation::kInfo.kind &&
                       object->api_version == api::codec::ApiVersionOf(UidReservation::kInfo);
  if (!is_ours) return UsageError(document.place + ": is no UidReservation; heroctl backup writes nothing else");
  auto one = api::codec::FromObject<UidReservation>(*object);
  if (!one) return one.error().Within(document.place);
  return one;
}

/// Who has which number, whoever came first.
class Given {
 public:
  /// False: exactly that is known already. Errors: kConflict, with both that want to have it.
  Expected<bool> Add(const UidReservation& one, const std::string& where) {
    const std::string text = std::to_string(one.spec.uid) + " for " + one.spec.user + " (" + where + ")";
    const auto [by_user, is_new_user] = by_user_.try_emplace(one.spec.user, one.spec.uid, text);
    const auto [by_uid, is_new_uid] = by_uid_.try_emplace(one.spec.uid, one.spec.user, text);
    if (by_user->second.first == one.spec.uid && by_uid->second.first == one.spec.user)
      return is_new_user && is_new_uid;
    const std::string& other = by_user->second.first == one.spec.uid ? by_uid->second.second : by_user->second.second;
    return Error{api::Code::kConflict, "Conflict",
                 text + " does not go with " + other + ": a number is given once; nothing was restored"};
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::string>> by_user_;  // With the text that says where.
  std::map<std::int64_t, std::pair<std::string, std::string>> by_uid_;
};

/// What the documents have and the box has not. Errors: the first thing that does not go together.
Expected<std::vector<api::Object>> Missing(const Session& session, const std::vector<client::Document>& documents) {
  const auto there = ReservationsOf(session);
  if (!there) return there.error();
  Given given;
  for (const UidReservation& one : *there)
    if (auto added = given.Add(one, "on this box"); !added) return added.error();
  std::vector<api::Object> missing;
  for (const client::Document& document : documents) {
    const auto one = ReservationIn(document);
    if (!one) return one.error();
    const auto is_new = given.Add(*one, document.place);
    if (!is_new) return is_new.error();
    if (*is_new)
      missing.push_back(
          api::codec::ToObject(UidReservation{.metadata = {.name = one->metadata.name}, .spec = one->spec}));
  }
  return missing;
}

}  // namespace

int RunBackup(const Session& session, const Flags& flags) {
  const auto reservations = ReservationsOf(session);
  if (!reservations) return Fail(session, reservations.error());
  std::string text = kHeading;
  for (const UidReservation& one : *reservations) {
    const UidReservation bare{.metadata = {.name = one.metadata.name}, .spec = one.spec};
    api::Json json = api::codec::ObjectToJson(api::codec::ToObject(bare));
    json.Erase("status");
    text += "---\n" + api::codec::WriteYaml(json);
  }
  const std::string& file = flags.objects.front();
  if (auto written = host::linux::ReplaceFile(file, text, 0600); !written) return Fail(session, written.error());
  session.out << file << ": " << reservations->size() << " numbers" << std::endl;
  return 0;
}

int RunRestore(const Session& session, const Flags& flags) {
  Flags source = flags;
  source.files = flags.objects;
  const auto documents = ReadSources(session, source);
  if (!documents) return Fail(session, documents.error());
  auto missing = Missing(session, *documents);
  if (!missing) return Fail(session, missing.error());
  const std::size_t restored = missing->size();
  for (const auto& written : session.client.WriteAll(*std::move(missing), {}))
    if (!written) return Fail(session, written.error());
  session.out << restored << " numbers restored, " << documents->size() - restored << " were there" << std::endl;
  return 0;
}

}  // namespace heroctl
