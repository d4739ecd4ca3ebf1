#include "reconciler/audit.h"

#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "host/log.h"

namespace reconciler {
namespace {

constexpr std::string_view kSystem = "system:";

/// Whoever is refused may have written anything, of any length; no name that is taken is cut.
std::string TargetOf(const api::Object& object) {
  constexpr std::size_t kNameMax = 253;
  const auto shown = [](const std::string& text) { return api::codec::Printable(text, kNameMax); };
  const std::string& namespace_ = object.metadata.namespace_;
  return shown(object.kind) + " " + (namespace_.empty() ? "" : shown(namespace_) + "/") + shown(object.metadata.name);
}

/// An Event that the engine writes says nothing that the steps do not say.
bool IsOwnEvent(std::string_view kind, const WriteOptions& options) {
  return kind == "Event" && options.actor.starts_with(kSystem);
}

}  // namespace

void Audit::Write(const AuditRecord& record) {
  if (!log_) return;
  api::Json line = api::Json::Of({{"time", api::codec::FormatTime(record.time)},
                                  {"actor", record.actor},
                                  {"verb", record.verb},
                                  {"target", record.target},
                                  {"outcome", record.outcome}});
  if (!record.reason.empty()) line["reason"] = record.reason;
  if (!record.from.empty()) line["from"] = record.from;
  if (record.revision != 0) line["revision"] = record.revision;
  if (auto written = log_->Append(api::codec::WriteJson(line)); !written)
    host::log::Error("audit line lost", {{"actor", record.actor},
                                         {"verb", record.verb},
                                         {"target", record.target},
                                         {"error", written.error().message}});
}

void AuditedClient::Note(std::string_view verb, const auto& options, const std::string& target,
                         const api::Expected<Written>& written) {
  audit_.Write({.time = clock_.Now(),
                .actor = options.actor,
                .verb = std::string(verb),
                .target = target,
                .outcome = written ? "done" : written.error().reason,
                .from = options.from,
                .revision = written && written->object ? written->object->resource_version.value : 0});
}

api::Expected<Written> AuditedClient::Create(api::Object object, const WriteOptions& options) {
  const bool is_event = IsOwnEvent(object.kind, options);
  const bool is_nameless = object.metadata.name.empty();
  std::string target = TargetOf(object);
  auto written = client_.Create(std::move(object), options);
  if (is_nameless && written) target += written->object->key.name;
  if (!is_event && !options.is_dry_run) Note("create", options, target, written);
  return written;
}

api::Expected<Written> AuditedClient::Update(api::Object object, const WriteOptions& options) {
  const std::string target = TargetOf(object);
  auto written = client_.Update(std::move(object), options);
  if (!options.is_dry_run) Note("update", options, target, written);
  return written;
}

std::vector<api::Expected<Written>> AuditedClient::WriteAll(std::vector<api::Object> objects,
                                                            const WriteOptions& options) {
  struct Line {
    bool is_told = false;
    bool is_new = false;
    std::string target{};
  };
  std::vector<Line> lines;
  lines.reserve(objects.size());
  for (const api::Object& object : objects)
    lines.push_back({.is_told = !IsOwnEvent(object.kind, options) && !options.is_dry_run,
                     .is_new = object.metadata.resource_version.value == 0,
                     .target = TargetOf(object)});
  auto written = client_.WriteAll(std::move(objects), options);
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (lines[i].is_told) Note(lines[i].is_new ? "create" : "update", options, lines[i].target, written[i]);
  return written;
}

api::Expected<Written> AuditedClient::UpdateStatus(api::Object object, const WriteOptions& options) {
  const std::string target = TargetOf(object);
  auto written = client_.UpdateStatus(std::move(object), options);
  if (!options.actor.starts_with(kSystem) && !options.is_dry_run) Note("update status", options, target, written);
  return written;
}

api::Expected<Written> AuditedClient::Patch(const api::ObjectKey& key, const PatchDocument& patch,
                                            const WriteOptions& options) {
  auto written = client_.Patch(key, patch, options);
  const bool is_event = key.resource == "events" && options.actor.starts_with(kSystem);
  if (!is_event && !options.is_dry_run) Note("patch", options, ToString(key), written);
  return written;
}

api::Expected<Written> AuditedClient::Delete(const api::ObjectKey& key, const DeleteOptions& options) {
  auto written = client_.Delete(key, options);
  const bool is_event = key.resource == "events" && options.actor.starts_with(kSystem);
  if (!is_event && !options.is_dry_run) Note("delete", options, ToString(key), written);
  return written;
}

}  // namespace reconciler
