// What the engine counts, by the names, labels and buckets that dashboards of other tools know.
#include "reconciler/metrics.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include <doctest/doctest.h>

#include "tests/reconciler/toy.h"

namespace tests {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using reconciler::MetricSample;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kGvk = "test.dev/v1, Kind=Toy";

/// The samples of a family that have all of these labels.
std::vector<MetricSample> SamplesOf(const ToyHarness& h, const std::string& name,
                                    std::initializer_list<std::pair<std::string, std::string>> labels = {}) {
  std::vector<MetricSample> found;
  for (const auto& family : h.manager().Metrics())
    for (const auto& sample : family.samples)
      if (family.name == name && std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
            return std::find(sample.labels.begin(), sample.labels.end(), label) != sample.labels.end();
          }))
        found.push_back(sample);
  return found;
}

MetricSample SampleOf(const ToyHarness& h, const std::string& name,
                      std::initializer_list<std::pair<std::string, std::string>> labels = {}) {
  const auto found = SamplesOf(h, name, labels);
  REQUIRE_MESSAGE(found.size() == 1, name);
  return found.front();
}

std::uint64_t CountOf(const MetricSample& histogram) { return histogram.buckets.back().second; }

/// How many were up to `bound`; none when there is no such bucket.
std::optional<std::uint64_t> UpTo(const MetricSample& histogram, double bound) {
  for (const auto& [upper, count] : histogram.buckets)
    if (upper == bound) return count;
  return std::nullopt;
}

TEST_CASE("[ENGINE] metrics: a pass is timed in the buckets of controller-runtime, Flux and Argo CD") {
  ToyHarness h;
  h.controller->observe = [&](const Toy&, const reconciler::Reader&) -> Expected<void> {
    h.clock.Advance(milliseconds(150));  // Before the step and after it.
    return {};
  };
  h.Put("a", {"x"});
  h.Settle();
  const auto runtime = SampleOf(h, "controller_runtime_reconcile_time_seconds", {{"controller", "toy"}});
  CHECK(UpTo(runtime, 0.25) == 0);
  CHECK(UpTo(runtime, 0.5) == 1);
  const auto gotk = SampleOf(h, "gotk_reconcile_duration_seconds", {{"kind", "Toy"}});
  CHECK(UpTo(gotk, 1e-8) == 0);
  CHECK(UpTo(gotk, 0.1) == 0);
  CHECK(UpTo(gotk, 1.0) == 1);
  CHECK(UpTo(gotk, 10.0) == 1);
  const auto argo = SampleOf(h, "argocd_app_reconcile", {{"dest_server", "in-cluster"}});
  CHECK(UpTo(argo, 0.25) == 0);
  CHECK(UpTo(argo, 0.5) == 1);
  CHECK(UpTo(argo, 16.0) == 1);
  for (const auto& sample : {runtime, gotk, argo}) {
    CHECK(CountOf(sample) == 1);
    CHECK(sample.sum_seconds == doctest::Approx(0.3));
  }
}

TEST_CASE("[ENGINE] metrics: who is suspended is named, as long as it is") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Put("b", {"x"});
  h.Settle();
  CHECK(SamplesOf(h, "gotk_suspend_status").empty());
  const auto suspend = [&](api::Json how) {
    REQUIRE(h.PatchToy("a", api::Json::Of({{"spec", api::Json::Of({{"suspend", std::move(how)}})}})));
    h.Settle();
  };
  suspend(api::Json::Of({{"until", api::codec::FormatTime(h.clock.Now() + minutes(5))}}));
  const auto suspended = SampleOf(h, "gotk_suspend_status");
  CHECK(suspended.value == 1);
  CHECK(suspended.labels == reconciler::MetricLabels{{"kind", "Toy"}, {"name", "a"}, {"namespace", ""}});
  h.clock.Advance(minutes(6));
  CHECK(SamplesOf(h, "gotk_suspend_status").empty());
  suspend(api::Json::Of({{"until", api::Json()}}));
  CHECK(SamplesOf(h, "gotk_suspend_status").size() == 1);
  suspend(api::Json());
  CHECK(SamplesOf(h, "gotk_suspend_status").empty());
}

TEST_CASE("[ENGINE] metrics: objects are counted by what their status says") {
  ToyHarness h;
  bool is_down = true;
  h.controller->observe = [&](const Toy& toy, const reconciler::Reader&) -> Expected<void> {
    if (toy.metadata.name == "bad") return Error{Code::kInvalid, "Bad", "no"};
    if (toy.metadata.name == "down" && is_down) return Error{Code::kUnavailable, "Down", "no answer"};
    return {};
  };
  h.controller->diff = [&](const Toy& toy, const ToyState& state, api::Time) {
    if (toy.metadata.name != "works") return h.controller->Usual(toy, state);
    reconciler::Plan plan;
    plan.Then({"build", "works", "is missing"},
              [](reconciler::StepContext&) { return reconciler::StepOutcome::Pending(minutes(1)); });
    return plan;
  };
  for (const char* name : {"good", "bad", "down", "works"}) h.Put(name, {"x"});
  h.Settle();
  const auto count = [&](const std::string& name) {
    return SampleOf(h, "crossplane_managed_resource_" + name, {{"gvk", kGvk}}).value;
  };
  CHECK(count("exists") == 4);
  CHECK(count("ready") == 1);
  CHECK(count("synced") == 2);  // What is under way is on the way to its spec.
  is_down = false;
  h.Pass(minutes(6));
  CHECK(count("ready") == 2);
  CHECK(count("synced") == 3);
  h.Put("good", {"y"});
  CHECK_FALSE((*h.client().Get({"toys.test.dev", "", "good"}))->is_synced);  // Nobody has looked at this spec yet.
  h.Delete<Toy>("down");
  h.Settle();
  CHECK(count("exists") == 3);
}

TEST_CASE("[ENGINE] metrics: how long an object took to be seen, to be ready, to be mended and to go") {
  ToyHarness h;
  bool is_down = true;
  h.controller->observe = [&](const Toy&, const reconciler::Reader&) -> Expected<void> {
    if (is_down) return Error{Code::kUnavailable, "Down", "no answer"};
    return {};
  };
  const auto histogram = [&](const std::string& name) {
    return SampleOf(h, "crossplane_managed_resource_" + name + "_seconds", {{"gvk", kGvk}});
  };
  h.Put("a", {"x"});
  h.Pass(seconds(7));
  CHECK(CountOf(histogram("first_time_to_reconcile")) == 1);
  CHECK(histogram("first_time_to_reconcile").sum_seconds == doctest::Approx(7));
  CHECK(CountOf(histogram("first_time_to_readiness")) == 0);
  is_down = false;
  h.Pass(seconds(20));
  CHECK(UpTo(histogram("first_time_to_readiness"), 15) == 0);
  CHECK(UpTo(histogram("first_time_to_readiness"), 30) == 1);
  CHECK(histogram("first_time_to_readiness").sum_seconds == doctest::Approx(27));

  h.Put("a", {"y"});  // Another spec is no drift, and being ready again is not the first time.
  h.Pass(seconds(1));
  CHECK(CountOf(histogram("drift")) == 0);
  h.world.texts["a"] = "by hand";
  h.clock.Advance(seconds(90));
  h.Annotate("a", "test.dev/reconcile-requested-at", "now");
  h.Settle();
  CHECK(CountOf(histogram("drift")) == 1);
  CHECK(histogram("drift").sum_seconds == doctest::Approx(90));
  CHECK(CountOf(histogram("first_time_to_reconcile")) == 1);
  CHECK(CountOf(histogram("first_time_to_readiness")) == 1);

  h.Delete<Toy>("a");
  h.Pass(seconds(3));
  CHECK(CountOf(histogram("deletion")) == 1);
  CHECK(histogram("deletion").sum_seconds == doctest::Approx(3));
}

TEST_CASE("[ENGINE] metrics: every transaction of the store is timed, in Kine's buckets") {
  ToyHarness h;
  h.Put("a", {"x"});
  h.Settle();
  const auto before = SampleOf(h, "kine_sql_time_seconds", {{"error_code", ""}});
  CHECK(UpTo(before, 0.005) == CountOf(before));
  CHECK(UpTo(before, 30.0) == CountOf(before));
  h.Put("b", {"x", {"p"}});
  CHECK(CountOf(SampleOf(h, "kine_sql_time_seconds", {{"error_code", ""}})) == CountOf(before) + 1);
}

}  // namespace
}  // namespace tests
