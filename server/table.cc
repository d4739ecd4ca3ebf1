#include "server/table.h"

#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "server/event_spelling.h"
#include "server/event_table.h"

namespace server {
namespace {

using api::Json;
using api::schema::Kind;
using api::schema::PrinterColumn;

const std::vector<PrinterColumn>& ColumnsOf(const Kind& kind) {
  static const std::vector<PrinterColumn> kAgeOnly{
      {.name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp"}};
  return kind.columns.empty() ? kAgeOnly : kind.columns;
}

Json ColumnDefinition(const PrinterColumn& column, std::string_view format) {
  return Json::Of({{"name", column.name},
                   {"type", column.type},
                   {"format", format},
                   {"description", column.description},
                   {"priority", column.priority}});
}

/// Native JSON where the type says so; null where the path finds nothing or something else.
Json CellOf(const PrinterColumn& column, const Json& object, api::Time now) {
  const auto found = api::schema::EvaluatePath(object, column.json_path);
  if (!found || found->empty() || found->front().is_null()) return {};
  const Json& value = found->front();
  if (column.type == "integer") return value.is_integer() ? value : Json();
  if (column.type == "number") return value.is_number() ? value : Json();
  if (column.type == "boolean") return value.is_bool() ? value : Json();
  if (column.type == "date") return Json(api::schema::Cell(column, object, now));
  return value.is_string() ? value : Json(api::codec::WriteJson(value));
}

Json RowObject(const Json& object, const Wanted& wanted) {
  if (wanted.include == Include::kNone) return {};
  return wanted.include == Include::kObject ? object : MetadataOf(object, wanted.meta_version);
}

Json Cells(const Kind& kind, const Json& object, api::Time now) {
  if (IsRespelled(kind)) {
    Json event = object;
    SpellAsCore(event);
    return EventCells(event, now);
  }
  if (IsEvent(kind)) return EventCells(object, now);
  const Json* name = object.At({"metadata", "name"});
  Json::Array cells{name ? *name : Json()};
  for (const PrinterColumn& column : ColumnsOf(kind)) cells.push_back(CellOf(column, object, now));
  return Json(std::move(cells));
}

}  // namespace

Json TableColumns(const Kind& kind) {
  if (IsEvent(kind)) return EventColumns();
  Json::Array columns{ColumnDefinition({.name = "Name", .type = "string"}, "name")};
  for (const PrinterColumn& column : ColumnsOf(kind)) columns.push_back(ColumnDefinition(column, ""));
  return Json(std::move(columns));
}

Json TableRow(const Kind& kind, const Json& object, const Wanted& wanted, api::Time now) {
  Json row;
  row["cells"] = Cells(kind, object, now);
  row["object"] = RowObject(object, wanted);
  return row;
}

Json MetadataOf(const Json& object, std::string_view version) {
  const Json* metadata = object.Find("metadata");
  return Json::Of({{"kind", "PartialObjectMetadata"},
                   {"apiVersion", "meta.k8s.io/" + std::string(version)},
                   {"metadata", metadata ? *metadata : Json::EmptyObject()}});
}

Json MakeTable(std::string_view version, Json metadata, Json columns, Json::Array rows) {
  Json table = Json::Of(
      {{"kind", "Table"}, {"apiVersion", "meta.k8s.io/" + std::string(version)}, {"metadata", std::move(metadata)}});
  table["columnDefinitions"] = std::move(columns);
  table["rows"] = Json(std::move(rows));  // Moved in: an initializer list would copy every row.
  return table;
}

}  // namespace server
