// From a client's write of a spec to the start of its reconcile, in one process, without the disk.
#include <atomic>
#include <cstdlib>
#include <thread>

#include "host/linux/clock.h"
#include "host/linux/entropy.h"
#include "reconciler/embedded.h"
#include "reconciler/typed.h"
#include "tests/bench/bench.h"

namespace {

struct ProbeSpec {
  std::int64_t number = 0;
  bool operator==(const ProbeSpec&) const = default;
  static void Fields(auto& self, auto&& field) { field("number", self.number); }
};
struct ProbeStatus {
  static void Fields(auto&, auto&&) {}
};
struct Probe {
  static constexpr api::KindInfo kInfo{.group = "bench.dev", .version = "v1", .kind = "Probe", .plural = "probes"};
  api::ObjectMeta metadata{};
  ProbeSpec spec{};
  ProbeStatus status{};
  api::CommonStatus common{};
};

struct NoState {};

class ProbeController final : public reconciler::Controller<Probe, NoState> {
 public:
  explicit ProbeController(std::atomic<std::int64_t>& seen) : seen_(seen) {}
  api::Expected<NoState> Observe(const Probe& probe, const reconciler::Reader&) const override {
    seen_ = probe.spec.number;
    seen_.notify_all();
    return NoState{};
  }
  reconciler::Plan Diff(const Probe&, const NoState&, api::Time) const override { return {}; }
  ProbeStatus Report(const Probe&, const NoState&, const reconciler::Results&) const override { return {}; }

 private:
  std::atomic<std::int64_t>& seen_;
};

}  // namespace

int main() {
  const host::linux::SystemClock clock;
  host::linux::SystemEntropy entropy;
  api::schema::Catalog catalog;
  if (!catalog.Add(api::schema::KindWithoutSchema(Probe::kInfo))) return 1;
  auto engine = reconciler::Embedded::Open({.path = ":memory:"}, std::move(catalog), {clock, entropy});
  if (!engine) return 1;
  std::atomic<std::int64_t> seen = -1;
  (*engine)->manager().Add(std::make_unique<ProbeController>(seen), {.name = "probe", .has_finalizer = false});
  std::jthread runs([&](std::stop_token stop) { (void)(*engine)->manager().Run(stop); });
  std::vector<double> took;
  for (std::int64_t number = 0; number < 3'000; ++number) {
    const Probe probe{.metadata = {.name = "probe-" + std::to_string(number % 100)}, .spec = {number}};
    const auto began = bench::Clock::now();
    if (!reconciler::Put((*engine)->client(), probe, {.actor = "bench"})) return 1;
    for (std::int64_t now = seen; now != number; now = seen) seen.wait(now);
    if (number >= 100) took.push_back(bench::MillisecondsSince(began));  // The first hundred also start the engine.
  }
  bench::Print("spec-change-to-reconcile-p50", bench::Percentile(took, 0.5), "ms");
  bench::Print("spec-change-to-reconcile-p99", bench::Percentile(took, 0.99), "ms");
}
