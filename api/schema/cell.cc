#include "api/codec/json.h"
#include "api/codec/text.h"
#include "api/schema/schema.h"

namespace api::schema {
namespace {

std::string DateCell(const Json& value, Time now) {
  const std::string text = value.StringOr("");
  if (text.empty()) return value.is_string() ? "<unknown>" : "";
  const auto time = codec::ParseTime(text);
  if (!time) return "<invalid>";
  const auto age = std::chrono::floor<std::chrono::seconds>(now) - std::chrono::floor<std::chrono::seconds>(*time);
  // Two clocks may differ by a second; more is a mistake that a reader should see.
  return age <= std::chrono::seconds(-2) ? "<invalid>" : codec::FormatAge(age);
}

bool FitsColumn(const Json& value, std::string_view type) {
  if (type == "integer") return value.is_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  return !value.is_null();
}

}  // namespace

std::string Cell(const PrinterColumn& column, const Json& object, Time now) {
  const auto matches = EvaluatePath(object, column.json_path);
  if (!matches || matches->empty()) return "";
  const Json& value = matches->front();
  if (column.type == "date") return DateCell(value, now);
  if (!FitsColumn(value, column.type)) return "";
  return value.string() ? *value.string() : codec::WriteJson(value);
}

}  // namespace api::schema
