#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

/// Tables for people, as kubectl prints them. Pure functions; what comes from objects is made fit for a terminal
/// (SEC-57).
namespace client {

/// Columns aligned by their widest cell, three blanks between, none behind the last. Empty cells are `<none>`.
std::string AlignColumns(const std::vector<std::vector<std::string>>& rows);

struct TableStyle {
  bool is_wide = false;         ///< Columns of a priority above 0 too.
  bool has_namespaces = false;  ///< A first column with each object's namespace.
  bool has_header = true;
  bool has_colour = false;  ///< For a terminal: the header stands out, True and False are green and red.
};

/// Prints Tables of the server, one after the other as a watch brings them: the header once, columns as wide as they
/// were.
class TablePrinter {
 public:
  explicit TablePrinter(TableStyle style) : style_(style) {}

  /// The lines of its rows; nothing when it has none. Of a later table the columns may be missing. Errors: kInternal
  /// when it is no table.
  api::Expected<std::string> Print(const api::Json& table);

 private:
  // Constant after construction.
  const TableStyle style_;

  std::vector<std::string> header_{};  ///< Names of the shown columns; empty until the first table.
  std::vector<std::size_t> shown_{};   ///< Which cells of a row are shown.
  std::vector<std::size_t> widths_{};
  bool is_header_due_ = true;
};

}  // namespace client
