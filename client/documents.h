#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"

/// What `apply -f` and `delete -f` read: texts of several documents, each good or bad by itself. Pure functions.
namespace client {

/// One object of a text, and where it stands.
struct Document {
  std::string place{};  ///< `team.yaml, document 2 (line 7)`; of a list's item with `, items[3]`.
  api::Expected<api::Json> object{
      api::Json()};  ///< Or why it is none; that message begins with the place, line and column.
};

/// Splits YAML documents (`---`) or a row of JSON values, and `List` objects into their items. JSON is what is named
/// `.json`, and what begins with a brace unless it is named `.yaml` or `.yml`. Empty documents are skipped and not
/// counted. An object has apiVersion, kind and metadata.name, the latter a string. A document that cannot be read does
/// not keep the others from being read.
std::vector<Document> ReadDocuments(std::string_view text, const std::string& source);

}  // namespace client
