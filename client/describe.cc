#include "client/describe.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <tuple>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "client/apply.h"
#include "client/text_table.h"

namespace client {
namespace {

using api::Json;
using api::codec::PrintableAt;

constexpr std::size_t kIndent = 2;
constexpr std::size_t kValueColumn = 14;  // Where kubectl's values begin: the longest common key is `Annotations:`.

/// `displayName` becomes `Display Name`.
std::string Title(std::string_view key) {
  std::string title;
  for (const char c : key) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (title.empty() && c >= 'a' && c <= 'z') {
      title += static_cast<char>(c - 'a' + 'A');
      continue;
    }
    if (is_upper && !title.empty()) title += ' ';
    title += c;
  }
  return api::codec::Printable(title);
}

std::string Scalar(const Json& value) {
  if (value.is_null() || ((value.is_object() || value.is_array()) && value.size() == 0)) return "<none>";
  return value.string() ? api::codec::Printable(*value.string()) : api::codec::WriteJson(value);
}

std::string Line(std::size_t depth, const std::string& key, const std::string& value) {
  std::string line = std::string(depth * kIndent, ' ') + key + ":";
  if (value.empty()) return line + "\n";
  line.append(depth == 0 && line.size() < kValueColumn ? kValueColumn - line.size() : 2, ' ');
  return line + value + "\n";
}

/// Labels and annotations: their keys are somebody's words and stay as they are.
std::string Words(const std::string& key, const Json& map) {
  if (!map.object() || map.size() == 0) return Line(0, key, "<none>");
  std::string text = Line(0, key, "");
  for (const Json::Member& member : *map.object())
    text += Line(1, api::codec::Printable(member.key), Scalar(member.value));
  return text;
}

/// A value as an outline below its key. Nothing here is deeper than the codec allows an object to be.
std::string Outline(std::size_t depth, const std::string& key, const Json& value) {
  if (value.size() == 0) return Line(depth, key, Scalar(value));
  std::string text = Line(depth, key, "");
  if (value.object()) {
    for (const Json::Member& member : *value.object()) text += Outline(depth + 1, Title(member.key), member.value);
    return text;
  }
  for (const Json& element : *value.array()) {
    if (element.is_object()) {
      for (const Json::Member& member : *element.object()) text += Outline(depth + 1, Title(member.key), member.value);
      if (&element != &value.array()->back()) text += std::string((depth + 1) * kIndent, ' ') + "---\n";
    } else {
      text += std::string((depth + 1) * kIndent, ' ') + Scalar(element) + "\n";
    }
  }
  return text;
}

std::string AgeOf(const Json& json, std::initializer_list<std::string_view> path, api::Time now) {
  const auto time = api::codec::ParseTime(api::codec::TextAt(json, path));
  if (!time) return "<unknown>";
  return api::codec::FormatAge(std::chrono::duration_cast<std::chrono::seconds>(now - *time));
}

/// A table below a heading, moved in by its rows.
std::string Section(const std::string& heading, const std::vector<std::vector<std::string>>& rows) {
  std::string text = heading + ":\n";
  std::string table = AlignColumns(rows);
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = table.find('\n', begin) + 1;
    text.append(kIndent, ' ').append(table, begin, end - begin);
    begin = end;
  }
  return text;
}

std::string Conditions(const Json& conditions, api::Time now) {
  std::vector<std::vector<std::string>> rows{{"Type", "Status", "Reason", "Changed", "Message"}};
  for (const Json& condition : *conditions.array())
    rows.push_back({PrintableAt(condition, {"type"}), PrintableAt(condition, {"status"}),
                    PrintableAt(condition, {"reason"}), AgeOf(condition, {"lastTransitionTime"}, now),
                    PrintableAt(condition, {"message"})});
  return Section("Conditions", rows);
}

std::string Events(std::vector<Json> events, api::Time now) {
  if (events.empty()) return Line(0, "Events", "<none>");
  SortEvents(events);
  std::vector<std::vector<std::string>> rows{{"Type", "Reason", "Age", "From", "Message"}};
  for (const Json& event : events) {
    std::string age = AgeOf(event, {"lastTimestamp"}, now);
    if (const auto count = api::codec::IntegerAt(event, {"count"}).value_or(1); count > 1)
      age += " (x" + std::to_string(count) + ")";
    rows.push_back({PrintableAt(event, {"type"}), PrintableAt(event, {"reason"}), std::move(age),
                    PrintableAt(event, {"source", "component"}), PrintableAt(event, {"message"})});
  }
  return Section("Events", rows);
}

}  // namespace

std::string Describe(const Json& object, const std::vector<Json>& events, api::Time now) {
  const Json none = Json::EmptyObject();
  const auto part = [&](std::initializer_list<std::string_view> path) -> const Json& {
    const Json* found = object.At(path);
    return found ? *found : none;
  };
  std::string text = Line(0, "Name", Scalar(part({"metadata", "name"})));
  if (object.At({"metadata", "namespace"})) text += Line(0, "Namespace", Scalar(part({"metadata", "namespace"})));
  text += Line(0, "Kind", Scalar(part({"kind"})) + " (" + Scalar(part({"apiVersion"})) + ")");
  text += Line(0, "Created", AgeOf(object, {"metadata", "creationTimestamp"}, now) + " ago");
  if (object.At({"metadata", "deletionTimestamp"}))
    text += Line(0, "Deleting", "since " + AgeOf(object, {"metadata", "deletionTimestamp"}, now));
  text += Words("Labels", part({"metadata", "labels"}));
  Json annotations = part({"metadata", "annotations"});
  annotations.Erase(kLastApplied);  // Says again what stands below.
  text += Words("Annotations", annotations);
  if (object.At({"metadata", "finalizers"})) text += Outline(0, "Finalizers", part({"metadata", "finalizers"}));
  text += Outline(0, "Spec", part({"spec"}));
  Json status = part({"status"});
  const Json conditions = status.Find("conditions") ? *status.Find("conditions") : Json();
  if (conditions.array()) status.Erase("conditions");
  text += Outline(0, "Status", status);
  if (conditions.size() > 0 && conditions.array()) text += Conditions(conditions, now);
  return text + Events(events, now);
}

bool IsAbout(const Json& event, const Json& object) {
  const Json* uid = object.At({"metadata", "uid"});
  const Json* about = event.At({"involvedObject", "uid"});
  return uid && about && *uid == *about;
}

void SortEvents(std::vector<Json>& events) {
  const auto place = [](const Json& event) {
    const std::string version = api::codec::TextAt(event, {"metadata", "resourceVersion"});
    const std::size_t digits = version.size();  // Before the text, so that they are compared as a number.
    return std::tuple(api::codec::TextAt(event, {"lastTimestamp"}), digits, version);
  };
  std::stable_sort(events.begin(), events.end(), [&](const Json& a, const Json& b) { return place(a) < place(b); });
}

}  // namespace client
