#include "api/codec/yaml.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "api/codec/text.h"
#include "api/codec/yaml_scalar.h"

namespace api::codec {
namespace {

constexpr std::size_t kTextBytesMax = 3u << 20;
constexpr std::size_t kNodesMax = 200'000;  // A few hundred bytes of aliases that name aliases make billions of them.
constexpr std::size_t kScalarBytesMax = kTextBytesMax;  // Only aliases can make more of it than the text has.
constexpr std::size_t kDepthMax = 64;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Error InvalidYaml(std::string_view source, TextPosition where, std::string_view problem) {
  std::string message = Printable(source, 256) + ":";
  if (where.line > 0) message += std::to_string(where.line) + ":" + std::to_string(where.column) + ":";
  return {.code = Code::kInvalid, .reason = "InvalidYaml", .message = message + " " + std::string(problem)};
}

/// What yaml-cpp's parser sees, as values. It builds no nodes of the library, so limits end the reading and not only
/// what would come after it. The one way to stop the parser is what it throws itself.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view text) : text_(text) {}

  /// Once all is parsed.
  std::vector<Json> Take() {
    if (problem_) throw YAML::ParserException(*problem_);
    return std::move(documents_);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    const auto begin = static_cast<std::size_t>(mark.pos);
    // A `,` or `]` that closes nothing is never taken from the text: yaml-cpp would see a document in it for ever.
    if (last_begin_ == begin) Fail(mark, "this character opens or closes nothing; quote the text that it is part of");
    if (last_begin_ && !text_.substr(begin).starts_with("---")) Fail(mark, "a further document has to begin with ---");
    last_begin_ = begin;
    anchored_.clear();
  }
  void OnDocumentEnd() override {
    if (!root_.is_null()) documents_.push_back(std::exchange(root_, Json()));
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(mark, anchor, Json()); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    CheckTag(mark, tag, "str");
    // The text as a whole is valid; yaml-cpp makes a single byte of \N and of \_, and half a pair of \uD800.
    if (!IsValidUtf8(text)) Fail(mark, "an escape makes no valid UTF-8; write \\u0085 for \\N and \\u00a0 for \\_");
    const bool is_plain = tag == "?";
    if (is_plain && text == "<<" && IsKeyNext()) Fail(mark, "merge keys (<<) are not supported; write the members out");
    if (!is_plain) return Add(mark, anchor, Json(text));  // Quoted, a block, or `!!str`.
    auto value = ResolvePlain(text);
    if (!value) Fail(mark, value.error().message);
    Add(mark, anchor, *std::move(value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) Fail(mark, "an alias stands inside of the value that it names");
    const Anchored& named = found->second;
    if (frames_.size() + named.depth > kDepthMax) FailDepth(mark);
    Count(mark, named.nodes, named.bytes);
    Put(mark, named.value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag, "seq");
    Open(mark, anchor, false);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag, "map");
    Open(mark, anchor, true);
  }
  void OnMapEnd() override { Close(); }

 private:
  /// A map or sequence that is still open.
  struct Frame {
    YAML::Mark mark{};
    YAML::anchor_t anchor = 0;
    bool is_map = false;
    std::optional<std::string> key{};  ///< Waits for its value.
    std::set<std::string> seen{};
    Json::Object members{};
    Json::Array elements{};
  };
  /// A value that aliases may name, and what each of them costs.
  struct Anchored {
    Json value{};
    std::size_t nodes = 0;
    std::size_t bytes = 0;
    std::size_t depth = 0;
  };

  [[noreturn]] static void Fail(const YAML::Mark& mark, const std::string& problem) {
    throw YAML::ParserException(mark, problem);
  }
  [[noreturn]] static void FailDepth(const YAML::Mark& mark) {
    Fail(mark, "nested deeper than " + std::to_string(kDepthMax) + " levels");
  }

  static void CheckTag(const YAML::Mark& mark, const std::string& tag, std::string_view core_tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:" + std::string(core_tag)) return;
    Fail(mark, "the tag " + Printable(tag, 64) + " is not supported");
  }

  bool IsKeyNext() const { return !frames_.empty() && frames_.back().is_map && !frames_.back().key; }

  void Count(const YAML::Mark& mark, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > kNodesMax) Fail(mark, "more than " + std::to_string(kNodesMax) + " nodes, aliases expanded");
    if (bytes_ > kScalarBytesMax)
      Fail(mark, "more than " + std::to_string(kScalarBytesMax) + " bytes of text, aliases expanded");
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, bool is_map) {
    if (IsKeyNext()) NoteBadKey(mark);
    if (frames_.size() >= kDepthMax) FailDepth(mark);
    frames_.push_back({.mark = mark, .anchor = anchor, .is_map = is_map});
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    Add(frame.mark, frame.anchor,
        frame.is_map ? Json::FromMembers(std::move(frame.members)) : Json(std::move(frame.elements)));
  }

  /// A value that is complete is counted and goes where it stands.
  void Add(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    Count(mark, 1, value.string() ? value.string()->size() : 0);
    if (anchor != 0) {
      Anchored named = Measured(value);
      Count(mark, named.nodes, named.bytes);  // It is kept beside the document.
      named.value = value;
      anchored_[anchor] = std::move(named);
    }
    Put(mark, std::move(value));
  }

  void Put(const YAML::Mark& mark, Json value) {
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (Frame& frame = frames_.back(); IsKeyNext()) {
      AddKey(mark, value, frame);
    } else if (frame.is_map) {
      frame.members.push_back({*std::exchange(frame.key, std::nullopt), std::move(value)});
    } else {
      frame.elements.push_back(std::move(value));
    }
  }

  // Told at the end: where a bracket is not closed, yaml-cpp takes what stands behind it for a key, and then says so.
  void NoteBadKey(const YAML::Mark& mark) {
    if (!problem_) problem_.emplace(mark, "a key has to be a string; quote it");
  }

  void AddKey(const YAML::Mark& mark, const Json& value, Frame& frame) {
    const std::string* name = value.string();
    frame.key = name ? *name : "";
    if (!name) return NoteBadKey(mark);
    if (!frame.seen.insert(*name).second) Fail(mark, "the key '" + Printable(*name, 64) + "' stands twice");
  }

  static Anchored Measured(const Json& value) {
    Anchored sum{.nodes = 1};
    const auto add = [&sum](const Json& inner, std::size_t key_bytes) {
      const Anchored part = Measured(inner);
      sum.nodes += part.nodes;
      sum.bytes += part.bytes + key_bytes;
      sum.depth = std::max(sum.depth, part.depth);
    };
    if (const std::string* text = value.string()) sum.bytes = text->size();
    if (const Json::Array* elements = value.array()) {
      for (const Json& element : *elements) add(element, 0);
    } else if (const Json::Object* members = value.object()) {
      for (const Json::Member& member : *members) add(member.value, member.key.size());
    }
    if (value.is_array() || value.is_object()) ++sum.depth;
    return sum;
  }

  const std::string_view text_;
  std::optional<std::size_t> last_begin_;  ///< Of the document before, as an offset into the text.
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchored_;  ///< Of this document.
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
  std::optional<YAML::ParserException> problem_;
  Json root_;
  std::vector<Json> documents_;
};

}  // namespace

Expected<std::vector<Json>> ParseYaml(std::string_view text, std::string_view source) {
  if (text.size() > kTextBytesMax)
    return InvalidYaml(
        source, {},
        "the text has " + std::to_string(text.size()) + " bytes, the limit is " + std::to_string(kTextBytesMax));
  if (const std::size_t valid = ValidUtf8Prefix(text); valid < text.size())
    return InvalidYaml(source, PositionAt(text, valid), "the text is no valid UTF-8");
  if (const std::size_t nul = text.find('\0'); nul < text.size())
    return InvalidYaml(source, PositionAt(text, nul), "the text has a NUL byte");
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());  // yaml-cpp does not count it.

  // yaml-cpp counts bytes where people count characters, but its offsets are right.
  const auto place = [text](const YAML::Mark& mark) {
    return mark.pos < 0 ? TextPosition() : PositionAt(text, static_cast<std::size_t>(mark.pos));
  };
  try {
    // yaml-cpp takes blanks at the end for the end of a quoted text that nobody closed, but not a document's end.
    const std::string_view end = text.ends_with('\n')                          ? "...\n"
                                 : text.ends_with(' ') || text.ends_with('\t') ? "\n..."
                                                                               : "";
    std::istringstream stream{std::string(text).append(end)};
    YAML::Parser parser(stream);
    Builder builder(text);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.Take();
  } catch (const YAML::DeepRecursion& problem) {  // The library's own limit; its words for it are "bad file".
    return InvalidYaml(source, place(problem.mark), "nested deeper than " + std::to_string(kDepthMax) + " levels");
  } catch (const YAML::Exception& problem) {
    const bool is_at_end = problem.mark.pos >= 0 && static_cast<std::size_t>(problem.mark.pos) >= text.size();
    const bool is_in_quotes =
        problem.msg == YAML::ErrorMsg::DOC_IN_SCALAR || problem.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
    return InvalidYaml(source, place(problem.mark),
                       is_at_end && is_in_quotes ? "a quoted text is not closed" : Printable(problem.msg, 256));
  }
}

}  // namespace api::codec
