#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "api/codec/yaml.h"
#include "api/meta/words.h"
#include "client/describe.h"
#include "client/text_table.h"
#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;
using api::codec::TextAt;

constexpr std::chrono::hours kWatchTurn{1};  // How long one wait for the next event is; then comes the next one.

/// Which events are shown, and how.
class EventView {
 public:
  EventView(const Session& session, const Flags& flags) : session_(session), flags_(flags) {}

  /// Errors: UsageError.
  Expected<void> Prepare() {
    const std::string& output = flags_.output;
    if (!output.empty() && output != "json" && output != "yaml" && output != "name")
      return UsageError("-o is one of yaml, json, name, not \"" + output + "\"");
    for (std::string_view rest = flags_.types; !rest.empty();) {
      types_.emplace_back(rest.substr(0, rest.find(',')));
      rest.remove_prefix(std::min(rest.size(), types_.back().size() + 1));
      if (types_.back() != "Normal" && types_.back() != "Warning")
        return UsageError("--types is Normal, Warning, or both with a comma, not \"" + types_.back() + "\"");
    }
    auto kinds = session_.client.Kinds();
    if (!kinds) return kinds.error();
    kinds_ = *std::move(kinds);
    events_ = kinds_->FindResource("events");
    if (!events_) return UsageError("the server has no events");
    return flags_.about.empty() ? Expected<void>() : ReadAbout();
  }

  std::string Path() const { return client::PathOf(*events_, namespace_); }

  bool IsShown(const Json& event) const {
    const std::string type = TextAt(event, {"type"});
    if (!types_.empty() && std::find(types_.begin(), types_.end(), type) == types_.end()) return false;
    if (!about_) return true;
    return TextAt(event, {"involvedObject", "kind"}) == about_->kind &&
           TextAt(event, {"involvedObject", "apiVersion"}) == about_->api_version() &&
           TextAt(event, {"involvedObject", "name"}) == about_name_;
  }

  /// One or several, as they stand in a table that goes on.
  Expected<void> Print(const std::vector<Json>& events) {
    if (flags_.output == "name") {
      for (const Json& event : events) session_.out << NameLine(*events_, TextAt(event, {"metadata", "name"})) << "\n";
    } else if (flags_.output.empty()) {
      auto text = printer_.Print(TableOf(events));
      if (!text) return text.error();
      session_.out << *text;
    } else {
      Json list = Json::Of({{"apiVersion", "v1"}, {"kind", "List"}});
      list["items"] = Json(Json::Array(events));
      session_.out << (flags_.output == "json" ? api::codec::WritePrettyJson(list) : api::codec::WriteYaml(list));
    }
    session_.out << std::flush;
    return {};
  }

 private:
  Expected<void> ReadAbout() {
    const std::size_t slash = flags_.about.find('/');
    if (slash == std::string::npos || slash + 1 == flags_.about.size())
      return UsageError("--for is KIND/NAME, not \"" + flags_.about + "\"");
    about_ = kinds_->FindTyped(std::string_view(flags_.about).substr(0, slash));
    if (!about_)
      return UsageError("the server doesn't have a resource type \"" + flags_.about.substr(0, slash) +
                        "\"; see heroctl kinds");
    about_name_ = api::codec::ObjectNameOf(flags_.about.substr(slash + 1));
    if (!about_->is_namespaced && !flags_.is_everywhere) namespace_ = "default";  // Where their events are.
    return {};
  }

  Json TableOf(const std::vector<Json>& events) const {
    Json::Array columns;
    for (const char* name : {"Last Seen", "Type", "Reason", "Object", "Message"})
      columns.push_back(Json::Of({{"name", name}}));
    Json::Array rows;
    for (const Json& event : events) {
      const auto time = api::codec::ParseTime(TextAt(event, {"lastTimestamp"}));
      const std::string age =
          time ? api::codec::FormatAge(std::chrono::duration_cast<std::chrono::seconds>(session_.clock.Now() - *time))
               : "<unknown>";
      const auto count = api::codec::IntegerAt(event, {"count"}).value_or(1);
      const std::string kind = api::LowerCase(TextAt(event, {"involvedObject", "kind"}));
      Json::Array cells{age + (count > 1 ? " (x" + std::to_string(count) + ")" : ""), TextAt(event, {"type"}),
                        TextAt(event, {"reason"}), kind + "/" + TextAt(event, {"involvedObject", "name"}),
                        TextAt(event, {"message"})};
      rows.push_back(Json::Of({{"cells", Json(std::move(cells))}, {"object", event}}));
    }
    return Json::Of({{"columnDefinitions", Json(std::move(columns))}, {"rows", Json(std::move(rows))}});
  }

  const Session& session_;
  const Flags& flags_;
  std::vector<std::string> types_{};  // Empty: all.
  std::shared_ptr<const api::schema::Catalog> kinds_{};
  api::schema::KindPtr events_{};
  api::schema::KindPtr about_{};  // Null: of everything.
  std::string about_name_{};
  std::string namespace_ = flags_.is_everywhere ? "" : api::codec::ObjectNameOf(flags_.namespace_);
  client::TablePrinter printer_{{.has_namespaces = flags_.is_everywhere,
                                 .has_header = !flags_.has_no_headers,
                                 .has_colour = session_.is_terminal}};
};

/// Shows what comes after `version` until the server ends the watch, which is no failure.
Expected<void> Follow(const Session& session, EventView& view, const std::string& version) {
  auto lines = session.client.Follow(view.Path() + client::QueryOf({{"watch", "true"}, {"resourceVersion", version}}),
                                     "application/json");
  if (!lines) return lines.error();
  for (;;) {
    auto line = (*lines)->Next(kWatchTurn, {});
    if (!line && line.error().reason == "StreamEnded") return {};
    if (!line) return line.error();
    if (!*line) continue;
    const auto frame = api::codec::ParseJson(**line, {.bytes_max = (*line)->size(), .depth_max = 70});
    const Json* event = frame ? frame->Find("object") : nullptr;
    if (!event) return api::Error{api::Code::kInternal, "MalformedAnswer", "the server sent no watch event"};
    const std::string type = TextAt(*frame, {"type"});
    if (type == "ERROR") return client::ErrorOfStatus(*event);
    if (type == "DELETED" || !view.IsShown(*event)) continue;  // Old ones are swept away: no news.
    if (auto printed = view.Print({*event}); !printed) return printed;
  }
}

Expected<void> Events(const Session& session, const Flags& flags) {
  EventView view(session, flags);
  if (auto prepared = view.Prepare(); !prepared) return prepared;
  auto list = session.client.Fetch(view.Path());
  if (!list) return list.error();
  std::vector<Json> events;
  if (Json* items = list->Find("items"); items && items->array())
    for (Json& item : *items->array())
      if (view.IsShown(item)) events.push_back(std::move(item));
  client::SortEvents(events);
  if (events.empty() && flags.output.empty() && !flags.is_watch) session.err << "No events found.\n";
  const bool is_list = flags.output == "json" || flags.output == "yaml";
  if (!events.empty() || (is_list && !flags.is_watch))
    if (auto printed = view.Print(events); !printed) return printed;
  return flags.is_watch ? Follow(session, view, TextAt(*list, {"metadata", "resourceVersion"})) : Expected<void>();
}

}  // namespace

int RunEvents(const Session& session, const Flags& flags) {
  const auto done = Events(session, flags);
  return done ? 0 : Fail(session, done.error());
}

}  // namespace heroctl
