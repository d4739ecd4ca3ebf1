#include "api/codec/fields.h"

#include <algorithm>
#include <numeric>

namespace api::codec::detail {
namespace {

constexpr std::size_t kTyposMax = 2;        // More than two changed letters is another word.
constexpr std::size_t kGuessBytesMax = 64;  // The comparison takes the product of both lengths.

/// Insertions, deletions and replacements that turn one into the other (Levenshtein).
std::size_t EditDistance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < to.size(); ++k) {
      const std::size_t replaced = diagonal + (from[i] == to[k] ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The known name that was meant, empty when none is near.
std::string_view Nearest(std::string_view name, const std::vector<std::string_view>& known) {
  if (name.size() > kGuessBytesMax) return {};
  std::string_view nearest;
  std::size_t fewest = kTyposMax + 1;
  for (const std::string_view candidate : known) {
    const std::size_t typos = EditDistance(name, candidate);
    if (typos >= fewest || typos >= candidate.size()) continue;
    fewest = typos;
    nearest = candidate;
  }
  return nearest;
}

Error InvalidField(const std::string& path, std::string_view reason, std::string message) {
  Error error{.code = Code::kInvalid,
              .reason = "InvalidField",
              .message = message,
              .causes = {{.field = path, .reason = std::string(reason), .message = std::move(message)}}};
  return path.empty() ? error : error.Within(Printable(path, 256));
}

}  // namespace

Error WrongType(const std::string& path, std::string_view wanted, const Json& got) {
  // Only a time can have the right type and still not fit.
  const bool is_malformed = wanted == "date-time" && got.is_string();
  std::string message = is_malformed ? "must be a time such as 2026-11-20T20:58:51Z"
                                     : "must be " + std::string(wanted) + ", not " + std::string(got.TypeName());
  return InvalidField(path, "FieldValueTypeInvalid", std::move(message));
}

Error UnknownField(const std::string& path, const std::vector<std::string_view>& known) {
  const std::string_view name = std::string_view(path).substr(path.rfind('.') + 1);  // npos + 1 is 0.
  std::string message = "unknown field; ";
  if (const std::string_view nearest = Nearest(name, known); !nearest.empty())
    message.append("did you mean '").append(nearest).append("'? ");
  message += "known are: ";
  for (const std::string_view field : known) message.append(field == known.front() ? "" : ", ").append(field);
  return InvalidField(path, "FieldValueUnknown", std::move(message));
}

}  // namespace api::codec::detail
