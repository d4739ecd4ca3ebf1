#include "server/watch_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/codec/json.h"
#include "server/event_spelling.h"
#include "server/status.h"
#include "server/table.h"

namespace server {
namespace {

using api::Json;
using reconciler::Event;
using reconciler::EventType;
using reconciler::SnapshotPtr;

constexpr std::size_t kChunkBytes = 64u << 10;  // What one slow reader can hold in memory, beside one large object.
constexpr std::size_t kLooksMax = 200;  // Objects that one Pull asks the selectors about: below 2 ms of the io thread.
constexpr std::chrono::seconds kBookmarkInterval{
    60};  // As Kubernetes: a client that resumes then has missed a minute at most.
constexpr std::string_view kBeginningEnds = "k8s.io/initial-events-end";
constexpr std::chrono::seconds kLastBookmark{2};  // Before the end, so that the client resumes from there.

std::string_view NameOf(EventType type) {
  switch (type) {
    case EventType::kAdded:
      return "ADDED";
    case EventType::kModified:
      return "MODIFIED";
    case EventType::kDeleted:
      return "DELETED";
    case EventType::kBookmark:
      return "BOOKMARK";
  }
  return "ERROR";
}

void AppendFrame(std::string& bytes, std::string_view type, std::string_view object_text) {
  constexpr std::string_view kBegin = R"({"object":)";
  constexpr std::string_view kType = R"(,"type":")";
  constexpr std::string_view kEnd = "\"}\n";
  bytes.reserve(bytes.size() + kBegin.size() + object_text.size() + kType.size() + type.size() + kEnd.size());
  bytes.append(kBegin).append(object_text).append(kType).append(type).append(kEnd);
}

void AppendError(std::string& bytes, const api::Error& error) {
  AppendFrame(bytes, "ERROR", api::codec::WriteJson(StatusObject(error)));
}

class FailedStream final : public ChunkSource {
 public:
  explicit FailedStream(const api::Error& error) { AppendError(frame_, error); }

  Chunk Pull() override { return {.bytes = std::exchange(frame_, {}), .is_last = true}; }
  void SetNotify(std::function<void()>) override {}  // All is said at once.

 private:
  std::string frame_;
};

class WatchStream final : public ChunkSource {
 public:
  WatchStream(WatchOptions options, std::unique_ptr<reconciler::Watch> watch, std::vector<SnapshotPtr> initial,
              api::ResourceVersion from, const host::Clock& clock)
      : options_(std::move(options)),
        watch_(std::move(watch)),
        initial_(std::move(initial)),
        seen_(from),
        clock_(clock),
        end_(clock.SteadyNow() + options_.length),
        next_bookmark_(FirstBookmark()),
        owes_mark_(options_.marks_beginning) {}

  Chunk Pull() override {
    Chunk chunk;
    std::size_t looks = TakeInitial(chunk.bytes);
    for (; chunk.bytes.size() < kChunkBytes; ++looks) {
      if (looks >= kLooksMax) {  // Others are served before we go on.
        chunk.wake_after = std::chrono::milliseconds(0);
        break;
      }
      auto event = watch_->Next(std::chrono::milliseconds(0), {});
      if (!event) {
        AppendError(chunk.bytes, event.error());
        chunk.is_last = true;
        return chunk;
      }
      if (!*event) {
        KeepBookmarks(chunk);
        break;
      }
      Take(**event, chunk.bytes);
    }
    KeepEnd(chunk);
    return chunk;
  }

  void SetNotify(std::function<void()> notify) override { watch_->SetNotify(std::move(notify)); }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  TimePoint FirstBookmark() const {
    const TimePoint now = clock_.SteadyNow();
    return std::min(now + kBookmarkInterval, std::max(now, end_ - kLastBookmark));
  }

  /// How many it looked at.
  std::size_t TakeInitial(std::string& bytes) {
    std::size_t looks = 0;
    for (; initial_taken_ < initial_.size() && bytes.size() < kChunkBytes && looks < kLooksMax; ++looks) {
      const SnapshotPtr object = std::exchange(initial_[initial_taken_++], nullptr);
      if (options_.selection.Matches(*object)) Say(EventType::kAdded, *object, bytes);
    }
    // Before anything that happened since: what is marked is the whole of one moment, `seen_`.
    if (initial_taken_ == initial_.size() && std::exchange(owes_mark_, false)) SayBookmark(true, bytes);
    return looks;
  }

  void Take(const Event& event, std::string& bytes) {
    seen_ = std::max(seen_, event.revision);
    if (!event.object) return;  // A bookmark of the store: ours are sent by the clock.
    const bool is_in = options_.selection.Matches(*event.object);
    const bool was_in =
        event.type != EventType::kAdded && (event.previous ? options_.selection.Matches(*event.previous) : is_in);
    if (event.type == EventType::kDeleted) {
      if (was_in) Say(EventType::kDeleted, *event.object, bytes);
    } else if (is_in) {
      Say(was_in ? EventType::kModified : EventType::kAdded, *event.object, bytes);
    } else if (was_in) {
      reconciler::Snapshot left = *event.previous;
      left.resource_version = event.revision;
      Restamp(left);
      Say(EventType::kDeleted, left, bytes);
    }
  }

  /// Puts the snapshot's version into its text.
  static void Restamp(reconciler::Snapshot& snapshot) {
    auto object = api::codec::ParseJson(snapshot.text);
    if (!object)
      return;  // What the store wrote can be read; if not, the old version only makes the client see it again.
    (*object)["metadata"]["resourceVersion"] = std::to_string(snapshot.resource_version.value);
    snapshot.text = api::codec::WriteJson(*object);
  }

  void Say(EventType type, const reconciler::Snapshot& object, std::string& bytes) {
    if (options_.wanted.form == Form::kWhole) {
      if (IsRespelled(*options_.kind))
        AppendFrame(bytes, NameOf(type), ServedText(*options_.kind, object.text));
      else
        AppendFrame(bytes, NameOf(type), object.text);  // A copy less, for each watcher.
      return;
    }
    const auto read = api::codec::ParseJson(object.text);
    Json json = read ? *read : Json();  // What the store wrote can be read.
    if (IsRespelled(*options_.kind)) SpellAsEventsGroup(json);
    if (options_.wanted.form == Form::kMetadata) return SayMetadata(type, json, bytes);
    SayTable(type, object.resource_version, Row(json), bytes);
  }

  Json::Array Row(const Json& object) const {
    return {TableRow(*options_.kind, object, options_.wanted, clock_.Now())};
  }

  void SayMetadata(EventType type, const Json& object, std::string& bytes) {
    AppendFrame(bytes, NameOf(type), api::codec::WriteJson(MetadataOf(object, options_.wanted.meta_version)));
  }

  void SayTable(EventType type, api::ResourceVersion version, Json::Array rows, std::string& bytes) {
    Json columns = has_columns_ ? Json() : TableColumns(*options_.kind);
    has_columns_ = true;
    const Json table =
        MakeTable(options_.wanted.meta_version, Json::Of({{"resourceVersion", std::to_string(version.value)}}),
                  std::move(columns), std::move(rows));
    AppendFrame(bytes, NameOf(type), api::codec::WriteJson(table));
  }

  /// Only with nothing else to say: a bookmark promises that everything before it was sent.
  void KeepBookmarks(Chunk& chunk) {
    if (!options_.has_bookmarks) return;
    const TimePoint now = clock_.SteadyNow();
    if (now >= next_bookmark_) {
      SayBookmark(false, chunk.bytes);
      next_bookmark_ = now + kBookmarkInterval;
      if (now < end_ - kLastBookmark) next_bookmark_ = std::min(next_bookmark_, end_ - kLastBookmark);
    }
    chunk.wake_after = std::chrono::ceil<std::chrono::milliseconds>(next_bookmark_ - now);
  }

  void KeepEnd(Chunk& chunk) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - clock_.SteadyNow());
    chunk.is_last = left.count() <= 0;
    if (chunk.bytes.size() >= kChunkBytes) return;  // There may be more to say.
    chunk.wake_after = std::min(left, chunk.wake_after.value_or(left));
  }

  void SayBookmark(bool ends_beginning, std::string& bytes) {
    Json metadata = Json::Of({{"resourceVersion", std::to_string(seen_.value)}});
    if (ends_beginning) metadata["annotations"][kBeginningEnds] = "true";
    const Json object = Json::Of({{"apiVersion", options_.kind->api_version()},
                                  {"kind", options_.kind->kind},
                                  {"metadata", std::move(metadata)}});
    if (options_.wanted.form == Form::kMetadata) return SayMetadata(EventType::kBookmark, object, bytes);
    if (options_.wanted.form == Form::kWhole) {
      AppendFrame(bytes, NameOf(EventType::kBookmark), api::codec::WriteJson(object));
      return;
    }
    // A table has no annotations: the row's object carries the mark.
    SayTable(EventType::kBookmark, seen_, ends_beginning ? Row(object) : Json::Array{}, bytes);
  }

  const WatchOptions options_;
  const std::unique_ptr<reconciler::Watch> watch_;
  std::vector<SnapshotPtr> initial_;
  std::size_t initial_taken_ = 0;
  api::ResourceVersion seen_;
  const host::Clock& clock_;
  const TimePoint end_;
  TimePoint next_bookmark_;
  bool owes_mark_;  ///< The bookmark that ends the beginning was not sent yet.
  bool has_columns_ = false;
};

}  // namespace

std::unique_ptr<ChunkSource> MakeWatchStream(WatchOptions options, std::unique_ptr<reconciler::Watch> watch,
                                             std::vector<SnapshotPtr> initial, api::ResourceVersion from,
                                             const host::Clock& clock) {
  return std::make_unique<WatchStream>(std::move(options), std::move(watch), std::move(initial), from, clock);
}

std::unique_ptr<ChunkSource> MakeFailedStream(const api::Error& error) { return std::make_unique<FailedStream>(error); }

}  // namespace server
