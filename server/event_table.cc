#include "server/event_table.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "api/meta/words.h"
#include "api/schema/schema.h"

namespace server {
namespace {

using api::Json;

struct Column {
  const char* name;
  const char* description;
  int priority;
};

constexpr Column kColumns[] = {
    {"Last Seen", "The time at which the most recent occurrence of this event was recorded.", 0},
    {"Type", "Type of this event (Normal, Warning), new types could be added in the future", 0},
    {"Reason", "A short word for why the object went into its present state.", 0},
    {"Object", "The object that this event is about.", 0},
    {"Subobject", "The part of the object that this event is about.", 1},
    {"Source", "The component that reports this event.", 1},
    {"Message", "What happened, for people.", 0},
    {"First Seen", "The time at which the event was first recorded.", 1},
    {"Count", "The number of times this event has occurred.", 1},
    {"Name", "The name of the event.", 1},
};

std::string TextAt(const Json& event, std::initializer_list<std::string_view> path) {
  const Json* found = event.At(path);
  return found ? found->StringOr("") : "";
}

std::string AgeSince(const std::string& time, api::Time now) {
  const api::schema::PrinterColumn column{.type = "date", .json_path = ".t"};
  return api::schema::Cell(column, Json::Of({{"t", time}}), now);
}

/// The first of them that says something.
std::string FirstOf(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts)
    if (!text.empty()) return text;
  return "";
}

/// `slot/alice`
std::string ObjectOf(const Json& event) {
  const std::string text = api::LowerCase(TextAt(event, {"involvedObject", "kind"}));
  const std::string name = TextAt(event, {"involvedObject", "name"});
  return name.empty() ? text : text + "/" + name;
}

/// `component, instance`
std::string SourceOf(const Json& event) {
  std::string component = TextAt(event, {"source", "component"});
  std::string instance = TextAt(event, {"source", "host"});
  if (component.empty()) {
    component = TextAt(event, {"reportingComponent"});
    instance = TextAt(event, {"reportingInstance"});
  }
  return instance.empty() ? component : component + ", " + instance;
}

Json CountOf(const Json& event) {
  const Json* in_series = event.At({"series", "count"});
  const Json* count = in_series ? in_series : event.Find("count");
  return count && count->is_integer() && *count->integer() > 0 ? *count : Json(1);
}

}  // namespace

Json EventColumns() {
  Json::Array columns;
  for (const Column& column : kColumns)
    columns.push_back(Json::Of({{"name", column.name},
                                {"type", "string"},
                                {"format", ""},
                                {"description", column.description},
                                {"priority", column.priority}}));
  return Json(std::move(columns));
}

Json EventCells(const Json& event, api::Time now) {
  const std::string first = FirstOf({TextAt(event, {"firstTimestamp"}), TextAt(event, {"eventTime"})});
  const std::string last =
      FirstOf({TextAt(event, {"series", "lastObservedTime"}), TextAt(event, {"lastTimestamp"}), first});
  return Json(Json::Array{AgeSince(last, now), TextAt(event, {"type"}), TextAt(event, {"reason"}), ObjectOf(event),
                          TextAt(event, {"involvedObject", "fieldPath"}), SourceOf(event),
                          std::string(api::Trimmed(TextAt(event, {"message"}))), AgeSince(first, now), CountOf(event),
                          TextAt(event, {"metadata", "name"})});
}

}  // namespace server
