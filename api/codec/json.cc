#include "api/codec/json.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "api/codec/number.h"
#include "api/codec/text.h"

namespace api::codec {
namespace {

Error InvalidJson(std::string_view text, std::size_t offset, std::string_view problem) {
  const TextPosition where = PositionAt(text, offset);
  return {.code = Code::kInvalid,
          .reason = "InvalidJson",
          .message = "line " + std::to_string(where.line) + ", column " + std::to_string(where.column) + ": " +
                     std::string(problem)};
}

/// Where the JSON string begins that ends just before `end`.
std::size_t StringStart(std::string_view text, std::size_t end) {
  for (std::size_t quote = end - 1; quote > 0;) {
    quote = text.rfind('"', quote - 1);
    std::size_t backslashes = 0;
    while (backslashes < quote && text[quote - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return quote;
  }
  return 0;
}

/// Builds the value from RapidJSON's events. A method that returns false stops the parser; Failure() then says why.
class Builder {
 public:
  /// `repeated` null: a key that stands twice is an error.
  Builder(std::string_view text, const rapidjson::MemoryStream& stream, int depth_max,
          std::vector<std::string>* repeated)
      : text_(text), stream_(stream), depth_max_(depth_max), repeated_(repeated) {}

  const std::optional<Error>& Failure() const { return failure_; }
  Json Take() { return std::move(root_); }

  bool Null() { return Add(Json()); }
  bool Bool(bool value) { return Add(Json(value)); }
  bool RawNumber(const char* digits, rapidjson::SizeType size, bool) {
    auto number = NumberFromText({digits, size});
    if (!number) return Fail(stream_.Tell() - size, number.error().message);
    return Add(*std::move(number));
  }
  bool String(const char* characters, rapidjson::SizeType size, bool) {
    return CheckString({characters, size}) && Add(Json(std::string(characters, size)));
  }
  bool Key(const char* characters, rapidjson::SizeType size, bool) {
    if (!CheckString({characters, size})) return false;
    Frame& frame = frames_.back();
    frame.members.push_back({std::string(characters, size), Json()});
    frame.key_ends.push_back(stream_.Tell());
    return true;
  }
  bool StartObject() { return Open(true); }
  bool StartArray() { return Open(false); }
  bool EndObject(rapidjson::SizeType) {
    Frame frame = std::move(frames_.back());
    if (const auto again = FirstRepeatedKey(frame.members); again && repeated_) {
      NoteRepeats(frame.members);
    } else if (again) {
      const std::string key = Printable(frame.members[*again].key, 64);
      return Fail(StringStart(text_, frame.key_ends[*again]), "the key \"" + key + "\" stands twice in one object");
    }
    frames_.pop_back();
    return Add(Json::FromMembers(std::move(frame.members)));
  }
  bool EndArray(rapidjson::SizeType) {
    Json::Array elements = std::move(frames_.back().elements);
    frames_.pop_back();
    return Add(Json(std::move(elements)));
  }

  // Never called: numbers come as RawNumber. RapidJSON wants them all the same.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  /// An object or array that is still open.
  struct Frame {
    bool is_object = false;
    Json::Object members{};
    std::vector<std::size_t> key_ends{};  ///< Offsets behind the keys, for errors.
    Json::Array elements{};
  };

  bool Fail(std::size_t offset, std::string_view problem) {
    failure_ = InvalidJson(text_, offset, problem);
    return false;
  }

  bool Open(bool is_object) {
    if (frames_.size() >= static_cast<std::size_t>(depth_max_))
      return Fail(stream_.Tell(), "nested deeper than " + std::to_string(depth_max_) + " levels");
    frames_.push_back({.is_object = is_object});
    return true;
  }

  bool Add(Json value) {
    if (frames_.empty())
      root_ = std::move(value);
    else if (frames_.back().is_object)
      frames_.back().members.back().value = std::move(value);
    else
      frames_.back().elements.push_back(std::move(value));
    return true;
  }

  // The text as a whole is valid, but an escape can still name half a surrogate pair, which RapidJSON lets pass.
  bool CheckString(std::string_view characters) {
    return IsValidUtf8(characters) ||
           Fail(StringStart(text_, stream_.Tell()), "a string has half of a surrogate pair (\\uD800 to \\uDFFF)");
  }

  /// The position of the first key that stood before.
  static std::optional<std::size_t> FirstRepeatedKey(const Json::Object& members) {
    const auto not_ascending = [](const Json::Member& left, const Json::Member& right) {
      return left.key >= right.key;
    };
    if (std::adjacent_find(members.begin(), members.end(), not_ascending) == members.end()) return std::nullopt;
    std::vector<std::pair<std::string_view, std::size_t>> order;
    for (std::size_t i = 0; i < members.size(); ++i) order.emplace_back(members[i].key, i);
    std::sort(order.begin(), order.end());
    std::optional<std::size_t> first;
    for (std::size_t i = 1; i < order.size(); ++i)
      if (order[i].first == order[i - 1].first) first = std::min(first.value_or(order[i].second), order[i].second);
    return first;
  }

  /// Where the object stands that has just ended: `spec.ports[0]`.
  std::string PathHere() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < frames_.size(); ++i) {
      const Frame& frame = frames_[i];
      if (frame.is_object)
        path += (path.empty() ? "" : ".") + Printable(frame.members.back().key, kShownKeyMax);
      else
        path += "[" + std::to_string(frame.elements.size()) + "]";
    }
    return path;
  }

  void NoteRepeats(const Json::Object& members) {
    std::vector<std::string_view> keys;
    for (const Json::Member& member : members) keys.push_back(member.key);
    std::sort(keys.begin(), keys.end());
    const std::string path = PathHere();
    for (auto key = keys.begin(); (key = std::adjacent_find(key, keys.end())) != keys.end();) {
      if (repeated_->size() < kRepeatedMax)
        repeated_->push_back((path.empty() ? "" : path + ".") + Printable(*key, kShownKeyMax));
      key = std::upper_bound(key, keys.end(), *key);
    }
  }

  static constexpr std::size_t kShownKeyMax = 64;
  static constexpr std::size_t kRepeatedMax = 100;  // As many as a schema's Prune tells.

  const std::string_view text_;
  const rapidjson::MemoryStream& stream_;
  const int depth_max_;
  std::vector<std::string>* const repeated_;
  std::vector<Frame> frames_;
  Json root_;
  std::optional<Error> failure_;
};

/// RapidJSON's sentence as ours: lower case, no period.
std::string ProblemText(rapidjson::ParseErrorCode code) {
  std::string problem = rapidjson::GetParseError_En(code);
  problem.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(problem.front())));
  if (problem.ends_with('.')) problem.pop_back();
  return problem;
}

/// Appends a value's text. Recurses as deep as the value, which ParseJson has limited.
class Writer {
 public:
  explicit Writer(bool is_pretty) : is_pretty_(is_pretty) {}

  std::string Take() { return std::move(text_); }

  void Write(const Json& value) {
    if (const Json::Object* members = value.object()) {
      WriteList('{', '}', *members, [this](const Json::Member& member) {
        WriteString(member.key);
        text_ += is_pretty_ ? ": " : ":";
        Write(member.value);
      });
    } else if (const Json::Array* elements = value.array()) {
      WriteList('[', ']', *elements, [this](const Json& element) { Write(element); });
    } else if (const std::string* characters = value.string()) {
      WriteString(*characters);
    } else if (const bool* flag = value.boolean()) {
      text_ += *flag ? "true" : "false";
    } else if (const std::int64_t* whole = value.integer()) {
      text_ += std::to_string(*whole);
    } else {
      text_ += value.is_null() ? "null" : NumberToText(*value.number());
    }
  }

 private:
  void WriteList(char open, char close, const auto& items, const auto& write_item) {
    text_ += open;
    ++depth_;
    bool is_first = true;
    for (const auto& item : items) {
      if (!std::exchange(is_first, false)) text_ += ',';
      BreakLine();
      write_item(item);
    }
    --depth_;
    if (!items.empty()) BreakLine();
    text_ += close;
  }

  void BreakLine() {
    if (is_pretty_) (text_ += '\n').append(2 * depth_, ' ');
  }

  // Text from the host (a path, a commit message) may be no UTF-8: ParseJson would refuse what the store had taken.
  void WriteString(std::string_view characters) {
    text_ += '"';
    for (std::size_t valid; (valid = ValidUtf8Prefix(characters)) < characters.size();) {
      WriteEscaped(characters.substr(0, valid));
      text_ += "\xEF\xBF\xBD";  // U+FFFD
      characters.remove_prefix(valid + 1);
    }
    WriteEscaped(characters);
    text_ += '"';
  }

  void WriteEscaped(std::string_view characters) {
    std::size_t copied = 0;  // Long runs without anything special are the rule: copy them in one piece.
    for (std::size_t i = 0; i < characters.size(); ++i) {
      const auto byte = static_cast<unsigned char>(characters[i]);
      if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
      text_ += characters.substr(copied, i - copied);
      copied = i + 1;
      WriteEscape(byte);
    }
    text_ += characters.substr(copied);
  }

  void WriteEscape(unsigned char byte) {
    constexpr std::string_view kHex = "0123456789abcdef";
    constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
    constexpr std::string_view kNames = "\"\\bfnrt";
    text_ += '\\';
    if (const std::size_t named = kNamed.find(static_cast<char>(byte)); named != std::string_view::npos)
      text_ += kNames[named];
    else
      ((text_ += "u00") += kHex[byte >> 4]) += kHex[byte & 0xF];
  }

  const bool is_pretty_;
  std::size_t depth_ = 0;
  std::string text_;
};

std::string Write(const Json& value, bool is_pretty) {
  Writer writer(is_pretty);
  writer.Write(value);
  return writer.Take();
}

// Every check here answers an input that crashed or fooled RapidJSON 1.1 (docs/adr/0006): it overflows the stack
// without kParseIterativeFlag, reads past the end in an unfinished UTF-8 sequence, takes NUL for the end of the text,
// crashes on long numbers unless they stay text, keeps both of two equal keys.
Expected<Json> Parse(std::string_view text, const JsonLimits& limits, std::vector<std::string>* repeated) {
  if (text.size() > limits.bytes_max)
    return Error{.code = Code::kInvalid,
                 .reason = "InvalidJson",
                 .message = "the text has " + std::to_string(text.size()) + " bytes, the limit is " +
                            std::to_string(limits.bytes_max)};
  if (const std::size_t valid = ValidUtf8Prefix(text); valid < text.size())
    return InvalidJson(text, valid, "the text is no valid UTF-8");
  if (const std::size_t nul = text.find('\0'); nul < text.size())
    return InvalidJson(text, nul, "the text has a NUL byte");

  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Builder builder(text, stream, limits.depth_max, repeated);
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (builder.Failure()) return *builder.Failure();
  if (result.IsError()) return InvalidJson(text, result.Offset(), ProblemText(result.Code()));
  return builder.Take();
}

}  // namespace

Expected<Json> ParseJson(std::string_view text, const JsonLimits& limits) { return Parse(text, limits, nullptr); }

Expected<Json> ParseJsonWithRepeats(std::string_view text, std::vector<std::string>& repeated,
                                    const JsonLimits& limits) {
  return Parse(text, limits, &repeated);
}

std::string WriteJson(const Json& value) { return Write(value, false); }

std::string WritePrettyJson(const Json& value) { return Write(value, true) + "\n"; }

}  // namespace api::codec
