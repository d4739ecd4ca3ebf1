#include "client/wait.h"

#include <algorithm>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/json_at.h"
#include "api/meta/words.h"
#include "client/path_template.h"

namespace client {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::Json;
using api::ObjectKey;
using api::codec::IntegerAt;
using TimePoint = std::chrono::steady_clock::time_point;

bool IsConditionMet(const WaitFor& wait, const Json& object) {
  const Json* conditions = object.At({"status", "conditions"});
  if (!conditions || !conditions->array()) return false;
  const std::int64_t generation = IntegerAt(object, {"metadata", "generation"}).value_or(0);
  for (const Json& condition : *conditions->array()) {
    const Json* type = condition.Find("type");
    const Json* status = condition.Find("status");
    if (!type || !status || api::LowerCase(type->StringOr("")) != api::LowerCase(wait.path)) continue;
    auto observed = IntegerAt(condition, {"observedGeneration"});
    if (!observed) observed = IntegerAt(object, {"status", "observedGeneration"});
    if (observed && *observed < generation) return false;
    return api::LowerCase(status->StringOr("")) == api::LowerCase(wait.value);
  }
  return false;
}

std::string Describe(const WaitFor& wait) {
  switch (wait.what) {
    case WaitFor::What::kCondition:
      return "the condition " + wait.path + "=" + wait.value;
    case WaitFor::What::kDeletion:
      return "the deletion";
    case WaitFor::What::kPath:
      return wait.path + "=" + wait.value;
  }
  return "";
}

/// Waits for one object. Lists and watches, and lists again when the watch is lost.
class Waiter {
 public:
  Waiter(reconciler::Client& client, const WaitFor& wait, TimePoint deadline, const host::Clock& clock,
         std::stop_token stop)
      : client_(client), wait_(wait), deadline_(deadline), clock_(clock), stop_(std::move(stop)) {}

  Expected<void> Wait(const ObjectKey& key) {
    seen_.reset();
    if (!wait_.uid.value.empty()) seen_ = wait_.uid;
    for (;;) {
      auto is_met = WaitOnce(key);
      if (is_met && *is_met) return {};
      if (is_met || IsOver())
        return Error{Code::kTimeout, "WaitTimeout",
                     "timed out waiting for " + Describe(wait_) + " on " + ToString(key)};
      // A watch that is lost, or that the server ended after its time, is begun anew.
      const bool is_renewed = is_met.error().code == Code::kExpired || is_met.error().reason == "StreamEnded";
      if (!is_renewed) return is_met.error();
    }
  }

 private:
  bool IsOver() const { return clock_.SteadyNow() >= deadline_ || stop_.stop_requested(); }

  /// True: met. False: out of time. Errors: kExpired means once more.
  Expected<bool> WaitOnce(const ObjectKey& key) {
    const auto list = client_.List(key.resource, key.namespace_);
    if (!list) return list.error();
    const auto found =
        std::find_if(list->items.begin(), list->items.end(), [&](const auto& item) { return item->key == key; });
    if (IsSnapshotMet(found == list->items.end() ? nullptr : *found)) return true;
    auto watch = client_.OpenWatch(key.resource, list->revision);
    if (!watch) return watch.error();
    for (;;) {
      if (IsOver()) return false;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.SteadyNow());
      auto event = (*watch)->Next(left, stop_);
      if (!event) return event.error();
      if (!*event || !(*event)->object || (*event)->object->key != key) continue;
      const bool is_gone = (*event)->type == reconciler::EventType::kDeleted;
      if (IsSnapshotMet(is_gone ? nullptr : (*event)->object)) return true;
    }
  }

  bool IsSnapshotMet(const reconciler::SnapshotPtr& snapshot) {
    if (!snapshot) return IsMet(wait_, nullptr);
    // Another object of the same name: the one that we wait for is gone.
    if (seen_ && *seen_ != snapshot->uid && wait_.what == WaitFor::What::kDeletion) return true;
    seen_ = snapshot->uid;
    const auto object = api::codec::ParseJson(snapshot->text);
    return object && IsMet(wait_, &*object);
  }

  reconciler::Client& client_;
  const WaitFor& wait_;
  const TimePoint deadline_;
  const host::Clock& clock_;
  const std::stop_token stop_;
  std::optional<api::Uid> seen_;
};

}  // namespace

Expected<WaitFor> ParseWaitFor(std::string_view text) {
  const auto cut = [](std::string_view& rest, std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
  };
  WaitFor wait;
  if (text == "delete") {
    wait.what = WaitFor::What::kDeletion;
    return wait;
  }
  const bool is_condition = cut(text, "condition=");
  if (!is_condition && !cut(text, "jsonpath="))
    return Error{Code::kInvalid, "BadWait", "--for is one of delete, condition=TYPE[=VALUE], jsonpath={PATH}=VALUE"};
  // The value is what stands behind the path's brace, or behind the condition's type.
  const std::size_t brace = is_condition ? std::string_view::npos : text.rfind('}');
  const std::size_t equals = text.find('=', brace == std::string_view::npos ? 0 : brace);
  wait.what = is_condition ? WaitFor::What::kCondition : WaitFor::What::kPath;
  wait.path = text.substr(0, equals);
  if (equals != std::string_view::npos) wait.value = text.substr(equals + 1);
  if (wait.path.empty() || (!is_condition && equals == std::string_view::npos))
    return Error{Code::kInvalid, "BadWait",
                 "--for needs what to wait for: condition=TYPE[=VALUE], jsonpath={PATH}=VALUE"};
  return wait;
}

bool IsMet(const WaitFor& wait, const Json* object) {
  if (wait.what == WaitFor::What::kDeletion) return object == nullptr;
  if (!object) return false;
  if (wait.what == WaitFor::What::kCondition) return IsConditionMet(wait, *object);
  const auto text = ExpandTemplate(*object, wait.path);
  return text && *text == wait.value;
}

Expected<void> WaitUntil(reconciler::Client& client, const std::vector<ObjectKey>& keys, const WaitFor& wait,
                         std::chrono::milliseconds timeout, const host::Clock& clock, std::stop_token stop,
                         const std::function<void(const ObjectKey&)>& met) {
  Waiter waiter(client, wait, clock.SteadyNow() + timeout, clock, std::move(stop));
  for (const ObjectKey& key : keys) {
    if (auto waited = waiter.Wait(key); !waited) return waited.error();
    met(key);
  }
  return {};
}

}  // namespace client
