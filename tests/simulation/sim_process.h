#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "host/clock.h"
#include "host/entropy.h"
#include "reconciler/manager.h"
#include "reconciler/registry.h"
#include "reconciler/store.h"
#include "tests/simulation/sim_client.h"
#include "tests/simulation/sim_world.h"

namespace tests {

/// The machine's clocks and random numbers, as the simulation has them.
class SimMachine final : public host::Clock, public host::Entropy {
 public:
  explicit SimMachine(Fibers& fibers) : fibers_(fibers) {}

  api::Time Now() const override {
    return api::Time(std::chrono::duration_cast<std::chrono::microseconds>(fibers_.wall()));
  }
  std::chrono::steady_clock::time_point SteadyNow() const override {
    return std::chrono::steady_clock::time_point(fibers_.now());
  }
  std::uint64_t Next() override { return fibers_.Random(~0ULL); }

 private:
  Fibers& fibers_;
};

/// A daemon: opens the store, runs the manager, serves those who call. Killed, it is left as it lies.
class SimProcess {
 public:
  /// Starts it in a group of fibers of its own. World, catalog and machine outlive it.
  SimProcess(SimWorld& world, const api::schema::Catalog& catalog, SimMachine& machine, Fibers::Group group);

  /// Calls it as a client does. False when it was not up, or ended before it answered: nobody knows what became of it.
  bool Call(const std::function<void(SimClient&)>& call);
  /// As SIGKILL does. The object may not be destroyed after it, for its threads stand in the middle of it.
  void Kill();
  /// As SIGTERM does. Returns once it has ended.
  void Stop();

  bool is_serving() const { return is_serving_; }
  bool has_ended() const { return has_ended_; }
  const reconciler::Store& store() const { return *store_; }

 private:
  void Run();
  void Mirror(std::stop_token stop);

  SimWorld& world_;
  const api::schema::Catalog& catalog_;
  SimMachine& machine_;
  const Fibers::Group group_;
  pthread_t main_{};
  std::stop_source stop_;
  std::unique_ptr<reconciler::Store> store_;
  std::unique_ptr<reconciler::Registry> registry_;
  std::unique_ptr<SimClient> client_;
  std::unique_ptr<reconciler::Manager> manager_;
  bool is_serving_ = false;
  bool has_ended_ = false;
  int calls_ = 0;
};

}  // namespace tests
