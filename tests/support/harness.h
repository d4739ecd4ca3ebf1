#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "api/codec/object.h"
#include "api/schema/schema.h"
#include "host/entropy.h"
#include "reconciler/embedded.h"
#include "reconciler/typed.h"
#include "tests/support/fake_append_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_watch.h"

namespace tests {

/// The same numbers in every run (SplitMix64). Thread-safe.
class SeededEntropy final : public host::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed = 1) : state_(seed) {}

  std::uint64_t Next() override {
    const std::lock_guard lock(mutex_);
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15ULL);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }

 private:
  std::mutex mutex_;
  std::uint64_t state_;  // Guarded by mutex_.
};

/// The real engine on a store in memory, with a clock that stands still. One thread steps it.
struct Harness {
  static constexpr int kStepsMax = 20'000;  // What no test comes near; a controller that never rests does.

  explicit Harness(api::schema::Catalog catalog, reconciler::ManagerOptions options = {})
      : engine(*reconciler::Embedded::Open(
            {.path = ":memory:"}, std::move(catalog),
            {.clock = clock, .entropy = entropy, .file_watch = &file_watch, .audit_log = &audit_log},
            Strict(std::move(options)))) {}

  reconciler::Client& client() const { return engine->client(); }
  reconciler::Manager& manager() const { return engine->manager(); }

  /// False when it did not come to rest.
  bool ReconcileUntilIdle() const {
    for (int i = 0; i < kStepsMax; ++i)
      if (!manager().Step()) return true;
    return false;
  }

  template <class Kind>
  void Put(const Kind& want) {
    auto put = reconciler::Put(client(), want, {.actor = "test"});
    if (!put) throw std::runtime_error("put " + want.metadata.name + ": " + put.error().message);
  }

  template <class Kind>
  std::optional<Kind> Get(std::string_view name) {
    auto kind = reconciler::Get<Kind>(client(), name);
    return kind ? std::optional<Kind>(*std::move(kind)) : std::nullopt;
  }

  template <class Kind>
  void Delete(std::string_view name) {
    (void)client().Delete({api::ResourceName(Kind::kInfo), "", std::string(name)}, {.actor = "test"});
  }

  /// "True Reconciled", "False DiskFull"; empty when the object has no such condition, or is not there.
  template <class Kind>
  std::string ConditionOf(std::string_view name, std::string_view type = api::kReady) {
    const auto kind = Get<Kind>(name);
    const api::Condition* condition = kind ? kind->common.Find(type) : nullptr;
    return condition ? std::string(ToString(condition->status)) + " " + condition->reason : "";
  }

  /// Whatever was written to the store meanwhile, by anybody.
  template <class Work>
  std::int64_t WritesDuring(const Work& work) {
    const auto before = engine->revision().value;
    work();
    return engine->revision().value - before;
  }

  static reconciler::ManagerOptions Strict(reconciler::ManagerOptions options) {
    options.checks_purity = true;
    return options;
  }

  FakeClock clock;
  SeededEntropy entropy;
  FakeFileWatch file_watch;
  FakeAppendLog audit_log;
  std::unique_ptr<reconciler::Embedded> engine;
};

}  // namespace tests
