#include "client/describe.h"

#include <string>
#include <vector>

#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
namespace {

using api::Json;

/// The events about an object. A server without events has none to show; that is no reason not to show the object.
std::vector<Json> EventsOf(const Session& session, const AskedObjects& objects, const Json& object) {
  std::vector<Json> events;
  const api::schema::KindPtr kind = objects.kinds->FindResource("events");
  if (!kind) return events;
  const Json* namespace_ = object.At({"metadata", "namespace"});
  const auto list = session.client.Fetch(client::PathOf(*kind, namespace_ ? namespace_->StringOr("") : "default"));
  const Json* items = list ? list->Find("items") : nullptr;
  if (!items || !items->array()) return events;
  for (const Json& event : *items->array())
    if (client::IsAbout(event, object)) events.push_back(event);
  return events;
}

}  // namespace

int RunDescribe(const Session& session, const Flags& flags) {
  const auto objects = ReadObjects(session, flags);
  if (!objects) return Fail(session, objects.error());
  bool is_first = true;
  for (const Asked& asked : objects->asked) {
    const auto fetched = FetchObjects(session, flags, asked);
    if (!fetched) return Fail(session, fetched.error());
    for (const Json& object : *fetched) {
      if (!is_first) session.out << "\n\n";
      is_first = false;
      session.out << client::Describe(object, EventsOf(session, *objects, object), session.clock.Now());
    }
  }
  if (is_first) session.err << "No resources found.\n";
  return 0;
}

}  // namespace heroctl
