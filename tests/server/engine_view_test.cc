#include "server/engine_view.h"

#include <chrono>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace tests;
using namespace std::chrono_literals;
using reconciler::QueuedKey;
using reconciler::StepResult;

TEST_CASE("[WIRE] the queues are told as documented, by anybody's wish") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo"};
  box.queues = {
      {.controller = "user",
       .keys = {{.request = {"", "alice"}, .state = QueuedKey::State::kProcessing, .age = 1500ms},
                {.request = {"team", "slides"},
                 .state = QueuedKey::State::kWaiting,
                 .priority = reconciler::Priority::kLow,
                 .age = 2s,
                 .ready_in = 350ms,
                 .failures = 3}}},
      {.controller = "team"},
  };
  const auto answer = box.Ask("GET", "/hero/v1/queue");
  CHECK(answer.status == 200);
  CHECK(
      answer.body ==
      R"({"controllers":[{"controller":"user","keys":[{"age":"1s500ms","failures":0,"object":"alice","priority":"normal",)"
      R"("state":"processing"},{"age":"2s","failures":3,"object":"team/slides","priority":"low","readyIn":"350ms",)"
      R"("state":"waiting"}]},{"controller":"team","keys":[]}],"kind":"Queue"})");
  CHECK(box.Ask("POST", "/hero/v1/queue").status == 405);
  CHECK(box.Ask("GET", "/hero/v1/queues").status == 404);
}

TEST_CASE("[WIRE] why tells the passes over one object, as documented") {
  ApiBox box;
  box.history = {{.controller = "slot",
                  .object = {"slots.hero.dev", "alice", "a"},
                  .began = box.clock.Now(),
                  .took = 61'001us,
                  .causes = {"spec changed"},
                  .rounds = 1,
                  .steps = {{.sentence = "create x: is missing", .state = StepResult::State::kDone, .took = 52ms},
                            {.sentence = "write y: differs",
                             .state = StepResult::State::kFailed,
                             .error = {api::Code::kUnavailable, "DiskFull", "no space"},
                             .took = 1us},
                            {.sentence = "write z: differs", .state = StepResult::State::kSkipped}},
                  .outcome = "retry",
                  .failures = "write y: no space",
                  .next = 10min,
                  .repeated = 2}};
  const auto answer = box.Ask("GET", "/hero/v1/why?resource=slots.hero.dev&namespace=alice&name=a");
  CHECK(box.asked_why == api::ObjectKey{"slots.hero.dev", "alice", "a"});
  CHECK(
      answer.body ==
      R"({"kind":"History","passes":[{"began":"2026-11-20T20:58:51.000000Z","causes":["spec changed"],"controller":"slot",)"
      R"("failures":"write y: no space","nextIn":"10m","outcome":"retry","repeated":2,"rounds":1,"steps":[)"
      R"({"state":"done","step":"create x: is missing","took":"52ms"},)"
      R"({"message":"no space","reason":"DiskFull","state":"failed","step":"write y: differs","took":"1ms"},)"
      R"({"state":"skipped","step":"write z: differs"}],"took":"62ms"}]})");
}

TEST_CASE("[WIRE] why is about one object of a kind that there is") {
  ApiBox box;
  const std::pair<const char*, int> rows[] = {{"/hero/v1/why", 400},
                                              {"/hero/v1/why?name=a", 400},
                                              {"/hero/v1/why?resource=slots.hero.dev", 400},
                                              {"/hero/v1/why?resource=things.hero.dev&name=a", 404},
                                              {"/hero/v1/why?resource=slots.hero.dev&name=a", 200}};
  for (const auto& [target, status] : rows) {
    CAPTURE(target);
    CHECK(box.Ask("GET", target).status == status);
  }
}

TEST_CASE("[WIRE] metrics are served in Prometheus' text format") {
  ApiBox box;
  using Type = reconciler::MetricFamily::Type;
  box.metrics = {
      {"workqueue_depth", "Keys.", Type::kGauge, {{.labels = {{"name", "user"}, {"priority", "1"}}, .value = 3}}},
      {"adds_total", "Adds.", Type::kCounter, {{.value = 7}}},
      {"took_seconds", "Time.", Type::kHistogram, {{.buckets = {{0.5, 2}, {1, 3}, {0, 4}}, .sum_seconds = 9.5}}},
  };
  const auto answer = box.Ask("GET", "/metrics");
  CHECK(answer.status == 200);
  CHECK(answer.body.starts_with(
      "# HELP workqueue_depth Keys.\n# TYPE workqueue_depth gauge\n"
      "workqueue_depth{name=\"user\",priority=\"1\"} 3\n"
      "# HELP adds_total Adds.\n# TYPE adds_total counter\nadds_total 7\n"
      "# HELP took_seconds Time.\n# TYPE took_seconds histogram\ntook_seconds_count 4\ntook_seconds_sum 9.5\n"
      "took_seconds_bucket{le=\"0.5\"} 2\ntook_seconds_bucket{le=\"1\"} 3\ntook_seconds_bucket{le=\"+Inf\"} 4\n"));
  CHECK(box.Ask("POST", "/metrics").status == 405);
}

TEST_CASE("[WIRE] answers are timed by what was asked, in Kubernetes' words and buckets; a watch is not") {
  ApiBox box;
  const std::string user = R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"a"},"spec":{}})";
  const std::pair<const char*, const char*> asked[] = {{"GET", "/apis/hero.dev/v1/users"},
                                                       {"GET", "/apis/hero.dev/v1/users?watch=1"},
                                                       {"GET", "/apis/hero.dev/v1/users/a"},
                                                       {"GET", "/apis/hero.dev/v1/users/b"},
                                                       {"DELETE", "/apis/hero.dev/v1/users/b?dryRun=All"},
                                                       {"GET", "/apis/hero.dev/v1/namespaces/alice/slots"},
                                                       {"PUT", "/apis/hero.dev/v1/users/a/status"},
                                                       {"PUT", "/apis/hero.dev/v1/users/a/made-up"},
                                                       {"BREW", "/apis/hero.dev/v1/users/a"},
                                                       {"GET", "/version"},
                                                       {"GET", "/no/such/page"}};
  for (const auto& [method, target] : asked) (void)box.Ask(method, target, user);
  const std::string text = box.Ask("GET", "/metrics").body;
  struct Row {
    const char* labels;
    int count;
  };
  const Row rows[] = {
      {R"(dry_run="",group="hero.dev",resource="users",scope="cluster",subresource="",verb="LIST",version="v1")", 1},
      {R"(dry_run="",group="hero.dev",resource="users",scope="resource",subresource="",verb="GET",version="v1")", 2},
      {R"(dry_run="All",group="hero.dev",resource="users",scope="resource",subresource="",verb="DELETE",version="v1")",
       1},
      {R"(dry_run="",group="hero.dev",resource="slots",scope="namespace",subresource="",verb="LIST",version="v1")", 1},
      {R"(dry_run="",group="hero.dev",resource="users",scope="resource",subresource="status",verb="PUT",version="v1")",
       1},
      {R"(dry_run="",group="hero.dev",resource="users",scope="resource",subresource="other",verb="PUT",version="v1")",
       1},
      {R"(dry_run="",group="hero.dev",resource="users",scope="resource",subresource="",verb="OTHER",version="v1")", 1},
      {R"(dry_run="",group="",resource="",scope="",subresource="",verb="GET",version="")", 2},
  };
  for (const auto& [labels, count] : rows) {
    CAPTURE(labels);
    CHECK(text.find("apiserver_request_duration_seconds_count{component=\"apiserver\"," + std::string(labels) + "} " +
                    std::to_string(count) + "\n") != std::string::npos);
  }
  CHECK(text.find("made-up") == std::string::npos);
  CHECK(text.find("WATCH") == std::string::npos);
  CHECK(text.find(R"(scope="cluster",subresource="",verb="OTHER")") == std::string::npos);  // The watch, by no name.
  CHECK(text.find("le=\"0.005\"} 1\n") != std::string::npos);
  CHECK(text.find("le=\"60\"} 1\n") != std::string::npos);
}
