#include "reconciler/task.h"

#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "reconciler/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace reconciler {
namespace {

using api::Code;
using api::Json;
using std::chrono::seconds;

struct Bench {
  Bench() : store(*Store::Open({.path = ":memory:"})), tasks(*store, clock) {}

  StepOutcome Ensure(const std::string& input, const api::Expected<Json>& result = Json()) {
    return tasks.Ensure({"uid"}, "fetch x",
                        {.input = input,
                         .deadline = seconds(10),
                         .work =
                             [this, result](std::stop_token) {
                               ++runs;
                               return result;
                             }},
                        [this](const TaskState&) { ++wakes; });
  }

  tests::FakeClock clock;
  std::unique_ptr<Store> store;
  Tasks tasks;
  int runs = 0;
  int wakes = 0;
};

TEST_CASE("[ENGINE] task: pending, then done once, then anew when it is asked for again") {
  Bench bench;
  CHECK(bench.Ensure("a").pending() == std::chrono::milliseconds(10'000));
  CHECK(bench.Ensure("a").pending());
  CHECK(bench.tasks.Find({"uid"}, "fetch x")->phase == TaskState::Phase::kRunning);
  CHECK(bench.tasks.Step());
  CHECK(bench.wakes == 1);
  CHECK(bench.tasks.Find({"uid"}, "fetch x")->phase == TaskState::Phase::kSucceeded);
  const StepOutcome done = bench.Ensure("a");
  CHECK_FALSE(done.pending());
  CHECK_FALSE(done.error());
  CHECK(bench.Ensure("a").pending());
  bench.tasks.Step();
  CHECK(bench.runs == 2);
}

TEST_CASE("[ENGINE] task: a failure is told once, then the next try starts") {
  Bench bench;
  bench.Ensure("a", api::Error{Code::kUnavailable, "NoRoute", "down"});
  bench.tasks.Step();
  CHECK(bench.Ensure("a").error()->reason == "NoRoute");
  CHECK(bench.Ensure("a").pending());
}

TEST_CASE("[ENGINE] task: once the object is as it should be, a later need runs the work anew") {
  Bench bench;
  bench.Ensure("a");
  bench.tasks.Step();
  bench.tasks.Settle({"uid"}, {});
  CHECK(bench.Ensure("a").pending());
}

TEST_CASE("[ENGINE] task: another input stops the running work and then has its own turn") {
  Bench bench;
  std::promise<void> started;
  std::promise<bool> was_stopped;
  bench.tasks.Ensure({"uid"}, "fetch x",
                     {.input = "old",
                      .deadline = seconds(10),
                      .work = [&](std::stop_token stop) -> api::Expected<Json> {
                        std::promise<void> stopped;
                        const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
                        started.set_value();
                        was_stopped.set_value(stopped.get_future().wait_for(seconds(10)) == std::future_status::ready);
                        return api::Error{Code::kUnavailable, "Stopped", "stopped"};
                      }},
                     [&](const TaskState&) { ++bench.wakes; });
  std::jthread worker([&] { bench.tasks.Step(); });
  started.get_future().wait();
  CHECK(bench.Ensure("new").pending());
  CHECK(was_stopped.get_future().get());
  worker.join();
  CHECK(bench.wakes == 1);
  CHECK(bench.Ensure("new").pending());
  CHECK(bench.tasks.Step());
  CHECK(bench.runs == 1);
  CHECK(bench.tasks.Find({"uid"}, "fetch x")->input == "new");
}

TEST_CASE("[ENGINE] task: work that may finish is not stopped by another input, which has its turn afterwards") {
  Bench bench;
  std::promise<void> started;
  std::promise<void> go_on;
  bool was_stopped = false;
  const auto ensure = [&](const std::string& input) {
    return bench.tasks.Ensure({"uid"}, "fetch x",
                              {.input = input,
                               .deadline = seconds(10),
                               .lets_finish = true,
                               .work = [&](std::stop_token stop) -> api::Expected<Json> {
                                 if (++bench.runs > 1) return Json();
                                 started.set_value();
                                 go_on.get_future().wait();
                                 was_stopped = stop.stop_requested();
                                 return Json();
                               }},
                              [](const TaskState&) {});
  };
  ensure("old");
  std::jthread worker([&] { bench.tasks.Step(); });
  started.get_future().wait();
  CHECK(ensure("new").pending());
  go_on.set_value();
  worker.join();
  CHECK_FALSE(was_stopped);
  CHECK(ensure("new").pending());
  CHECK(bench.tasks.Step());
  CHECK(bench.runs == 2);
}

TEST_CASE("[ENGINE] task: the deadline runs from the start of the work, and what exceeds it is reported as that") {
  Bench bench;
  const auto ensure = [&](std::chrono::seconds takes) {
    return bench.tasks.Ensure({"uid"}, "fetch x",
                              {.input = "a",
                               .deadline = seconds(10),
                               .work = [&bench, takes](std::stop_token) -> api::Expected<Json> {
                                 bench.clock.Advance(takes);
                                 return api::Error{Code::kUnavailable, "Broken", "broken"};
                               }},
                              [](const TaskState&) {});
  };
  ensure(seconds(5));
  bench.clock.Advance(seconds(60));  // It waited for a worker.
  bench.tasks.Step();
  CHECK(ensure(seconds(5)).error()->code == Code::kUnavailable);
  ensure(seconds(11));
  bench.tasks.Step();
  CHECK(ensure(seconds(11)).error()->code == Code::kTimeout);
}

TEST_CASE(
    "[ENGINE] task: a failure that a full disk kept from being written is told all the same, not taken for done") {
  const tests::TempDir dir;
  const tests::FakeClock clock;
  const std::unique_ptr<Store> store = *Store::Open({.path = dir / "store.db"});
  Tasks tasks(*store, clock);
  std::optional<tests::FileSizeLimit> full;
  const auto ensure = [&] {
    return tasks.Ensure({"uid"}, "archive x",
                        {.input = "a",
                         .deadline = seconds(10),
                         .work = [&](std::stop_token) -> api::Expected<Json> {
                           full.emplace(1);
                           return api::Error{Code::kUnavailable, "PackFailed", "no space left"};
                         }},
                        [](const TaskState&) {});
  };
  CHECK(ensure().pending());
  tasks.Step();
  full.reset();
  const StepOutcome told = ensure();
  REQUIRE(told.error());
  CHECK(told.error()->reason == "PackFailed");
}

TEST_CASE("[ENGINE] task: an exception in the work costs the task, not the daemon") {
  Bench bench;
  const auto ensure = [&] {
    return bench.tasks.Ensure({"uid"}, "fetch x",
                              {.input = "a",
                               .deadline = seconds(10),
                               .work = [](std::stop_token) -> api::Expected<Json> { throw std::logic_error("oops"); }},
                              [](const TaskState&) {});
  };
  ensure();
  bench.tasks.Step();
  CHECK(ensure().error()->reason == "Exception");
}

TEST_CASE("[ENGINE] task: one that was running when the process died is started again") {
  Bench bench;
  bench.Ensure("a");
  Tasks second(*bench.store, bench.clock);
  CHECK(second.Find({"uid"}, "fetch x")->phase == TaskState::Phase::kRunning);
  int runs = 0;
  const auto wish = [&] {
    return TaskWish{.input = "a", .deadline = seconds(1), .work = [&](std::stop_token) -> api::Expected<Json> {
                      ++runs;
                      return Json("result");
                    }};
  };
  CHECK(second.Ensure({"uid"}, "fetch x", wish(), [](const TaskState&) {}).pending());
  CHECK(second.Step());
  CHECK(runs == 1);
  CHECK(second.Find({"uid"}, "fetch x")->result == Json("result"));
}

TEST_CASE("[ENGINE] task: a forgotten object leaves nothing, and the store still opens") {
  Bench bench;
  bench.Ensure("a");
  bench.tasks.Step();
  bench.tasks.Forget({"uid"});
  CHECK_FALSE(bench.tasks.Find({"uid"}, "fetch x"));
  CHECK(bench.store->List("tasks.internal", "").items.empty());
}

}  // namespace
}  // namespace reconciler
