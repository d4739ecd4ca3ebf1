#include "client/text_table.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/codec/text.h"

namespace client {
namespace {

using api::Json;
using Row = std::vector<std::string>;

constexpr std::size_t kGap = 3;  // kubectl's.
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPlain = "\x1b[0m";

/// Characters, not bytes; marks that take no width of their own are rare in what we print.
std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view ColourOf(std::string_view cell, bool is_header, bool has_colour) {
  if (!has_colour) return "";
  if (is_header) return kBold;
  if (cell == "True") return kGreen;
  return cell == "False" ? kRed : "";
}

/// Widens `widths` to what the rows need, then writes them.
std::string Align(const std::vector<Row>& rows, std::vector<std::size_t>& widths, bool has_header, bool has_colour) {
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    const bool is_header = has_header && &row == &rows.front();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string_view colour = ColourOf(row[i], is_header, has_colour);
      text.append(colour).append(row[i]).append(colour.empty() ? "" : kPlain);
      if (i + 1 < row.size()) text.append(widths[i] - WidthOf(row[i]) + kGap, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string CellText(const Json& cell) {
  if (cell.is_null()) return "<none>";
  const std::string text = api::codec::Printable(cell.string() ? *cell.string() : api::codec::WriteJson(cell));
  return text.empty() ? "<none>" : text;
}

std::string UpperCase(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// Which columns are shown, by their place in a row.
std::vector<std::size_t> ShownColumns(const Json::Array& definitions, bool is_wide) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    const bool is_extra = api::codec::IntegerAt(definitions[i], {"priority"}).value_or(0) > 0;
    if (is_wide || !is_extra) shown.push_back(i);
  }
  return shown;
}

}  // namespace

std::string AlignColumns(const std::vector<Row>& rows) {
  std::vector<Row> filled = rows;
  for (Row& row : filled)
    for (std::string& cell : row)
      if (cell.empty()) cell = "<none>";
  std::vector<std::size_t> widths;
  return Align(filled, widths, false, false);
}

api::Expected<std::string> TablePrinter::Print(const Json& table) {
  const Json* definitions = table.Find("columnDefinitions");
  const Json* rows = table.Find("rows");
  if (definitions && definitions->array()) {
    shown_ = ShownColumns(*definitions->array(), style_.is_wide);
    header_.clear();
    if (style_.has_namespaces) header_.push_back("NAMESPACE");
    for (const std::size_t i : shown_) {
      const Json* name = (*definitions->array())[i].Find("name");
      header_.push_back(UpperCase(api::codec::Printable(name ? name->StringOr("") : "")));
    }
  }
  if (header_.empty() || !rows || !rows->array())
    return api::Error{api::Code::kInternal, "MalformedAnswer", "the server sent no table"};
  if (rows->size() == 0) return std::string();

  std::vector<Row> lines;
  const bool has_header = style_.has_header && std::exchange(is_header_due_, false);
  if (has_header) lines.push_back(header_);
  for (const Json& row : *rows->array()) {
    Row& line = lines.emplace_back();
    const Json* namespace_ = row.At({"object", "metadata", "namespace"});
    if (style_.has_namespaces) line.push_back(CellText(namespace_ ? *namespace_ : Json()));
    const Json* cells = row.Find("cells");
    for (const std::size_t i : shown_)
      line.push_back(cells && cells->array() && i < cells->size() ? CellText((*cells->array())[i]) : "<none>");
  }
  return Align(lines, widths_, has_header, style_.has_colour);
}

}  // namespace client
