#include "reconciler/recorder.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "api/codec/object.h"
#include "host/log.h"

namespace reconciler {
namespace {

using api::Json;

constexpr std::string_view kActor = "system:recorder";
constexpr std::string_view kResource = "events";

/// Kubernetes keeps the events of cluster-scoped objects in `default`.
std::string NamespaceOf(const api::Object& about) {
  return about.metadata.namespace_.empty() ? "default" : about.metadata.namespace_;
}

api::Object EventOf(const api::Object& about, std::string_view component, const Recorder::Line& line, api::Time now) {
  const std::string message = api::codec::Printable(line.message);
  api::Object event{.api_version = "v1", .kind = "Event"};
  event.metadata.namespace_ = NamespaceOf(about);
  // Unique for one object, readable in lists, and short enough whatever the message.
  event.metadata.name = about.metadata.name.substr(0, 200) + "." +
                        api::codec::Sha256Hex(about.metadata.uid.value + line.reason + message +
                                              std::to_string(now.time_since_epoch().count()))
                            .substr(0, 16);
  Json& body = event.body;
  body["involvedObject"] = Json::Of({{"apiVersion", about.api_version},
                                     {"kind", about.kind},
                                     {"name", about.metadata.name},
                                     {"uid", about.metadata.uid.value}});
  if (!about.metadata.namespace_.empty()) body["involvedObject"]["namespace"] = about.metadata.namespace_;
  body["type"] = line.is_warning ? "Warning" : "Normal";
  body["reason"] = line.reason;
  body["message"] = message;
  body["source"] = Json::Of({{"component", component}});
  body["reportingComponent"] = component;
  body["firstTimestamp"] = api::codec::FormatTime(now);
  body["lastTimestamp"] = api::codec::FormatTime(now);
  body["count"] = 1;
  return event;
}

/// Of events in their order those that have to go so that `kept_max` stay: the oldest of the namespaces that have most,
/// down to an equal share. So whoever floods a namespace pushes out that namespace's alone.
std::set<const Snapshot*> SurplusOf(const std::vector<SnapshotPtr>& events, std::size_t kept_max) {
  std::set<const Snapshot*> surplus;
  if (events.size() <= kept_max) return surplus;
  std::map<std::string_view, std::size_t> excess;  // How many there are; then how many too many.
  for (const SnapshotPtr& event : events) ++excess[event->key.namespace_];
  std::vector<std::size_t> counts;
  counts.reserve(excess.size());
  for (const auto& [name, count] : excess) counts.push_back(count);
  std::sort(counts.begin(), counts.end());
  std::size_t left = kept_max;
  std::size_t share = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {  // Who has less than a share leaves the rest of it to the others.
    share = left / (counts.size() - i);
    if (counts[i] > share) break;
    left -= counts[i];
  }
  for (auto& [name, count] : excess) count -= std::min(count, share);
  for (const SnapshotPtr& event : events) {
    if (surplus.size() == events.size() - kept_max) break;  // What is left of a division stays.
    std::size_t& too_many = excess[event->key.namespace_];
    if (too_many == 0) continue;
    --too_many;
    surplus.insert(event.get());
  }
  return surplus;
}

/// Clients fill in what their library has: count and timestamps, or eventTime and a series. At least it was made; what
/// they say of times to come would keep it for ever.
api::Time LastSeen(const api::Object& event, api::Time now) {
  api::Time last = event.metadata.creation_timestamp.value_or(api::Time());
  for (const Json* field : {event.body.Find("firstTimestamp"), event.body.Find("lastTimestamp"),
                            event.body.Find("eventTime"), event.body.At({"series", "lastObservedTime"})}) {
    const auto time = field && field->string() ? api::codec::ParseTime(*field->string()) : api::codec::ParseTime("");
    if (time && *time <= now) last = std::max(last, *time);
  }
  return last;
}

}  // namespace

Recorder::Recorder(Client& client, const host::Clock& clock, RecorderOptions options)
    : client_(client), clock_(clock), options_(options) {}

void Recorder::Normal(const api::Object& about, std::string_view component, std::string_view reason,
                      std::string_view message) {
  Tell(about, component, {{.reason = std::string(reason), .message = std::string(message)}});
}

void Recorder::Warning(const api::Object& about, std::string_view component, std::string_view reason,
                       std::string_view message) {
  Tell(about, component, {{.is_warning = true, .reason = std::string(reason), .message = std::string(message)}});
}

void Recorder::Tell(const api::Object& about, std::string_view component, const std::vector<Line>& lines) {
  const api::Time now = clock_.Now();
  std::vector<Same> told;
  std::vector<api::ObjectKey> keys;
  std::vector<api::Object> events;
  for (const Line& line : lines) {
    const Same same{about.metadata.uid.value, line.reason, api::codec::Printable(line.message)};
    if (CountUp(same, now)) continue;
    api::Object event = EventOf(about, component, line, now);
    told.push_back(same);
    keys.push_back({std::string(kResource), event.metadata.namespace_, event.metadata.name});
    events.push_back(std::move(event));
  }
  const auto written = client_.WriteAll(std::move(events), {.actor = std::string(kActor)});
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i])
      Remember(told[i], keys[i]);
    else
      host::log::Warning("event not written", {{"object", about.metadata.name}, {"error", written[i].error().message}});
  }
}

/// True when the same was said before and could be counted.
bool Recorder::CountUp(const Same& same, api::Time now) {
  Series series;
  {
    std::lock_guard lock(mutex_);
    const auto found = series_.find(same);
    if (found == series_.end()) return false;
    ++found->second.count;
    series = found->second;
  }
  const Json patch = Json::Of({{"count", series.count}, {"lastTimestamp", api::codec::FormatTime(now)}});
  return client_.Patch(series.event, patch, {.actor = std::string(kActor)}).has_value();
}

void Recorder::Remember(const Same& same, const api::ObjectKey& event) {
  std::lock_guard lock(mutex_);
  if (series_.insert_or_assign(same, Series{event, 1}).second) oldest_.push_back(same);
  if (oldest_.size() <= options_.remembered_max) return;
  series_.erase(oldest_.front());
  oldest_.pop_front();
}

void Recorder::Sweep() {
  const api::Time now = clock_.Now();
  {
    std::lock_guard lock(mutex_);
    if (now < next_sweep_) return;
    next_sweep_ = now + std::chrono::minutes(1);
  }
  auto events = client_.List(kResource);
  if (!events) return;
  // What waits for somebody's finalizer cannot be swept; it would use up every turn.
  std::erase_if(events->items, [](const SnapshotPtr& event) { return event->is_deleting; });
  std::sort(events->items.begin(), events->items.end(),
            [](const SnapshotPtr& a, const SnapshotPtr& b) { return a->resource_version < b->resource_version; });
  const auto surplus = SurplusOf(events->items, options_.kept_max);
  std::size_t swept = 0;
  for (const SnapshotPtr& snapshot : events->items) {
    if (swept == options_.swept_at_once_max) break;
    const auto event = api::codec::ParseObject(snapshot->text);
    const bool is_surplus = surplus.contains(snapshot.get());
    if (!is_surplus && event && LastSeen(*event, now) > now - options_.kept_for) continue;
    if (!client_.Delete(snapshot->key, {.actor = std::string(kActor)})) continue;
    ++swept;
  }
  if (swept < options_.swept_at_once_max) return;
  std::lock_guard lock(mutex_);
  next_sweep_ = now;  // There is more.
}

}  // namespace reconciler
