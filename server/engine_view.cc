#include "server/engine_view.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "api/codec/text.h"

namespace server {
namespace {

using api::Json;
using reconciler::PassRecord;
using reconciler::QueuedKey;
using reconciler::QueueReport;
using reconciler::StepResult;

std::string_view NameOf(QueuedKey::State state) {
  switch (state) {
    case QueuedKey::State::kReady:
      return "ready";
    case QueuedKey::State::kWaiting:
      return "waiting";
    case QueuedKey::State::kProcessing:
      return "processing";
  }
  return "";
}

std::string_view NameOf(StepResult::State state) {
  switch (state) {
    case StepResult::State::kDone:
      return "done";
    case StepResult::State::kFailed:
      return "failed";
    case StepResult::State::kPending:
      return "pending";
    case StepResult::State::kSkipped:
      return "skipped";
    case StepResult::State::kHeld:
      return "held";
  }
  return "";
}

/// In whole milliseconds, upwards: nothing took no time.
std::string Length(std::chrono::microseconds length) {
  return api::codec::FormatDuration(std::chrono::ceil<std::chrono::milliseconds>(length));
}

Json KeyDocument(const QueuedKey& key) {
  const std::string& namespace_ = key.request.namespace_;
  Json json = Json::Of({{"object", namespace_.empty() ? key.request.name : namespace_ + "/" + key.request.name},
                        {"state", NameOf(key.state)},
                        {"priority", key.priority == reconciler::Priority::kLow ? "low" : "normal"},
                        {"age", Length(key.age)},
                        {"failures", key.failures}});
  if (key.state == QueuedKey::State::kWaiting) json["readyIn"] = Length(key.ready_in);
  return json;
}

Json StepDocument(const StepResult& step) {
  Json json = Json::Of({{"step", step.sentence}, {"state", NameOf(step.state)}});
  const bool was_tried = step.state == StepResult::State::kDone || step.state == StepResult::State::kFailed;
  if (was_tried) json["took"] = Length(step.took);
  if (step.state != StepResult::State::kFailed) return json;
  json["reason"] = step.error.reason;
  json["message"] = step.error.message;
  return json;
}

Json PassDocument(const PassRecord& pass) {
  Json::Array causes;
  for (const std::string& cause : pass.causes) causes.emplace_back(cause);
  Json::Array steps;
  for (const StepResult& step : pass.steps) steps.push_back(StepDocument(step));
  Json json = Json::Of({{"controller", pass.controller},
                        {"began", api::codec::FormatMicroTime(pass.began)},
                        {"took", Length(pass.took)},
                        {"causes", std::move(causes)},
                        {"rounds", pass.rounds},
                        {"steps", std::move(steps)},
                        {"outcome", pass.outcome},
                        {"failures", pass.failures},
                        {"repeated", pass.repeated}});
  if (pass.next) json["nextIn"] = Length(*pass.next);
  return json;
}

}  // namespace

Json QueueDocument(const std::vector<QueueReport>& queues) {
  Json::Array controllers;
  for (const QueueReport& queue : queues) {
    Json::Array keys;
    for (const QueuedKey& key : queue.keys) keys.push_back(KeyDocument(key));
    controllers.push_back(Json::Of({{"controller", queue.controller}, {"keys", std::move(keys)}}));
  }
  return Json::Of({{"kind", "Queue"}, {"controllers", std::move(controllers)}});
}

Json HistoryDocument(const std::vector<PassRecord>& passes) {
  Json::Array documents;
  for (const PassRecord& pass : passes) documents.push_back(PassDocument(pass));
  return Json::Of({{"kind", "History"}, {"passes", std::move(documents)}});
}

}  // namespace server
