#include "reconciler/task.h"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>

#include "api/codec/fields.h"
#include "api/codec/object.h"
#include "host/log.h"
#include "reconciler/store.h"

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::string_view kResource = "tasks.internal";  // In no catalog, so never served.
constexpr std::array kPhases = {"Running", "Succeeded", "Failed"};

/// TaskState as it is written.
struct Record {
  std::string input{};
  std::string phase{};
  std::int64_t started_us = 0;  // Microseconds since 1970: a hint and a fetch may fall into one second.
  std::int64_t ended_us = 0;
  api::Json result{};
  std::string error_code{};
  std::string error_reason{};
  std::string error_message{};

  static void Fields(auto& self, auto&& field) {
    field("input", self.input);
    field("phase", self.phase);
    field("startedMicroseconds", self.started_us);
    field("endedMicroseconds", self.ended_us);
    field("result", self.result);
    field("errorCode", self.error_code);
    field("errorReason", self.error_reason);
    field("errorMessage", self.error_message);
  }
};

Code CodeOf(std::string_view name) {
  for (const Code code : {Code::kNotFound, Code::kAlreadyExists, Code::kConflict, Code::kInvalid, Code::kForbidden,
                          Code::kExpired, Code::kUnavailable, Code::kTimeout})
    if (CodeName(code) == name) return code;
  return Code::kInternal;
}

api::Json Encode(const TaskState& state) {
  const bool failed = state.phase == TaskState::Phase::kFailed;
  return api::codec::Encode(Record{.input = state.input,
                                   .phase = kPhases[static_cast<std::size_t>(state.phase)],
                                   .started_us = state.started.time_since_epoch().count(),
                                   .ended_us = state.ended.time_since_epoch().count(),
                                   .result = state.result,
                                   .error_code = failed ? std::string(CodeName(state.error.code)) : "",
                                   .error_reason = state.error.reason,
                                   .error_message = state.error.message});
}

std::optional<TaskState> Decode(const Snapshot& snapshot) {
  auto object = api::codec::ParseObject(snapshot.text);
  const api::Json* spec = object ? object->body.Find("spec") : nullptr;
  auto record = spec ? api::codec::Decode<Record>(*spec) : Expected<Record>(Error{});
  if (!record) return std::nullopt;  // Written by another version: the work is done again.
  const auto phase = std::find(kPhases.begin(), kPhases.end(), record->phase);
  TaskState state{.input = record->input,
                  .phase = static_cast<TaskState::Phase>(phase - kPhases.begin()),
                  .started = api::Time(std::chrono::microseconds(record->started_us)),
                  .ended = api::Time(std::chrono::microseconds(record->ended_us)),
                  .result = record->result};
  if (phase == kPhases.end()) return std::nullopt;
  if (state.phase == TaskState::Phase::kFailed)
    state.error = {CodeOf(record->error_code), record->error_reason, record->error_message};
  return state;
}

api::ObjectKey StoreKey(std::string_view object, std::string_view step) {
  return {std::string(kResource), std::string(object), std::string(step)};
}

api::Object EmptyTask(const api::ObjectKey& key) {
  return {.api_version = "internal/v1", .kind = "Task", .metadata = {.name = key.name, .namespace_ = key.namespace_}};
}

}  // namespace

Tasks::Tasks(Store& store, const host::Clock& clock, TaskOptions options)
    : store_(store), clock_(clock), options_(options) {}

std::optional<TaskState> Tasks::Find(const api::Uid& object, std::string_view step) const {
  auto snapshot = store_.Get(StoreKey(object.value, step));
  return snapshot ? Decode(**snapshot) : std::nullopt;
}

StepOutcome Tasks::Ensure(const api::Uid& object, std::string_view step, TaskWish wish, Ended ended) {
  const Key key{object.value, step};
  if (auto joined = JoinLive(key, wish)) return *std::move(joined);

  std::optional<TaskState> news;
  {
    std::lock_guard lock(mutex_);
    if (auto found = news_.extract(key)) news = std::move(found.mapped());
  }
  if (!news || news->input != wish.input) return Start(key, std::move(wish), std::move(ended));
  if (news->phase == TaskState::Phase::kFailed) return news->error;
  return {};
}

/// What to say while a task of that step is in this process; no value when none is.
std::optional<StepOutcome> Tasks::JoinLive(const Key& key, const TaskWish& wish) {
  std::unique_lock lock(mutex_);
  const auto found = live_.find(key);
  if (found == live_.end()) return std::nullopt;
  const std::shared_ptr<Live> live = found->second;
  const auto deadline = live->deadline;
  lock.unlock();

  const auto now = clock_.SteadyNow();
  const bool is_obsolete = live->wish.input != wish.input && !wish.lets_finish;
  if (is_obsolete || (deadline && now >= *deadline)) live->stop.request_stop();
  const auto left = deadline ? std::chrono::ceil<std::chrono::milliseconds>(*deadline - now) : wish.deadline;
  // Stopped work may need a moment to end; then it wakes the object, and the new wish starts.
  return StepOutcome::Pending(std::max(left, std::chrono::milliseconds(1000)));
}

StepOutcome Tasks::Start(const Key& key, TaskWish wish, Ended ended) {
  const auto deadline = wish.deadline;
  if (auto saved = Save(key, {.input = wish.input, .started = clock_.Now()}); !saved) return saved.error();
  auto live = std::make_shared<Live>();
  live->wish = std::move(wish);
  live->ended = std::move(ended);
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.queue_max)
      return Error{Code::kUnavailable, "TaskQueueFull",
                   "more than " + std::to_string(options_.queue_max) + " tasks wait; this one is asked for again"};
    live_.emplace(key, std::move(live));
    waiting_.push_back(key);
  }
  waiting_changed_.notify_one();
  return StepOutcome::Pending(deadline);
}

void Tasks::Settle(const api::Uid& object, const std::set<std::string>& wanted) {
  std::lock_guard lock(mutex_);
  for (auto it = news_.lower_bound({object.value, ""}); it != news_.end() && it->first.first == object.value;)
    it = wanted.contains(it->first.second) ? std::next(it) : news_.erase(it);
  for (auto it = live_.lower_bound({object.value, ""}); it != live_.end() && it->first.first == object.value; ++it)
    if (!wanted.contains(it->first.second) && !it->second->wish.lets_finish) it->second->stop.request_stop();
}

void Tasks::StopLate() {
  const auto now = clock_.SteadyNow();
  std::lock_guard lock(mutex_);
  for (auto& [key, live] : live_)
    if (live->deadline && now >= *live->deadline) live->stop.request_stop();
}

bool Tasks::Stop(const api::Uid& object) {
  std::lock_guard lock(mutex_);
  bool is_any_left = false;
  for (auto it = live_.lower_bound({object.value, ""}); it != live_.end() && it->first.first == object.value; ++it) {
    is_any_left = true;
    it->second->stop.request_stop();
  }
  return is_any_left;
}

void Tasks::Forget(const api::Uid& object) {
  Settle(object, {});
  for (const SnapshotPtr& snapshot : store_.List(kResource, object.value).items) {
    (void)store_.Commit({.draft = MakeDraft(snapshot->key, EmptyTask(snapshot->key)),
                         .is_removal = true,
                         .expected = snapshot->resource_version});
  }
}

bool Tasks::Step() {
  std::unique_lock lock(mutex_);
  if (waiting_.empty()) return false;
  const Key key = waiting_.front();
  waiting_.pop_front();
  const std::shared_ptr<Live> live = live_.at(key);
  live->deadline = clock_.SteadyNow() + live->wish.deadline;
  lock.unlock();
  Execute(key, live);
  return true;
}

void Tasks::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      waiting_changed_.wait(lock, stop, [&] { return !waiting_.empty(); });
    }
    // The stop of this worker has to reach the work in hand.
    const std::stop_callback stop_all(stop, [&] {
      std::lock_guard lock(mutex_);
      for (auto& [key, live] : live_) live->stop.request_stop();
    });
    if (!stop.stop_requested()) Step();
  }
}

/// An exception in it is a bug, and costs the task, not the daemon.
Expected<api::Json> Tasks::RunWork(const Live& live) {
  try {
    return live.wish.work(live.stop.get_token());
  } catch (const std::exception& exception) {
    return Error{Code::kInternal, "Exception", std::string("a bug: ") + exception.what()};
  }
}

void Tasks::Execute(const Key& key, const std::shared_ptr<Live>& live) {
  const api::Time started = clock_.Now();
  const auto started_at = clock_.SteadyNow();
  host::log::Info("task begins", {{"step", key.second}});
  auto result = RunWork(*live);
  TaskState state{.input = live->wish.input, .started = started, .ended = clock_.Now()};
  if (result) {
    state.phase = TaskState::Phase::kSucceeded;
    state.result = *std::move(result);
  } else {
    state.phase = TaskState::Phase::kFailed;
    state.error = clock_.SteadyNow() >= started_at + live->wish.deadline
                      ? Error{Code::kTimeout, "DeadlineExceeded", "did not end in time: " + result.error().message}
                      : result.error();
  }
  // When the store refuses, a restart runs the work once more; in this process its end is known all the same.
  (void)Save(key, state);
  {
    std::lock_guard lock(mutex_);
    live_.erase(key);
    news_.insert_or_assign(key, state);
  }
  live->ended(state);
}

Expected<void> Tasks::Save(const Key& key, const TaskState& state) {
  const api::ObjectKey store_key = StoreKey(key.first, key.second);
  api::Object object = EmptyTask(store_key);
  object.body["spec"] = Encode(state);
  const auto current = store_.Get(store_key);
  auto saved = store_.Commit({.draft = MakeDraft(store_key, object),
                              .expected = current ? (*current)->resource_version : api::ResourceVersion{}});
  if (!saved) return saved.error();
  return {};
}

}  // namespace reconciler
