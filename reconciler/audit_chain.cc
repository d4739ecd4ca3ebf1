#include "reconciler/audit_chain.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "host/log.h"

namespace reconciler {
namespace {

using api::Expected;
using api::Json;

constexpr std::string_view kSeq = R"(,"seq":)";
constexpr std::string_view kChain = R"(,"chain":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::size_t kHashSize = 64;
constexpr std::size_t kSuffixSize = kChain.size() + kHashSize + kEnd.size();
constexpr std::size_t kTailBytes = 256u << 10;  // Some hundred lines; the longest has a reason of some KiB.

std::string HashOf(std::string_view before, std::string_view body) {
  return api::codec::Sha256Hex(std::string(before).append("\n").append(body));
}

/// A line of a chain, taken apart.
struct Link {
  std::string_view body{};  ///< Up to its own hash.
  std::string_view hash{};
  std::int64_t seq = 0;
};

std::optional<Link> LinkOf(std::string_view line) {
  if (line.size() <= kSuffixSize || !line.ends_with(kEnd)) return std::nullopt;
  Link link{.body = line.substr(0, line.size() - kSuffixSize)};
  const std::string_view suffix = line.substr(link.body.size());
  if (!suffix.starts_with(kChain)) return std::nullopt;
  link.hash = suffix.substr(kChain.size(), kHashSize);
  const std::size_t at = link.body.rfind(kSeq);
  if (at == std::string_view::npos) return std::nullopt;
  const char* const end = link.body.data() + link.body.size();
  const auto [rest, error] = std::from_chars(link.body.data() + at + kSeq.size(), end, link.seq);
  if (error != std::errc() || rest != end || link.seq < 1) return std::nullopt;
  return link;
}

/// What a line says of the chain itself.
struct Marker {
  std::string verb{};
  std::string before{};    ///< The chain that it goes on from; empty for a new one.
  std::int64_t bytes = 0;  ///< Without a chain before it (`begin`), cut off before it (`mend`).
};

std::optional<Marker> MarkerOf(std::string_view line) {
  const auto json = api::codec::ParseJson(line);
  const Json* target = json ? json->Find("target") : nullptr;
  if (!target || target->StringOr("") != "audit log") return std::nullopt;
  Marker marker;
  if (const Json* verb = json->Find("verb")) marker.verb = verb->StringOr("");
  if (const Json* before = json->Find("previous")) marker.before = before->StringOr("");
  if (const Json* bytes = json->Find("bytes"); bytes && bytes->integer()) marker.bytes = *bytes->integer();
  return marker;
}

}  // namespace

std::string Chained(std::string_view line, ChainHead& head) {
  std::string text(line.substr(0, line.size() - 1));
  text.append(kSeq).append(std::to_string(++head.seq));
  head.hash = HashOf(head.hash, text);
  return text.append(kChain).append(head.hash).append(kEnd);
}

Expected<void> ChainedLog::Append(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (!has_begun_) {
    if (auto begun = Begin(); !begun) return begun;
    has_begun_ = true;
  } else {
    const auto end = log_.End(0);
    if (!end) return end.error();
    if (end->size == 0)
      if (auto marked = Mark("rotate", "", 0); !marked) return marked;
  }
  return Add(line);
}

/// Finds the end of the chain, mends a line that was cut off, and begins a chain where there is none.
Expected<void> ChainedLog::Begin() {
  const auto end = log_.End(kTailBytes);
  if (!end) return end.error();
  std::string tail = end->tail;
  std::size_t cut_off = tail.size() - (tail.rfind('\n') + 1);          // All of it when there is none: npos + 1 is 0.
  if (LinkOf(std::string_view(tail).substr(tail.size() - cut_off))) {  // Only the line feed is missing.
    if (auto closed = log_.Append(""); !closed) return closed;
    tail += '\n';
    cut_off = 0;
  }
  std::string_view rest = tail;
  rest.remove_suffix(cut_off);
  head_ = {};
  while (!rest.empty()) {
    rest.remove_suffix(1);
    const std::size_t before = rest.rfind('\n');
    const std::string_view line = rest.substr(before == std::string_view::npos ? 0 : before + 1);
    if (const auto link = LinkOf(line)) {
      head_ = {.seq = link->seq, .hash = std::string(link->hash)};
      break;
    }
    rest.remove_suffix(line.size());
  }
  if (cut_off > 0)
    if (auto closed = log_.Append(""); !closed) return closed;
  host::log::Info("the audit log goes on", {{"seq", std::to_string(head_.seq)}, {"chain", head_.hash}});
  if (head_.hash.empty()) return Mark("begin", "bytes", end->size + (cut_off > 0 ? 1 : 0));
  return cut_off > 0 ? Mark("mend", "bytes", cut_off) : Expected<void>();
}

Expected<void> ChainedLog::Mark(std::string_view verb, std::string_view field, std::uint64_t bytes) {
  Json line = Json::Of({{"time", api::codec::FormatTime(clock_.Now())},
                        {"actor", "system:audit"},
                        {"verb", std::string(verb)},
                        {"target", "audit log"},
                        {"outcome", "done"},
                        {"previous", head_.hash}});
  if (!field.empty()) line[field] = static_cast<std::int64_t>(bytes);
  return Add(api::codec::WriteJson(line));
}

Expected<void> ChainedLog::Add(std::string_view line) {
  ChainHead next = head_;
  if (auto added = log_.Append(Chained(line, next)); !added) return added;
  head_ = std::move(next);
  return {};
}

bool ChainReport::is_good() const {
  return std::none_of(findings.begin(), findings.end(), [](const ChainFinding& finding) { return finding.is_fault; });
}

struct ChainCheck::Line {
  std::string_view text{};
  std::int64_t number = 0;
  std::size_t offset = 0;
  bool is_cut_off = false;       ///< The file ends in it.
  std::optional<Marker> next{};  ///< What the line behind it says of it.
};

struct ChainCheck::File {
  std::string name{};
  std::size_t said = 0;
  bool has_begun = false;  ///< A line of the chain was seen in it.
};

void ChainCheck::Say(File& file, std::int64_t line, std::string message, bool is_fault) {
  if (++file.said > kFindingsMax) return;
  if (file.said == kFindingsMax) message = "more than can be named here begins; the rest of this file is not told";
  report_.findings.push_back({.file = file.name, .line = line, .message = std::move(message), .is_fault = is_fault});
}

/// A line that is no link of a chain.
void ChainCheck::TakeBroken(File& file, const Line& line) {
  if (!file.has_begun && !is_chained_) return;  // Of the time before there was a chain; `begin` says how many bytes.
  const auto size = static_cast<std::int64_t>(line.text.size());
  const bool is_mended = line.next && line.next->verb == "mend" && line.next->bytes == size;
  // All that there was of a new file: the next start began a chain behind it, which is told as a fault of its own.
  const bool is_begun =
      !file.has_begun && line.offset == 0 && line.next && line.next->verb == "begin" && line.next->bytes == size + 1;
  if (line.is_cut_off || is_mended || is_begun)
    return Say(file, line.number, "is cut off: the machine stopped while it was written", false);
  Say(file, line.number, "was changed or put in: it is no line of the chain");
}

/// The first link of a file.
void ChainCheck::TakeFirst(File& file, const Line& line) {
  const auto link = LinkOf(line.text);
  const auto marker = MarkerOf(line.text);
  const bool is_begin = marker && marker->verb == "begin";
  if (is_begin && marker->bytes != static_cast<std::int64_t>(line.offset))
    Say(file, line.number,
        "begins the chain behind " + std::to_string(marker->bytes) + " bytes, and there are " +
            std::to_string(line.offset) + ": what stands before it was changed");
  if (is_chained_ && is_begin)
    Say(file, line.number,
        "begins a chain of its own: the log was rotated when herod stood still or was killed, or it was replaced");
  else if (is_chained_ && (!marker || marker->before != report_.head.hash))
    Say(file, line.number, "does not go on where the file before ends: lines are missing between them, or files");
  if (!is_chained_ && !is_begin)
    Say(file, line.number,
        "goes on from line " + std::to_string(link->seq - 1) + " of an earlier file, which was not checked", false);
  const std::string before = marker ? marker->before : "";
  if (marker && HashOf(before, link->body) != link->hash) Say(file, line.number, "was changed");
}

void ChainCheck::Take(File& file, const Line& line) {
  const auto link = LinkOf(line.text);
  if (!link) return TakeBroken(file, line);
  if (!file.has_begun) {
    TakeFirst(file, line);
  } else if (link->seq > report_.head.seq + 1) {
    const std::int64_t missing = link->seq - report_.head.seq - 1;
    Say(file, line.number, std::to_string(missing) + (missing == 1 ? " line is" : " lines are") + " missing before it");
  } else if (link->seq <= report_.head.seq) {
    Say(file, line.number,
        "stands in the wrong place: it is line " + std::to_string(link->seq) + " of the chain, behind line " +
            std::to_string(report_.head.seq));
  } else if (HashOf(report_.head.hash, link->body) != link->hash) {
    Say(file, line.number, "was changed");
  }
  file.has_begun = true;
  is_chained_ = true;
  ++report_.lines;
  report_.head = {.seq = link->seq, .hash = std::string(link->hash)};
}

void ChainCheck::Add(const std::string& name, std::string_view text) {
  File file{.name = name};
  std::int64_t number = 0;
  const auto line_at = [&](std::size_t offset) { return text.substr(offset, text.find('\n', offset) - offset); };
  for (std::size_t offset = 0; offset < text.size();) {
    Line line{.text = line_at(offset), .number = ++number, .offset = offset};
    const std::size_t next = offset + line.text.size() + 1;
    line.is_cut_off = next > text.size();
    if (next < text.size()) line.next = MarkerOf(line_at(next));
    Take(file, line);
    offset = next;
  }
  if (!file.has_begun) Say(file, number, "has no chain: it is older than that, or was replaced", is_chained_);
}

}  // namespace reconciler
