#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "api/codec/yaml.h"
#include "client/engine_text.h"
#include "client/path_template.h"
#include "client/text_table.h"
#include "client/wire_format.h"
#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;
using api::codec::TextAt;
using Query = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kTemplatePrefix = "jsonpath=";
constexpr std::chrono::hours kWatchTurn{1};  // How long one wait for the next event is; then comes the next one.
const std::string kAsTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

bool IsTable(const Flags& flags) { return flags.output.empty() || flags.output == "wide"; }

Expected<void> CheckFlags(const Flags& flags) {
  const bool is_known = IsTable(flags) || flags.output == "yaml" || flags.output == "json" || flags.output == "name" ||
                        flags.output.starts_with(kTemplatePrefix);
  if (is_known) return {};
  return UsageError("-o is one of wide, yaml, json, name, jsonpath=TEMPLATE, not \"" + flags.output + "\"");
}

/// Without who wrote which field, which is long and says nothing to most.
Json ForPeople(Json value) {
  if (Json* metadata = value.Find("metadata")) metadata->Erase("managedFields");
  if (Json* items = value.Find("items"); items && items->array())
    for (Json& item : *items->array())
      if (Json* metadata = item.Find("metadata")) metadata->Erase("managedFields");
  return value;
}

/// One value, an object or a list of them, as -o wants it.
Expected<std::string> Format(const Flags& flags, const Json& given) {
  const Json value = ForPeople(given);
  if (flags.output == "json") return api::codec::WritePrettyJson(value);
  if (flags.output == "yaml") return api::codec::WriteYaml(value);
  return client::ExpandTemplate(value, std::string_view(flags.output).substr(kTemplatePrefix.size()));
}

Expected<void> PrintObjects(const Session& session, const Flags& flags, const AskedObjects& objects) {
  Json::Array all;
  for (const Asked& asked : objects.asked) {
    auto fetched = FetchObjects(session, flags, asked);
    if (!fetched) return fetched.error();
    for (Json& object : *fetched) {
      if (flags.output == "name") session.out << NameLine(*asked.kind, TextAt(object, {"metadata", "name"})) << "\n";
      all.push_back(std::move(object));
    }
  }
  if (flags.output == "name") return {};
  Json shown;
  if (objects.asked.size() == 1 && objects.asked.front().names.size() == 1) {
    shown = std::move(all.front());
  } else {
    shown = Json::Of({{"apiVersion", "v1"}, {"kind", "List"}, {"metadata", Json::Of({{"resourceVersion", ""}})}});
    shown["items"] = Json(std::move(all));
  }
  auto text = Format(flags, shown);
  if (!text) return text.error();
  session.out << *text;
  return {};
}

/// The table of one kind; of named objects the rows of their tables together.
Expected<Json> FetchTable(const Session& session, const Flags& flags, const Asked& asked) {
  const std::string namespace_ = NamespaceFor(*asked.kind, flags);
  if (asked.names.empty()) {
    Query query;
    if (!flags.selector.empty()) query.emplace_back("labelSelector", flags.selector);
    return session.client.Fetch(client::PathOf(*asked.kind, namespace_) + client::QueryOf(query), kAsTable);
  }
  Json table;
  for (const std::string& name : asked.names) {
    auto one = session.client.Fetch(client::PathOf(*asked.kind, namespace_, name), kAsTable);
    if (!one) return one.error();
    Json* rows = one->Find("rows");
    if (table.is_null())
      table = *std::move(one);
    else if (rows && rows->array())
      for (Json& row : *rows->array()) table["rows"].Append(std::move(row));
  }
  return table;
}

/// The place of the names in a table's rows. None: events have no names to speak of.
std::optional<std::size_t> NameColumn(const Json& table) {
  const Json* columns = table.Find("columnDefinitions");
  for (std::size_t i = 0; columns && columns->array() && i < columns->size(); ++i)
    if (TextAt((*columns->array())[i], {"format"}) == "name") return i;
  return std::nullopt;
}

/// With several kinds each name says of which one it is.
void QualifyNames(const api::schema::Kind& kind, Json& table) {
  const auto column = NameColumn(table);
  Json* rows = table.Find("rows");
  if (!column || !rows || !rows->array()) return;
  for (Json& row : *rows->array()) {
    Json* cells = row.Find("cells");
    if (!cells || !cells->array() || cells->size() <= *column) continue;
    Json& name = (*cells->array())[*column];
    name = NameLine(kind, name.StringOr(""));
  }
}

client::TablePrinter PrinterFor(const Session& session, const Flags& flags, const api::schema::Kind& kind) {
  return client::TablePrinter({.is_wide = flags.output == "wide",
                               .has_namespaces = flags.is_everywhere && kind.is_namespaced,
                               .has_header = !flags.has_no_headers,
                               .has_colour = session.is_terminal});
}

/// Prints the tables, and for a watch returns the version to go on from.
Expected<std::string> PrintTables(const Session& session, const Flags& flags, const AskedObjects& objects,
                                  client::TablePrinter& first) {
  bool is_empty = true;
  std::string version;
  for (const Asked& asked : objects.asked) {
    auto table = FetchTable(session, flags, asked);
    if (!table) return table.error();
    version = TextAt(*table, {"metadata", "resourceVersion"});
    if (objects.asked.size() > 1) QualifyNames(*asked.kind, *table);
    const bool is_first = &asked == &objects.asked.front();
    client::TablePrinter other = PrinterFor(session, flags, *asked.kind);
    auto text = (is_first ? first : other).Print(*table);
    if (!text) return text.error();
    if (!text->empty() && !is_empty) session.out << "\n";
    is_empty = is_empty && text->empty();
    session.out << *text;
  }
  if (!is_empty || flags.is_watch) return version;
  const std::string namespace_ = NamespaceFor(*objects.asked.front().kind, flags);
  session.err << "No resources found" << (namespace_.empty() ? "" : " in " + namespace_ + " namespace") << ".\n";
  return version;
}

/// Prints one frame of a watch.
Expected<void> PrintFrame(const Session& session, const Flags& flags, const Asked& asked, client::TablePrinter& printer,
                          const std::string& line) {
  const auto frame = api::codec::ParseJson(line, {.bytes_max = line.size(), .depth_max = 70});
  const Json* object = frame ? frame->Find("object") : nullptr;
  if (!object) return api::Error{api::Code::kInternal, "MalformedAnswer", "the server sent no watch event"};
  if (TextAt(*frame, {"type"}) == "ERROR") return client::ErrorOfStatus(*object);
  if (flags.output == "name") {
    session.out << NameLine(*asked.kind, TextAt(*object, {"metadata", "name"})) << std::endl;
    return {};
  }
  auto text = IsTable(flags) ? printer.Print(*object) : Format(flags, *object);
  if (!text) return text.error();
  session.out << *text << std::flush;
  return {};
}

/// Shows what happens after `version` until the server ends the watch, which is no failure.
Expected<void> Follow(const Session& session, const Flags& flags, const Asked& asked, client::TablePrinter& printer,
                      const std::string& version) {
  Query query{{"watch", "true"}, {"resourceVersion", version}};
  if (!flags.selector.empty()) query.emplace_back("labelSelector", flags.selector);
  if (!asked.names.empty()) query.emplace_back("fieldSelector", "metadata.name=" + asked.names.front());
  auto lines =
      session.client.Follow(client::PathOf(*asked.kind, NamespaceFor(*asked.kind, flags)) + client::QueryOf(query),
                            IsTable(flags) ? kAsTable : "application/json");
  if (!lines) return lines.error();
  session.out << std::flush;
  for (;;) {
    auto line = (*lines)->Next(kWatchTurn, {});
    if (!line && line.error().reason == "StreamEnded") return {};
    if (!line) return line.error();
    if (!*line) continue;
    if (auto printed = PrintFrame(session, flags, asked, printer, **line); !printed) return printed;
  }
}

/// No kind of the API: what the engine has to do and is doing.
Expected<void> GetQueue(const Session& session, const Flags& flags) {
  if (flags.objects.size() > 1 || flags.is_watch || !flags.selector.empty())
    return UsageError("get queue takes nothing but -o");
  const auto queue = session.client.Fetch("/hero/v1/queue");
  if (!queue) return queue.error();
  auto text = IsTable(flags) ? client::FormatQueue(*queue, !flags.has_no_headers) : Format(flags, *queue);
  if (!text) return text.error();
  session.out << *text;
  if (text->empty()) session.err << "Nothing is queued.\n";
  return {};
}

Expected<void> Get(const Session& session, const Flags& flags) {
  if (auto checked = CheckFlags(flags); !checked) return checked;
  if (!flags.objects.empty() && flags.objects.front() == "queue") return GetQueue(session, flags);
  auto objects = ReadObjects(session, flags);
  if (!objects) return objects.error();
  const Asked& first = objects->asked.front();
  if (flags.is_watch && (objects->asked.size() > 1 || first.names.size() > 1))
    return UsageError("--watch follows one kind, or one object");
  client::TablePrinter printer = PrinterFor(session, flags, *first.kind);
  std::string version = "0";  // Begins with what there is.
  if (IsTable(flags)) {
    auto printed = PrintTables(session, flags, *objects, printer);
    if (!printed) return printed.error();
    version = *printed;
  } else if (!flags.is_watch) {
    return PrintObjects(session, flags, *objects);
  }
  if (!flags.is_watch) return {};
  return Follow(session, flags, first, printer, version);
}

}  // namespace

int RunGet(const Session& session, const Flags& flags) {
  const auto done = Get(session, flags);
  return done ? 0 : Fail(session, done.error());
}

}  // namespace heroctl
