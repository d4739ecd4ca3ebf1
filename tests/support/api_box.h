#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/codec/json.h"
#include "reconciler/definitions.h"
#include "reconciler/registry.h"
#include "reconciler/store.h"
#include "server/surface.h"
#include "tests/support/fake_append_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kept_text.h"
#include "tests/support/harness.h"
#include "tests/support/sample_kinds.h"

namespace tests {

/// The sample kinds in a real store in memory, and the wire's handlers over it. No socket, no thread, a clock that
/// stands.
struct ApiBox {
  explicit ApiBox(reconciler::StoreOptions options = {.path = ":memory:"}) : store(OpenStore(std::move(options))) {}

  /// What the wire answers. `caller` is the operator unless a test says otherwise.
  server::Response Ask(const std::string& method, const std::string& target, const std::string& body = "",
                       const std::vector<server::Header>& headers = {}) {
    auto parsed = server::ParseTarget(target);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    return surface.Serve(
        {.method = method, .target = *std::move(parsed), .headers = headers, .body = body, .caller = caller});
  }

  FakeClock clock{};
  SeededEntropy entropy{};
  api::schema::Catalog catalog = SampleKinds();
  std::unique_ptr<reconciler::Store> store;
  reconciler::Registry registry{*store, catalog, clock, entropy};
  reconciler::Definitions definitions{registry, catalog, clock};
  reconciler::PlanQuery planned_for{};                               ///< Of the last plan that was asked for.
  api::Expected<api::Json> plan{api::Json::Of({{"kind", "Plan"}})};  ///< What it is answered with.
  std::vector<reconciler::QueueReport> queues{};
  api::ObjectKey asked_why{};  ///< Of the last history that was asked for.
  std::vector<reconciler::PassRecord> history{};
  std::vector<reconciler::MetricFamily> metrics{};
  std::vector<reconciler::HealthCheck> readiness{};
  FakeAppendLog audit_log{};
  reconciler::Audit audit{&audit_log};
  FakeKeptText kept_tokens{};
  std::unique_ptr<server::Tokens> tokens = std::move(*server::Tokens::Open(kept_tokens, clock, entropy));
  server::Surface surface{{.client = definitions,
                           .catalog = catalog,
                           .clock = clock,
                           .audit = audit,
                           .access = {.tokens = tokens.get(),
                                      .endpoint =
                                          [] {
                                            return server::Endpoint{"https://127.0.0.1:7443", "PEM"};
                                          }},
                           .revision = [this] { return store->revision(); }},
                          {.plan =
                               [this](const reconciler::PlanQuery& query) {
                                 planned_for = query;
                                 return plan;
                               },
                           .queues = [this] { return queues; },
                           .history =
                               [this](const api::ObjectKey& object) {
                                 asked_why = object;
                                 return history;
                               },
                           .metrics = [this] { return metrics; },
                           .readiness = [this] { return readiness; }}};
  server::Caller caller{.uid = 1000, .gid = 1000, .name = "driver", .is_operator = true};

 private:
  static std::unique_ptr<reconciler::Store> OpenStore(reconciler::StoreOptions options) {
    auto opened = reconciler::Store::Open(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().message);
    return *std::move(opened);
  }
};

/// The JSON of an answer.
inline api::Json JsonOf(const server::Response& response) {
  auto json = api::codec::ParseJson(response.body);
  if (!json) throw std::runtime_error("no JSON: " + response.body);
  return *std::move(json);
}

/// The text at a path of an answer; `(none)` when there is none.
inline std::string TextAt(const api::Json& json, std::initializer_list<std::string_view> path) {
  const api::Json* found = json.At(path);
  if (!found) return "(none)";
  return found->string() ? *found->string() : api::codec::WriteJson(*found);
}

/// The first header of that name; empty when there is none.
inline std::string HeaderOf(const server::Response& response, std::string_view name) {
  for (const server::Header& header : response.headers)
    if (header.name == name) return header.value;
  return "";
}

}  // namespace tests
