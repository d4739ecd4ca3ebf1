#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bench.h"
#include "tests/bench/daemon.h"
#include "tests/bench/wire_connection.h"
#include "tests/support/team_forge.h"

namespace bench {

inline constexpr const char* kItems = "/apis/bench.example.com/v1/items";
inline constexpr const char* kJson = "application/json";

/// herod as a program of its own, on a rootless box with one member, and the objects of somebody's kind in it.
class WireBox {
 public:
  explicit WireBox(const std::string& directory)
      : root_(directory + "/box"),
        forge_(directory),
        daemon_({"herod", "--root", root_, "--config", Prepare(directory)}, directory + "/herod.log") {
    const std::string log = directory + "/herod.log";
    if (!Await(directory, [&] { return ReadAll(log).find("serving") != std::string::npos; }))
      throw std::runtime_error("herod does not serve; see " + log);
    WireConnection(socket()).Expect(
        201, RequestOf("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kJson, kItemCrd));
  }

  std::string socket() const { return root_ + "/run/hero/hero.sock"; }

  static std::string TargetOf(std::size_t number) { return std::string(kItems) + "/" + NameOf(number); }

  /// The request that makes one more, of some 2 KB.
  std::string NextItem() { return MakeItem(items_++); }

  /// The request that changes one.
  static std::string Change(std::size_t number, int round) {
    return RequestOf("PATCH", TargetOf(number), "application/merge-patch+json",
                     R"({"spec":{"round":)" + std::to_string(1'000'000 + round) + "}}");
  }

  /// Makes more until there are so many.
  void Fill(std::size_t count) {
    constexpr std::size_t kWriters = 16;  // Twice the daemon's workers.
    std::atomic<std::size_t> refused = 0;
    {
      std::vector<std::jthread> writers;
      for (std::size_t writer = 0; writer < kWriters; ++writer)
        writers.emplace_back([&, writer] {
          WireConnection wire(socket());
          for (std::size_t i = items_ + writer; i < count; i += kWriters)
            if (wire.Ask(MakeItem(i)).status != 201) ++refused;
        });
    }
    items_ = std::max(items_, count);
    if (refused > 0) throw std::runtime_error(std::to_string(refused) + " items were refused");
  }

  double PrivateKib() const { return bench::PrivateKib(daemon_.pid()); }
  double ResidentKib() const { return KibOfProcess(daemon_.pid(), "status", "VmRSS:"); }
  /// Since ForgetPeak.
  double PeakResidentKib() const { return KibOfProcess(daemon_.pid(), "status", "VmHWM:"); }
  void ForgetPeak() const { std::ofstream("/proc/" + std::to_string(daemon_.pid()) + "/clear_refs") << "5"; }

 private:
  static constexpr const char* kItemCrd = R"json({
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "items.bench.example.com"},
    "spec": {"group": "bench.example.com", "scope": "Cluster",
      "names": {"plural": "items", "singular": "item", "kind": "Item"},
      "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
        "properties": {"spec": {"type": "object",
          "properties": {"keys": {"type": "string"}, "round": {"type": "integer"}}}}}}}]}})json";

  static std::string NameOf(std::size_t number) { return "item-" + std::to_string(1'000'000 + number); }
  static std::string MakeItem(std::size_t number) {
    return RequestOf("POST", kItems, kJson,
                     R"({"apiVersion":"bench.example.com/v1","kind":"Item","metadata":{"name":")" + NameOf(number) +
                         R"(","labels":{"team":"hero"}},"spec":{"round":0,"keys":")" + std::string(1'600, 'k') +
                         "\"}}");
  }

  /// Writes the team before the daemon starts. Returns its configuration.
  std::string Prepare(const std::string& directory) const {
    forge_.WriteUser("first");
    forge_.Push();
    std::filesystem::create_directories(root_);
    std::string config = directory + "/herod.toml";
    std::ofstream(config) << "[team]\nurl = \"" << forge_.url() << "\"\n[serve]\ntls_address = \"127.0.0.1:0\"\n";
    return config;
  }

  const std::string root_;
  const tests::TeamForge forge_;
  const Daemon daemon_;
  std::size_t items_ = 0;
};

}  // namespace bench
