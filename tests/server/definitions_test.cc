#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "reconciler/builtin_kinds.h"
#include "tests/support/api_box.h"
#include "tests/support/client_wrapper.h"
#include "tests/support/temp_dir.h"
#include "tests/support/widget_kind.h"

using namespace server;
using namespace tests;
using api::Json;

namespace {

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

std::string Text(const Json& json) { return api::codec::WriteJson(json); }

std::string Widget(const std::string& name, const std::string& spec = "{}", const std::string& metadata = "") {
  return R"({"apiVersion":"shop.example.com/v1","kind":"Widget","metadata":{"name":")" + name + "\"" + metadata +
         R"(},"spec":)" + spec + "}";
}

/// As herod has it: built-in kinds, and definitions that are open.
struct DefinitionBox : ApiBox {
  explicit DefinitionBox(reconciler::StoreOptions options = {.path = ":memory:"}) : ApiBox(std::move(options)) {
    for (auto& kind : reconciler::BuiltinKinds()) (void)catalog.Add(std::move(kind));
    REQUIRE(definitions.Open());
  }

  void Step() {
    while (definitions.Step(definitions) > 0) {
    }
  }
  std::string NameOf(const char* name) const { return std::string(kDefinitions) + "/" + name; }
  /// `True NoConflicts`
  std::string Condition(const char* name, std::string_view type) {
    const Json definition = JsonOf(Ask("GET", NameOf(name)));
    const Json* conditions = definition.At({"status", "conditions"});
    if (!conditions) return "(none)";
    for (const Json& condition : *conditions->array())
      if (TextAt(condition, {"type"}) == type)
        return TextAt(condition, {"status"}) + " " + TextAt(condition, {"reason"});
    return "(none)";
  }
};

/// Lists of widgets fail while `fails` says so.
struct FlakyLists final : ClientWrapper {
  using ClientWrapper::ClientWrapper;
  api::Expected<reconciler::ObjectList> List(std::string_view resource, std::string_view namespace_) const override {
    if (resource == "widgets.shop.example.com" && fails && fails()) return api::Error{api::Code::kUnavailable, "", ""};
    return ClientWrapper::List(resource, namespace_);
  }
  std::function<bool()> fails{};
};

/// Makes objects so that one begins before another ends, as long as somebody comes in time.
struct OverlappingCreates final : ClientWrapper {
  using ClientWrapper::ClientWrapper;
  api::Expected<reconciler::Written> Create(api::Object object, const reconciler::WriteOptions& options) override {
    if (object.kind == "Widget") {
      std::unique_lock lock(mutex);
      const int own = ++begun;
      came.notify_all();
      came.wait_for(lock, std::chrono::milliseconds(20), [&] { return begun > own; });
    }
    return ClientWrapper::Create(std::move(object), options);
  }
  std::mutex mutex{};
  std::condition_variable came{};
  int begun = 0;  // Guarded by mutex.
};

}  // namespace

TEST_CASE("[D-01] definitions: those of the server's own kinds can be read, as clients expect them") {
  DefinitionBox box;
  const Json list = JsonOf(box.Ask("GET", kDefinitions));
  std::vector<std::string> names;
  for (const Json& item : *list.Find("items")->array()) names.push_back(TextAt(item, {"metadata", "name"}));
  CHECK(names == std::vector<std::string>{"approvals.hero.dev", "slots.hero.dev", "users.hero.dev"});
  const Json users = JsonOf(box.Ask("GET", box.NameOf("users.hero.dev")));
  CHECK(TextAt(users, {"spec", "scope"}) == "Cluster");
  CHECK(TextAt(users, {"spec", "names", "kind"}) == "User");
  CHECK(TextAt(users, {"status", "acceptedNames"}) ==
        R"({"kind":"User","listKind":"UserList","plural":"users","singular":"user"})");
  CHECK(TextAt(users, {"status", "storedVersions"}) == R"(["v1"])");
  CHECK(box.Condition("users.hero.dev", "Established") == "True InitialNamesAccepted");
  CHECK(box.Condition("users.hero.dev", "NamesAccepted") == "True NoConflicts");

  const auto revision = box.store->revision();
  REQUIRE(box.definitions.Open());
  CHECK(box.store->revision() == revision);  // A second start writes nothing.
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  const auto declared = box.store->revision();
  REQUIRE(box.definitions.Open());
  CHECK(box.store->revision() == declared);
}

TEST_CASE("[D-01] definitions: nobody changes the server's own kinds or adds one to their group") {
  DefinitionBox box;
  const std::string users = box.NameOf("users.hero.dev");
  Json changed = JsonOf(box.Ask("GET", users));
  changed["spec"]["names"]["singular"] = "person";
  Json added = WidgetCrd();
  added["metadata"]["name"] = "widgets.hero.dev";
  added["spec"]["group"] = "hero.dev";
  Json leases = WidgetCrd();
  leases["metadata"]["name"] = "widgets.coordination.k8s.io";
  leases["spec"]["group"] = "coordination.k8s.io";
  const std::vector<Header> merge{{"content-type", "application/merge-patch+json"}};
  const auto revision = box.store->revision();
  for (const auto& response :
       {box.Ask("PUT", users, Text(changed)), box.Ask("PUT", users + "/status", Text(changed)),
        box.Ask("PATCH", users, R"({"metadata":{"labels":{"a":"b"}}})", merge), box.Ask("DELETE", users),
        box.Ask("POST", kDefinitions, Text(added)), box.Ask("POST", kDefinitions, Text(leases))}) {
    CHECK(response.status == 403);
    CHECK(TextAt(JsonOf(response), {"message"}).find("is forbidden: ") != std::string::npos);
  }
  CHECK(box.store->revision() == revision);
  CHECK(TextAt(JsonOf(box.Ask("DELETE", users)), {"message"}) ==
        "customresourcedefinitions.apiextensions.k8s.io \"users.hero.dev\" is forbidden: kinds of its group are the "
        "server's own: they come and change with the program");
}

TEST_CASE("[D-01] definitions: a third party's kind is served as soon as it is declared") {
  DefinitionBox box;
  CHECK(box.Ask("GET", kWidgets).status == 404);
  const auto created = box.Ask("POST", kDefinitions, Text(WidgetCrd()));
  REQUIRE(created.status == 201);
  CHECK(TextAt(JsonOf(created), {"status", "acceptedNames", "listKind"}) == "WidgetList");
  CHECK(box.Condition("widgets.shop.example.com", "Established") == "True InitialNamesAccepted");
  CHECK(TextAt(JsonOf(box.Ask("GET", "/apis/shop.example.com/v1")), {"resources"}).find("widgets/status") !=
        std::string::npos);

  REQUIRE(box.Ask("POST", kWidgets, Widget("a", R"({"size":3,"bogus":1})")).status == 201);
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kWidgets) + "/a")), {"spec"}) == R"({"color":"red","size":3})");
  const auto refused = box.Ask("POST", kWidgets, Widget("b", R"({"size":11})"));
  CHECK(refused.status == 422);
  CHECK(
      TextAt(JsonOf(refused), {"message"}) ==
      "Widget.shop.example.com \"b\" is invalid: spec.size: Invalid value: 11: spec.size in body should be less than or "
      "equal to 10");
  CHECK(TextAt(JsonOf(box.Ask("GET", kWidgets)), {"kind"}) == "WidgetList");
  const Json table = JsonOf(box.Ask("GET", kWidgets, "", {{"accept", "application/json;as=Table;g=meta.k8s.io;v=v1"}}));
  CHECK(TextAt(table.Find("rows")->array()->front(), {"cells"}) == R"(["a","red"])");
  const auto seen = box.Ask("PATCH", std::string(kWidgets) + "/a/status", R"({"status":{"seen":1}})",
                            {{"content-type", "application/merge-patch+json"}});
  CHECK(TextAt(JsonOf(seen), {"status", "seen"}) == "1");
  CHECK(box.Ask("GET", std::string(kWidgets) + "?watch=1&resourceVersion=0").status == 200);
  CHECK(box.Ask("GET", "/openapi/v3/apis/shop.example.com/v1").body.find(R"("enum":["red","blue"])") !=
        std::string::npos);
}

TEST_CASE("[D-01] definitions: one that cannot be served is refused whole, with each fault") {
  DefinitionBox box;
  const auto revision = box.store->revision();
  struct Row {
    const char* what;
    const char* patch;
    int status;
    const char* field;  ///< Of a cause.
  };
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  const Row rows[] = {
      {"the name is none of it", R"({"metadata":{"name":"other.shop.example.com"}})", 422, "metadata.name"},
      {"no schema", R"({"spec":{"versions":[{"name":"v1","served":true,"storage":true}]}})", 422,
       "spec.versions[0].schema.openAPIV3Schema"},
      {"an unknown keyword",
       R"({"spec":{"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x":1}}}]}})",
       422, "spec.versions[0].schema.openAPIV3Schema.x"},
      {"another kind's name", R"({"spec":{"names":{"singular":"widget"}}})", 422, "spec.names.singular"},
      {"another kind's short name", R"({"spec":{"names":{"shortNames":["wd"]}}})", 422, "spec.names.shortNames"},
      {"another kind's kind", R"({"spec":{"names":{"kind":"Widget","listKind":"ThingList"}}})", 422, "spec.names.kind"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Json crd = WidgetCrd();
    api::MergePatch(
        crd,
        *api::codec::ParseJson(
            R"({"metadata":{"name":"things.shop.example.com"},"spec":{"names":{"plural":"things","singular":"thing","kind":"Thing","shortNames":[]}}})"));
    api::MergePatch(crd, *api::codec::ParseJson(row.patch));
    const auto response = box.Ask("POST", kDefinitions, Text(crd));
    CHECK(response.status == row.status);
    const Json json = JsonOf(response);
    const Json* causes = json.At({"details", "causes"});
    REQUIRE(causes);
    CHECK(TextAt(causes->array()->front(), {"field"}) == row.field);
    CHECK(TextAt(json, {"details", "kind"}) == "CustomResourceDefinition");
  }
  CHECK(JsonOf(box.Ask("GET", kDefinitions)).Find("items")->size() == 4);
  CHECK(box.store->revision().value == revision.value + 2);  // The first one, and what the server says of it.
}

TEST_CASE("[D-01] definitions: a dry run serves nothing") {
  DefinitionBox box;
  CHECK(box.Ask("POST", std::string(kDefinitions) + "?dryRun=All", Text(WidgetCrd())).status == 201);
  CHECK(box.Ask("GET", kWidgets).status == 404);
  CHECK(box.Ask("GET", box.NameOf("widgets.shop.example.com")).status == 404);
}

TEST_CASE("[D-01] definitions: a changed schema holds from the next write on; what objects are stored as stays") {
  DefinitionBox box;
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  REQUIRE(box.Ask("POST", kWidgets, Widget("a")).status == 201);
  const std::string name = box.NameOf("widgets.shop.example.com");
  const auto change = [&](const std::string& patch) {
    return box.Ask("PATCH", name, patch, {{"content-type", "application/json-patch+json"}});
  };
  const std::string color = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color/enum";
  CHECK(change(R"([{"op":"replace","path":")" + color + R"(","value":["red","green"]}])").status == 200);
  CHECK(box.Ask("POST", kWidgets, Widget("b", R"({"color":"green"})")).status == 201);
  CHECK(box.Ask("POST", kWidgets, Widget("c", R"({"color":"blue"})")).status == 422);
  CHECK(box.Condition("widgets.shop.example.com", "Established") == "True InitialNamesAccepted");

  for (const char* patch : {R"([{"op":"replace","path":"/spec/scope","value":"Cluster"}])",
                            R"([{"op":"replace","path":"/spec/names/kind","value":"Gadget"}])",
                            R"([{"op":"replace","path":"/spec/versions/0/name","value":"v2"}])",
                            R"([{"op":"remove","path":"/spec/versions/0/schema"}])"}) {
    CAPTURE(patch);
    CHECK(change(patch).status == 422);
  }
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kWidgets) + "/a")), {"spec", "color"}) == "red");
  CHECK(box.Ask("PUT", name + "/status", box.Ask("GET", name).body).status == 403);
}

TEST_CASE("[D-01] definitions: with its definition a kind's objects go, and none is made meanwhile") {
  DefinitionBox box;
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  REQUIRE(box.Ask("POST", kWidgets, Widget("a")).status == 201);
  REQUIRE(box.Ask("POST", kWidgets, Widget("held", "{}", R"(,"finalizers":["shop.example.com/keep"])")).status == 201);
  const std::string name = box.NameOf("widgets.shop.example.com");
  const auto deleted = box.Ask("DELETE", name);
  CHECK(deleted.status == 200);
  CHECK(TextAt(JsonOf(deleted), {"metadata", "finalizers"}) == R"(["customresourcecleanup.apiextensions.k8s.io"])");
  CHECK(box.Condition("widgets.shop.example.com", "Terminating") == "True InstanceDeletionInProgress");
  const auto late = box.Ask("POST", kWidgets, Widget("late"));
  CHECK(late.status == 405);
  CHECK(TextAt(JsonOf(late), {"message"}) == "create not allowed while custom resource definition is terminating");

  box.Step();
  CHECK(box.Ask("GET", std::string(kWidgets) + "/a").status == 404);
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kWidgets) + "/held")), {"metadata", "deletionTimestamp"}) != "(none)");
  // Nobody gets the definition away from under it.
  const std::vector<Header> merge{{"content-type", "application/merge-patch+json"}};
  CHECK(box.Ask("PATCH", name, R"({"metadata":{"finalizers":null}})", merge).status == 409);

  CHECK(box.Ask("PATCH", std::string(kWidgets) + "/held", R"({"metadata":{"finalizers":null}})", merge).status == 200);
  box.Step();
  CHECK(box.Ask("GET", name).status == 404);
  CHECK(box.Ask("GET", kWidgets).status == 404);
  CHECK(TextAt(JsonOf(box.Ask("GET", "/apis")), {"groups"}).find("shop.example.com") == std::string::npos);
  CHECK(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  CHECK(JsonOf(box.Ask("GET", kWidgets)).Find("items")->size() == 0);
}

TEST_CASE("[D-01] definitions: a restart serves what was declared, and goes on with what was going") {
  const TempDir dir;
  const reconciler::StoreOptions options{.path = dir / "store.db"};
  {
    DefinitionBox box(options);
    REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
    REQUIRE(box.Ask("POST", kWidgets, Widget("a")).status == 201);
  }
  {
    DefinitionBox box(options);
    CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kWidgets) + "/a")), {"spec", "color"}) == "red");
    CHECK(box.Ask("POST", kWidgets, Widget("b", R"({"size":11})")).status == 422);
    CHECK(box.Ask("DELETE", box.NameOf("widgets.shop.example.com")).status == 200);
  }
  DefinitionBox box(options);
  CHECK(box.Ask("POST", kWidgets, Widget("late")).status == 405);
  box.Step();
  CHECK(box.Ask("GET", kWidgets).status == 404);
}

TEST_CASE("[D-01] definitions: a list that fails is no sign that a kind has no objects") {
  DefinitionBox box;
  const api::ObjectKey key{"customresourcedefinitions.apiextensions.k8s.io", "", "widgets.shop.example.com"};
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  FlakyLists flaky(box.registry);
  reconciler::Definitions definitions(flaky, box.catalog, box.clock);
  REQUIRE(definitions.Delete(key, {}));

  int lists = 0;
  flaky.fails = [&] { return ++lists == 2; };  // The one behind the lock.
  CHECK(definitions.Step(definitions) == 0);
  CHECK(lists == 2);
  CHECK(box.registry.Get(key));
  flaky.fails = [] { return true; };
  const reconciler::PatchDocument without(api::Json::Of({{"metadata", Json::Of({{"finalizers", Json()}})}}));
  const auto refused = definitions.Patch(key, without, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == api::Code::kUnavailable);
  CHECK(box.registry.Get(key));

  flaky.fails = {};
  CHECK(definitions.Step(definitions) == 1);
  CHECK_FALSE(box.registry.Get(key));
}

TEST_CASE("[D-01][SEC-46] definitions: a crowd that makes objects does not keep a change of their kind waiting") {
  constexpr int kCreatesMax = 2000;  // With the creators before everybody this many come first.
  DefinitionBox box;
  REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
  OverlappingCreates slow(box.registry);
  reconciler::Definitions definitions(slow, box.catalog, box.clock);
  std::atomic<int> made = 0;
  std::atomic<bool> is_changed = false;
  std::vector<std::jthread> creators;
  creators.reserve(4);
  for (int i = 0; i < 4; ++i)
    creators.emplace_back([&] {
      while (!is_changed) {
        const int number = ++made;
        if (number > kCreatesMax) return;
        const api::Object widget{.api_version = "shop.example.com/v1",
                                 .kind = "Widget",
                                 .metadata = {.name = "w" + std::to_string(number), .namespace_ = "default"}};
        if (!definitions.Create(widget, {})) return;
      }
    });
  {
    std::unique_lock lock(slow.mutex);
    REQUIRE(slow.came.wait_for(lock, std::chrono::seconds(20), [&] { return slow.begun > 4; }));
  }
  const api::ObjectKey key{"customresourcedefinitions.apiextensions.k8s.io", "", "widgets.shop.example.com"};
  const reconciler::PatchDocument label(api::Json::Of({{"metadata", Json::Of({{"labels", Json::Of({{"a", "b"}})}})}}));
  CHECK(definitions.Patch(key, label, {}));
  is_changed = true;
  creators.clear();
  CHECK(made < kCreatesMax);
}

TEST_CASE(
    "[D-01] definitions: a group that the program takes over leaves what somebody declared in it, and its objects") {
  const TempDir dir;
  const reconciler::StoreOptions options{.path = dir / "store.db"};
  const std::string gadgets = "/apis/shop.example.com/v1/namespaces/default/gadgets";
  const api::ObjectKey widgets{"customresourcedefinitions.apiextensions.k8s.io", "", "widgets.shop.example.com"};
  {
    DefinitionBox box(options);
    REQUIRE(box.Ask("POST", kDefinitions, Text(WidgetCrd())).status == 201);
    REQUIRE(box.Ask("POST", kWidgets, Widget("a", R"({"color":"blue"})")).status == 201);
  }
  {
    ApiBox next(options);  // A version of the program with a kind of that group.
    for (auto& kind : reconciler::BuiltinKinds()) (void)next.catalog.Add(std::move(kind));
    (void)next.catalog.Add(api::schema::Kind{
        .group = "shop.example.com", .version = "v1", .kind = "Gadget", .plural = "gadgets", .is_namespaced = true});
    REQUIRE(next.definitions.Open());
    while (next.definitions.Step(next.definitions) > 0) {
    }
    CHECK(next.Ask("GET", gadgets).status == 200);
    CHECK(next.Ask("GET", kWidgets).status == 404);
    CHECK(next.registry.Get(widgets));
    CHECK(next.Ask("DELETE", std::string(kDefinitions) + "/" + widgets.name).status == 403);
  }
  DefinitionBox before(options);  // The version before serves them again.
  CHECK(TextAt(JsonOf(before.Ask("GET", std::string(kWidgets) + "/a")), {"spec", "color"}) == "blue");
}
