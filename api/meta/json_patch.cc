#include "api/meta/json_patch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace api {
namespace {

constexpr std::size_t kOperationsMax = 1000;    // A list of a thousand rows can be rewritten; a loop cannot hide in it.
constexpr std::size_t kPointerBytesMax = 1024;  // Three times the longest annotation's; pointers stand in messages.
constexpr std::size_t kDepthMax = 64;           // As ParseJson: what is written must be readable.
constexpr std::size_t kCopiedBytesMax = 3 << 20;  // A request's body: `copy` makes no more than a client could send.
constexpr std::size_t kMovedMax = 10'000'000;     // Elements pushed aside or looked through: a tenth of a second.

/// A JSON pointer (RFC 6901), as given and as its unescaped parts.
struct Pointer {
  std::string text{};
  std::vector<std::string> parts{};
};

using Parts = std::span<const std::string>;

enum class Verb { kAdd, kCopy, kMove, kRemove, kReplace, kTest };

constexpr std::array<std::pair<std::string_view, Verb>, 6> kVerbs = {{{"add", Verb::kAdd},
                                                                      {"copy", Verb::kCopy},
                                                                      {"move", Verb::kMove},
                                                                      {"remove", Verb::kRemove},
                                                                      {"replace", Verb::kReplace},
                                                                      {"test", Verb::kTest}}};

struct Operation {
  std::string label{};  ///< `operation 2 (add /a/b)`
  Verb verb = Verb::kAdd;
  Pointer path{};
  Pointer from{};               ///< Of copy and move.
  const Json* value = nullptr;  ///< Of add, replace and test; belongs to the patch.
};

Error NoPatch(std::string message) {
  return {.code = Code::kInvalid, .reason = "InvalidPatch", .message = std::move(message)};
}

Error Failed(std::string message) {
  return {.code = Code::kInvalid, .reason = "PatchFailed", .message = std::move(message)};
}

Expected<Pointer> ReadPointer(const Json& operation, std::string_view name) {
  const std::string member(name);
  const Json* found = operation.Find(name);
  if (!found) return NoPatch(member + " is missing");
  if (!found->string()) return NoPatch(member + " must be string, not " + std::string(found->TypeName()));
  Pointer pointer{.text = *found->string()};
  const std::string& text = pointer.text;
  if (text.size() > kPointerBytesMax)
    return NoPatch(member + " is longer than " + std::to_string(kPointerBytesMax) + " bytes");
  if (!text.empty() && text.front() != '/') return NoPatch(member + " '" + text + "' must be empty or begin with /");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      pointer.parts.emplace_back();
      continue;
    }
    const char escaped = text[i] == '~' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '~' && escaped != '0' && escaped != '1')
      return NoPatch(
          std::string(member).append(" '").append(text).append("' has a ~ that is neither ~0 (for ~) nor ~1 (for /)"));
    if (text[i] == '~') ++i;
    pointer.parts.back() += escaped == '0' ? '~' : escaped == '1' ? '/' : text[i];
  }
  return pointer;
}

Expected<Operation> ReadOperation(const Json& json, std::size_t index) {
  Operation operation{.label = "operation " + std::to_string(index)};
  if (!json.is_object()) return NoPatch(operation.label + ": must be object, not " + std::string(json.TypeName()));
  const Json* verb = json.Find("op");
  const auto known = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const auto& one) {
    return verb && verb->string() && *verb->string() == one.first;
  });
  if (known == kVerbs.end())
    return NoPatch(operation.label + ": op must be one of add, copy, move, remove, replace, test");
  operation.verb = known->second;
  auto path = ReadPointer(json, "path");
  if (!path) return path.error().Within(operation.label);
  operation.path = *std::move(path);
  operation.label.append(" (").append(known->first).append(" ").append(operation.path.text).append(")");

  if (operation.verb == Verb::kCopy || operation.verb == Verb::kMove) {
    auto from = ReadPointer(json, "from");
    if (!from) return from.error().Within(operation.label);
    operation.from = *std::move(from);
  } else if (operation.verb != Verb::kRemove) {
    operation.value = json.Find("value");
    if (!operation.value) return NoPatch(operation.label + ": value is missing");
  }
  return operation;
}

Expected<std::vector<Operation>> ReadOperations(const Json& patch) {
  const Json::Array* elements = patch.array();
  if (!elements) return NoPatch("a JSON patch must be array, not " + std::string(patch.TypeName()));
  if (elements->size() > kOperationsMax)
    return NoPatch("the patch has " + std::to_string(elements->size()) + " operations, the limit is " +
                   std::to_string(kOperationsMax));
  std::vector<Operation> operations;
  operations.reserve(elements->size());
  for (std::size_t i = 0; i < elements->size(); ++i) {
    auto operation = ReadOperation((*elements)[i], i);
    if (!operation) return operation.error();
    operations.push_back(*std::move(operation));
  }
  return operations;
}

/// How large a value is.
struct Extent {
  std::size_t values = 1;  ///< Itself and all below.
  std::size_t depth = 0;   ///< Objects and arrays inside each other; 0 for a scalar.
  std::size_t bytes = 2;   ///< About what its text takes.

  void Enclose(const Extent& inner) {
    values += inner.values;
    depth = std::max(depth, inner.depth + 1);
    bytes += inner.bytes;
  }
};

Extent Measure(const Json& value) {
  Extent extent{.depth = value.is_object() || value.is_array() ? 1u : 0u};
  if (const std::string* text = value.string()) extent.bytes += text->size();
  if (const Json::Array* elements = value.array()) {
    for (const Json& element : *elements) extent.Enclose(Measure(element));
  } else if (const Json::Object* members = value.object()) {
    for (const Json::Member& member : *members) {
      extent.Enclose(Measure(member.value));
      extent.bytes += member.key.size();
    }
  }
  return extent;
}

/// Exact, which a comparison of two doubles is not beyond 2^53.
bool IsWhole(double real, std::int64_t whole) {
  return real >= -0x1p63 && real < 0x1p63 && std::trunc(real) == real && static_cast<std::int64_t>(real) == whole;
}

/// Equal as RFC 6902 section 4.6 says: numbers by what they mean.
bool IsSame(const Json& left, const Json& right) {
  if (left.integer() && right.is_number() && !right.integer()) return IsWhole(*right.number(), *left.integer());
  if (right.integer() && left.is_number() && !left.integer()) return IsWhole(*left.number(), *right.integer());
  if (left.size() != right.size()) return false;
  if (left.array() && right.array())
    return std::equal(left.array()->begin(), left.array()->end(), right.array()->begin(), IsSame);
  if (left.object() && right.object())
    return std::equal(left.object()->begin(), left.object()->end(), right.object()->begin(),
                      [](const Json::Member& one, const Json::Member& other) {
                        return one.key == other.key && IsSame(one.value, other.value);
                      });
  return left == right;
}

std::string Name(Parts parts) { return parts.empty() ? "the whole" : "'" + parts.back() + "'"; }

Error NoSuchMember(Parts path) { return Failed("there is no member " + Name(path) + "; only add makes one"); }

/// The index that the last part of `path` stands for, less than `end`. `also` is what else could stand there.
Expected<std::size_t> IndexIn(Parts path, std::size_t end, std::string_view also = "") {
  const std::string& digits = path.back();
  const char* const stop = digits.data() + digits.size();
  std::size_t index = 0;
  const auto [read, problem] = std::from_chars(digits.data(), stop, index);
  const bool is_index = problem == std::errc() && read == stop && (digits.size() == 1 || digits.front() != '0');
  if (is_index && index < end) return index;
  if (end == 0) return Failed(Name(path) + " is no index into the list, which is empty");
  const std::string range = end == 1 ? "0" : "0 to " + std::to_string(end - 1);
  return Failed(Name(path) + " is no index into the list; " + range + std::string(also) + " is allowed");
}

class Patcher {
 public:
  explicit Patcher(Json target) : document_(std::move(target)) {}

  Json Take() { return std::move(document_); }

  Expected<void> Apply(const Operation& operation) {
    const Parts path = operation.path.parts;
    switch (operation.verb) {
      case Verb::kAdd:
        return Insert(path, *operation.value, Measure(*operation.value));
      case Verb::kCopy:
        return Copy(operation.from.parts, path);
      case Verb::kMove:
        return Move(operation.from.parts, path);
      case Verb::kRemove:
        return Remove(path);
      case Verb::kReplace:
        return Replace(path, *operation.value);
      case Verb::kTest:
        return Test(path, *operation.value);
    }
    return {};
  }

 private:
  /// The value at `path`.
  Expected<Json*> Find(Parts path) {
    Json* here = &document_;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const Parts so_far = path.first(i + 1);
      if (Json::Array* elements = here->array()) {
        const auto index = IndexIn(so_far, elements->size());
        if (!index) return index.error();
        here = &(*elements)[*index];
      } else if (!here->is_object()) {
        return Failed(Name(path.first(i)) + " is " + std::string(here->TypeName()) + " and has no '" + path[i] + "'");
      } else {
        here = here->Find(path[i]);
        if (!here) return NoSuchMember(so_far);
      }
    }
    return here;
  }

  Expected<void> Insert(Parts path, Json value, const Extent& extent) {
    if (path.size() + extent.depth > kDepthMax)
      return Failed("the result would be nested deeper than " + std::to_string(kDepthMax) + " levels");
    if (path.empty()) {
      document_ = std::move(value);
      return {};
    }
    const auto parent = Find(path.first(path.size() - 1));
    if (!parent) return parent.error();
    if (auto spent = Spend((*parent)->size()); !spent) return spent;
    if (Json::Array* elements = (*parent)->array()) {
      const auto index =
          path.back() == "-" ? Expected<std::size_t>(elements->size()) : IndexIn(path, elements->size() + 1, " or -");
      if (!index) return index.error();
      elements->insert(elements->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
      return {};
    }
    if (!(*parent)->is_object())
      return Failed(Name(path.first(path.size() - 1)) + " is " + std::string((*parent)->TypeName()) + " and has no '" +
                    path.back() + "'");
    (**parent)[path.back()] = std::move(value);
    return {};
  }

  Expected<void> Remove(Parts path) {
    if (path.empty()) return Failed("the whole document cannot be removed; replace it");
    const auto found = Find(path);
    if (!found) return found.error();
    const auto parent = Find(path.first(path.size() - 1));
    if (auto spent = Spend((*parent)->size()); !spent) return spent;
    if (Json::Array* elements = (*parent)->array())
      elements->erase(elements->begin() + (*found - elements->data()));
    else
      (*parent)->Erase(path.back());
    return {};
  }

  Expected<void> Replace(Parts path, const Json& value) {
    const auto found = Find(path);
    if (!found) return found.error();
    if (path.size() + Measure(value).depth > kDepthMax)
      return Failed("the result would be nested deeper than " + std::to_string(kDepthMax) + " levels");
    **found = value;
    return {};
  }

  Expected<void> Copy(Parts from, Parts path) {
    const auto found = Find(from);
    if (!found) return found.error().Within("from");
    const Extent extent = Measure(**found);
    if (auto spent = Spend(extent.values); !spent) return spent;
    copied_bytes_ += extent.bytes;
    if (copied_bytes_ > kCopiedBytesMax)
      return Failed("the copies of this patch exceed " + std::to_string(kCopiedBytesMax) + " bytes");
    return Insert(path, **found, extent);
  }

  Expected<void> Move(Parts from, Parts path) {
    const auto found = Find(from);
    if (!found) return found.error().Within("from");
    if (std::equal(from.begin(), from.end(), path.begin(), path.end())) return {};
    if (from.size() < path.size() && std::equal(from.begin(), from.end(), path.begin()))
      return Failed("a value cannot be moved into itself");
    const Extent extent = Measure(**found);
    if (auto spent = Spend(extent.values); !spent) return spent;
    Json value = std::move(**found);
    if (auto removed = Remove(from); !removed) return removed.error().Within("from");
    return Insert(path, std::move(value), extent);
  }

  Expected<void> Test(Parts path, const Json& value) {
    const auto found = Find(path);
    if (!found) return found.error();
    if (!IsSame(**found, value)) return Failed("the value there is another one");
    return {};
  }

  Expected<void> Spend(std::size_t values) {
    moved_ += values;
    if (moved_ <= kMovedMax) return {};
    return Failed("the patch moves more than " + std::to_string(kMovedMax) + " values; split it");
  }

  Json document_;
  std::size_t copied_bytes_ = 0;
  std::size_t moved_ = 0;
};

}  // namespace

Expected<Json> JsonPatch(Json target, const Json& patch) {
  const auto operations = ReadOperations(patch);
  if (!operations) return operations.error();
  Patcher patcher(std::move(target));
  for (const Operation& operation : *operations) {
    if (auto applied = patcher.Apply(operation); !applied) return applied.error().Within(operation.label);
  }
  return patcher.Take();
}

}  // namespace api
