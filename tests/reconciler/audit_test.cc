#include "reconciler/audit.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "host/linux/append_log.h"
#include "tests/reconciler/toy.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/recorded_log.h"
#include "tests/support/temp_dir.h"

namespace tests {
namespace {

std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST_CASE(
    "[SEC-54] audit: when its disk alone is full the work goes on, the log says who was lost, and lines stay whole") {
  const TempDir dir;
  const std::string path = dir / "audit.log";
  const FakeClock clock;
  SeededEntropy entropy;
  host::linux::AppendFile file(path);
  // The store is in memory: no limit on files reaches it.
  auto engine = reconciler::Embedded::Open({.path = ":memory:"}, ToyCatalog(),
                                           {.clock = clock, .entropy = entropy, .audit_log = &file});
  REQUIRE(engine);
  ToyWorld world;
  (*engine)->manager().Add(std::make_unique<ToyController>(world), {.name = "toy"});
  const auto put = [&](const std::string& name) {
    REQUIRE(reconciler::Put((*engine)->client(), Toy{.metadata = {.name = name}, .spec = {"x"}}, {.actor = "jo"}));
    while ((*engine)->manager().Step()) {
    }
    CHECK(world.Text(name) == "x");
  };
  put("before");
  const auto before = LinesOf(path);
  {
    const FileSizeLimit full(std::filesystem::file_size(path) + 20);  // Room for a part of a line.
    const RecordedLog log;
    put("meanwhile");
    CHECK(LinesOf(path) == before);
    CHECK(log.Count({"error audit line lost", "actor=jo", "verb=create", "target=Toy meanwhile"}) == 1);
    CHECK(log.Count({"error audit line lost", "actor=system:controller:toy", "verb=write"}) == 1);
  }
  put("after");
  const auto after = LinesOf(path);
  REQUIRE(after.size() > before.size());
  for (const std::string& line : after) CHECK(api::codec::ParseJson(line));
  CHECK(after[before.size()].find("Toy after") != std::string::npos);
}

TEST_CASE("[SEC-54] audit: a line is short, whatever name was refused") {
  const TempDir dir;
  const FakeClock clock;
  SeededEntropy entropy;
  host::linux::AppendFile file(dir / "audit.log");
  auto engine = reconciler::Embedded::Open({.path = ":memory:"}, ToyCatalog(),
                                           {.clock = clock, .entropy = entropy, .audit_log = &file});
  REQUIRE(engine);
  const std::string name(1'000'000, '\x01');
  CHECK_FALSE(reconciler::Put((*engine)->client(), Toy{.metadata = {.name = name}, .spec = {"x"}}, {.actor = "jo"}));
  const auto lines = LinesOf(dir / "audit.log");
  REQUIRE(lines.size() == 1);
  CHECK(lines.front().size() < 1'000);
}

}  // namespace
}  // namespace tests
