#include <algorithm>
#include <string>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/meta/words.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;

constexpr std::size_t kDigitsMin = 8;  // What people copy; fewer could mean others tomorrow.
constexpr std::size_t kDigits = 64;    // Of a SHA-256.
const std::string kApprovals = "approvals.hero.dev";

Expected<std::string> ReadHash(const std::string& typed) {
  const std::string hash = api::LowerCase(typed);
  const bool is_hex = hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex || hash.size() < kDigitsMin || hash.size() > kDigits)
    return UsageError("\"" + typed +
                      "\" is no hash of held steps: 8 to 64 digits of 0-9 and a-f; see heroctl get approvals");
  return hash;
}

/// An answer that is there before its question: what waits for it may be planned on another box, or not yet.
Expected<std::string> ApproveAhead(const Session& session, const api::schema::Kind& kind, const std::string& hash) {
  const Json approval = Json::Of({{"apiVersion", kind.api_version()},
                                  {"kind", kind.kind},
                                  {"metadata", Json::Of({{"name", hash}})},
                                  {"spec", Json::Of({{"approved", true}})}});
  const auto created = session.client.CreateFrom(kind, "", approval, {});
  if (!created) return created.error();
  return NameLine(kind, hash) + " approved; no steps with that hash wait yet\n";
}

/// What was approved, for the eyes of whoever did it.
std::string StepsOf(const Json& approval) {
  std::string text;
  const Json* steps = approval.At({"spec", "steps"});
  if (!steps || !steps->array()) return text;
  for (const Json& step : *steps->array()) {
    text += " ";
    for (const char* part : {"verb", "target"}) {
      const Json* word = step.Find(part);
      text += " " + api::codec::Printable(word ? word->StringOr("") : "");
    }
    const Json* reason = step.Find("reason");
    text += reason && !reason->StringOr("").empty() ? ": " + api::codec::Printable(reason->StringOr("")) + "\n" : "\n";
  }
  return text;
}

Expected<std::string> Approve(const Session& session, const std::string& typed) {
  const auto hash = ReadHash(typed);
  if (!hash) return hash.error();
  const auto kinds = session.client.Kinds();
  if (!kinds) return kinds.error();
  const api::schema::KindPtr kind = (*kinds)->FindResource(kApprovals);
  if (!kind) return UsageError("the server has no approvals: its herod is older than this heroctl");
  auto list = session.client.List(kApprovals);
  if (!list) return list.error();
  std::erase_if(list->items, [&](const auto& item) { return !item->key.name.starts_with(*hash); });
  if (list->items.size() > 1)
    return UsageError(std::to_string(list->items.size()) + " hashes begin with " + *hash +
                      "; give more digits, see heroctl get approvals");
  if (list->items.empty() && hash->size() == kDigits) return ApproveAhead(session, *kind, *hash);
  if (list->items.empty())
    return UsageError("no held steps have a hash that begins with " + *hash +
                      "; see heroctl get approvals. Before they are held, all 64 digits are needed");
  const reconciler::SnapshotPtr& found = list->items.front();
  const auto written = session.client.Patch(found->key, Json::Of({{"spec", Json::Of({{"approved", true}})}}), {});
  if (!written) return written.error();
  const auto approval = api::codec::ParseJson(written->object->text);
  const bool is_new = written->object->resource_version != found->resource_version;
  return NameLine(*kind, found->key.name) + (is_new ? " approved\n" : " was approved before\n") +
         (approval ? StepsOf(*approval) : "");
}

}  // namespace

int RunApprove(const Session& session, const Flags& flags) {
  if (flags.objects.size() != 1) return Fail(session, UsageError("approve takes one hash; see heroctl get approvals"));
  const auto said = Approve(session, flags.objects.front());
  if (!said) return Fail(session, said.error());
  session.out << *said;
  return 0;
}

}  // namespace heroctl
