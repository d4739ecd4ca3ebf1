#include "reconciler/registry.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "tests/support/harness.h"

namespace reconciler {
namespace {

using api::Code;
using api::Json;
using api::Object;

/// A kind with a schema, as a CRD would declare it.
api::schema::Catalog Things() {
  auto crd = api::codec::ParseJson(R"({
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.test.dev"},
    "spec": {"group": "test.dev", "scope": "Cluster",
      "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
      "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
          "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "maximum": 10}, "mode": {"type": "string", "default": "Fast"}}},
          "status": {"type": "object", "properties": {"seen": {"type": "integer"}}}}}}}]}})");
  REQUIRE(crd);
  auto kind = api::schema::KindFromCrd(*crd);
  REQUIRE_MESSAGE(kind, kind.error().message);
  api::schema::Catalog catalog;
  REQUIRE(catalog.Add(*std::move(kind)));
  return catalog;
}

struct Bench : tests::Harness {
  explicit Bench(api::schema::Catalog catalog = Things()) : Harness(std::move(catalog)) {}

  Object Parse(const api::Expected<Written>& written) {
    REQUIRE_MESSAGE(written, written.error().message);
    return *api::codec::ParseObject(written->object->text);
  }
  Object Create(const std::string& name, int size = 1) { return Parse(client().Create(Thing(name, size), {})); }
  static Object Thing(const std::string& name, int size) {
    Object object{.api_version = "test.dev/v1", .kind = "Thing", .metadata = {.name = name}};
    object.body["spec"]["size"] = size;
    return object;
  }
  static api::ObjectKey Key(const std::string& name) { return {"things.test.dev", "", name}; }
};

TEST_CASE("[WIRE] registry: a created object gets identity, generation 1, defaults and a time in whole seconds") {
  Bench bench;
  bench.clock.Advance(std::chrono::milliseconds(700));
  Object given = Bench::Thing("a", 2);
  given.metadata.uid = {"mine"};
  given.metadata.generation = {7};
  given.body["status"]["seen"] = 3;
  const Object made = bench.Parse(bench.client().Create(given, {}));
  CHECK(made.metadata.uid.value.size() == 36);
  CHECK(made.metadata.uid.value[14] == '4');
  CHECK(made.metadata.generation == api::Generation{1});
  CHECK(api::codec::FormatTime(*made.metadata.creation_timestamp) == "2026-11-20T20:58:51Z");
  CHECK(*made.body.At({"spec", "mode"}) == Json("Fast"));
  CHECK(made.body.Find("status") == nullptr);
}

TEST_CASE("[WIRE] registry: several writes at once are each as they would be alone, and one that is refused is alone") {
  Bench bench;
  Object changed = bench.Create("old", 1);
  Object stale = bench.Create("stale", 1);
  stale.metadata.resource_version = changed.metadata.resource_version;
  const Object same = bench.Create("same", 3);
  changed.body["spec"]["size"] = 2;
  auto before = bench.engine->revision();
  const auto written = bench.client().WriteAll(
      {changed, Bench::Thing("new", 4), Bench::Thing("big", 99), stale, Bench::Thing("new", 5), same,
       Object{.api_version = "test.dev/v1", .kind = "Other", .metadata = {.name = "other"}}},
      {.actor = "test"});
  REQUIRE(written.size() == 7);
  CHECK(bench.Parse(written[0]).metadata.generation == api::Generation{2});
  CHECK(*bench.Parse(written[1]).body.At({"spec", "mode"}) == Json("Fast"));
  CHECK(written[2].error().code == Code::kInvalid);
  CHECK(written[3].error().code == Code::kConflict);
  CHECK(written[4].error().code == Code::kAlreadyExists);
  CHECK(bench.Parse(written[5]).metadata.resource_version == same.metadata.resource_version);
  CHECK(written[6].error().code == Code::kNotFound);
  CHECK(bench.engine->revision().value == before.value + 2);
  std::string audited;
  for (const std::string& line : bench.audit_log.lines())
    if (line.find(R"("actor":"test")") != std::string::npos) audited += line + "\n";
  CHECK(audited.find(R"("outcome":"done","revision":)" + std::to_string(before.value + 1)) != std::string::npos);
  CHECK(audited.find(R"("outcome":"Invalid","target":"Thing big")") != std::string::npos);
  CHECK(std::count(audited.begin(), audited.end(), '\n') == 7);
  before = bench.engine->revision();
  CHECK(bench.client().WriteAll({Bench::Thing("dry", 1)}, {.is_dry_run = true}).front());
  CHECK(bench.engine->revision() == before);
}

TEST_CASE("[WIRE] registry: a thousand writes at once, some of one lock, neither wait for each other nor get lost") {
  Bench bench;
  std::vector<Object> objects;
  objects.reserve(1'000);
  for (int i = 0; i < 1'000; ++i) objects.push_back(Bench::Thing("thing-" + std::to_string(i), 1));
  auto made = bench.client().WriteAll(objects, {});
  for (std::size_t i = 0; i < objects.size(); ++i) {
    objects[i] = bench.Parse(made[i]);
    objects[i].body["spec"]["size"] = 2;
  }
  for (const auto& written : bench.client().WriteAll(objects, {})) REQUIRE(written);
  CHECK(bench.client().List("things.test.dev")->items.size() == 1'000);
}

TEST_CASE("[WIRE] registry: what does not fit is refused with every cause, or pruned with a warning") {
  Bench bench;
  Object bad = Bench::Thing("Bad_Name", 99);
  auto refused = bench.client().Create(bad, {});
  REQUIRE_FALSE(refused);
  CHECK(
      refused.error().message ==
      "Thing.test.dev \"Bad_Name\" is invalid: spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10");
  bad.body["spec"]["size"] = 9;
  refused = bench.client().Create(bad, {});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().causes.size() == 1);
  CHECK(refused.error().causes[0].field == "metadata.name");

  Object unknown = Bench::Thing("a", 1);
  unknown.body["spec"]["bogus"] = 1;
  auto strict = bench.client().Create(unknown, {.field_validation = FieldValidation::kStrict});
  REQUIRE_FALSE(strict);
  CHECK(strict.error().reason == "BadRequest");
  auto warned = bench.client().Create(unknown, {});
  REQUIRE(warned);
  CHECK(warned->warnings == std::vector<std::string>{"unknown field \"spec.bogus\""});
}

TEST_CASE("[WIRE] registry: the generation counts the spec, not labels or status") {
  Bench bench;
  Object object = bench.Create("a");
  object.metadata.labels["x"] = "1";
  object = bench.Parse(bench.client().Update(object, {}));
  CHECK(object.metadata.generation == api::Generation{1});
  object.body["spec"]["size"] = 2;
  object = bench.Parse(bench.client().Update(object, {}));
  CHECK(object.metadata.generation == api::Generation{2});
  object.body["status"]["seen"] = 1;
  object = bench.Parse(bench.client().UpdateStatus(object, {}));
  CHECK(object.metadata.generation == api::Generation{2});
}

TEST_CASE("[WIRE] registry: spec and status are written apart") {
  Bench bench;
  Object object = bench.Create("a");
  object.body["status"]["seen"] = 1;
  object.body["spec"]["size"] = 5;
  object = bench.Parse(bench.client().UpdateStatus(object, {}));
  CHECK(*object.body.At({"spec", "size"}) == Json(1));
  CHECK(*object.body.At({"status", "seen"}) == Json(1));
  object.body["status"]["seen"] = 2;
  object.body["spec"]["size"] = 5;
  object = bench.Parse(bench.client().Update(object, {}));
  CHECK(*object.body.At({"spec", "size"}) == Json(5));
  CHECK(*object.body.At({"status", "seen"}) == Json(1));
}

TEST_CASE("[WIRE] registry: a status for an object that was made anew meanwhile is refused") {
  Bench bench;
  Object first = bench.Create("a");
  REQUIRE(bench.client().Delete(Bench::Key("a"), {}));
  bench.Create("a");
  first.metadata.resource_version = {};
  first.body["status"]["seen"] = 1;
  CHECK(bench.client().UpdateStatus(first, {}).error().code == Code::kConflict);
}

TEST_CASE("[HTB-18] registry: an equal write changes nothing and wakes nobody") {
  Bench bench;
  const Object object = bench.Create("a");
  CHECK(bench.WritesDuring([&] {
    CHECK(bench.Parse(bench.client().Update(object, {})) == object);
    CHECK(bench.Parse(bench.client().Patch(Bench::Key("a"), Json::EmptyObject(), {})) == object);
  }) == 0);
}

TEST_CASE("[SEC-61] registry: a stale update is a conflict, one without a version is refused") {
  Bench bench;
  Object object = bench.Create("a");
  Object stale = object;
  object.body["spec"]["size"] = 2;
  REQUIRE(bench.client().Update(object, {}));
  stale.body["spec"]["size"] = 3;
  CHECK(bench.client().Update(stale, {}).error().code == Code::kConflict);
  stale.metadata.resource_version = {};
  CHECK(bench.client().Update(stale, {}).error().causes.at(0).field == "metadata.resourceVersion");
}

TEST_CASE("[WIRE] registry: a merge patch keeps what it does not name and removes what it nulls") {
  Bench bench;
  bench.Create("a", 4);
  auto patch = api::codec::ParseJson(R"({"spec": {"mode": "Slow"}, "metadata": {"labels": {"x": "1"}}})");
  Object object = bench.Parse(bench.client().Patch(Bench::Key("a"), *patch, {}));
  CHECK(*object.body.At({"spec", "size"}) == Json(4));
  CHECK(*object.body.At({"spec", "mode"}) == Json("Slow"));
  CHECK(object.metadata.labels.at("x") == "1");
  patch = api::codec::ParseJson(R"({"spec": {"mode": null}, "metadata": {"labels": {"x": null}}})");
  object = bench.Parse(bench.client().Patch(Bench::Key("a"), *patch, {}));
  CHECK(*object.body.At({"spec", "mode"}) == Json("Fast"));  // Removing a defaulted field brings the default back.
  CHECK(object.metadata.labels.empty());
}

TEST_CASE("[WIRE] registry: delete with a finalizer, step by step") {
  Bench bench;
  Object given = Bench::Thing("a", 1);
  given.metadata.finalizers = {"hero.dev/keep"};
  const Object made = bench.Parse(bench.client().Create(given, {}));

  const Object marked = bench.Parse(bench.client().Delete(Bench::Key("a"), {}));
  CHECK(marked.metadata.is_deleting());
  CHECK(marked.metadata.generation == api::Generation{2});
  CHECK(bench.Parse(bench.client().Delete(Bench::Key("a"), {})) == marked);

  Object more = marked;
  more.metadata.finalizers.push_back("hero.dev/more");
  auto refused = bench.client().Update(more, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().causes.at(0).message ==
        "Forbidden: no new finalizers can be added if the object is being deleted");

  Object freed = marked;
  freed.metadata.finalizers.clear();
  auto last = bench.client().Update(freed, {});
  REQUIRE(last);
  CHECK(last->is_removed);
  CHECK(bench.client().Get(Bench::Key("a")).error().code == Code::kNotFound);
  CHECK(made.metadata.uid == marked.metadata.uid);
}

TEST_CASE("[WIRE] registry: a delete with a precondition spares the one that came later") {
  Bench bench;
  const Object first = bench.Create("a");
  REQUIRE(bench.client().Delete(Bench::Key("a"), {.uid = first.metadata.uid}));
  bench.Create("a");
  CHECK(bench.client().Delete(Bench::Key("a"), {.uid = first.metadata.uid}).error().code == Code::kConflict);
  CHECK(bench.client().Get(Bench::Key("a")));
}

TEST_CASE("[WIRE] registry: a dry run checks everything and writes nothing") {
  Bench bench;
  Object object = bench.Create("a");
  CHECK(bench.WritesDuring([&] {
    object.body["spec"]["size"] = 2;
    CHECK(*bench.Parse(bench.client().Update(object, {.is_dry_run = true})).body.At({"spec", "size"}) == Json(2));
    object.body["spec"]["size"] = 99;
    CHECK_FALSE(bench.client().Update(object, {.is_dry_run = true}));
    CHECK(bench.Parse(bench.client().Create(Bench::Thing("b", 1), {.is_dry_run = true}))
              .metadata.resource_version.value == 0);
    CHECK(bench.client().Create(Bench::Thing("a", 1), {.is_dry_run = true}).error().code == Code::kAlreadyExists);
    CHECK(bench.client().Delete(Bench::Key("a"), {.is_dry_run = true})->is_removed);
  }) == 0);
  CHECK_FALSE(bench.client().Get(Bench::Key("b")));
}

TEST_CASE("[ENGINE] registry: nothing is created under an owner that is being deleted") {
  Bench bench;
  Object given = Bench::Thing("parent", 1);
  given.metadata.finalizers = {"hero.dev/keep"};
  const Object parent = bench.Parse(bench.client().Create(given, {}));
  Object child = Bench::Thing("child", 1);
  child.metadata.owner_references = {
      {.api_version = "test.dev/v1", .kind = "Thing", .name = "parent", .uid = parent.metadata.uid}};
  REQUIRE(bench.client().Create(child, {.is_dry_run = true}));
  REQUIRE(bench.client().Delete(Bench::Key("parent"), {}));
  auto refused = bench.client().Create(child, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "OwnerDeleting");
}

/// Things live in no namespace, slots in one.
struct OwnersBench : Bench {
  OwnersBench() : Bench(ThingsAndSlots()) {}

  static api::schema::Catalog ThingsAndSlots() {
    api::schema::Catalog catalog = Things();
    REQUIRE(catalog.Add({.group = "test.dev",
                         .version = "v1",
                         .kind = "Slot",
                         .list_kind = "SlotList",
                         .plural = "slots",
                         .singular = "slot",
                         .is_namespaced = true}));
    return catalog;
  }
  Object CreateSlot(const std::string& namespace_, const std::string& name) {
    return Parse(client().Create(Slot(namespace_, name), {}));
  }
  static Object Slot(const std::string& namespace_, const std::string& name) {
    return {.api_version = "test.dev/v1", .kind = "Slot", .metadata = {.name = name, .namespace_ = namespace_}};
  }
  static api::OwnerReference OwnerFrom(const Object& object) {
    return {.api_version = object.api_version,
            .kind = object.kind,
            .name = object.metadata.name,
            .uid = object.metadata.uid};
  }
};

TEST_CASE("[ENGINE] registry: an owner has to be of a served kind, there, the same, and in reach") {
  OwnersBench bench;
  const api::OwnerReference thing = OwnersBench::OwnerFrom(bench.Create("parent"));
  const api::OwnerReference slot = OwnersBench::OwnerFrom(bench.CreateSlot("here", "s"));
  const auto with = [](api::OwnerReference owner, auto change) {
    change(owner);
    return owner;
  };
  struct Row {
    const char* name;
    Object child;
    api::OwnerReference owner;
    const char* field;  ///< Null: accepted.
    const char* reason;
    std::string message;
  };
  const Row rows[] = {
      {"cluster-scoped owner of both", OwnersBench::Slot("here", "a"), thing, nullptr, "", ""},
      {"cluster-scoped by cluster-scoped", Bench::Thing("a", 1), thing, nullptr, "", ""},
      {"owner in the same namespace", OwnersBench::Slot("here", "b"), slot, nullptr, "", ""},
      {"a kind that is not served", Bench::Thing("x", 1), with(thing, [](auto& o) { o.kind = "Other"; }),
       "metadata.ownerReferences[0].kind", "FieldValueInvalid",
       "Invalid value: \"Other\": this server has no such kind in test.dev/v1"},
      {"a version that is not served", Bench::Thing("x", 1),
       with(thing, [](auto& o) { o.api_version = "test.dev/v2"; }), "metadata.ownerReferences[0].kind",
       "FieldValueInvalid", "Invalid value: \"Thing\": this server has no such kind in test.dev/v2"},
      {"nobody of that name", Bench::Thing("x", 1), with(thing, [](auto& o) { o.name = "gone"; }),
       "metadata.ownerReferences[0].name", "FieldValueNotFound", "Not found: \"gone\": there is no Thing of that name"},
      {"an earlier one of that name", Bench::Thing("x", 1), with(thing, [](auto& o) { o.uid = {"old"}; }),
       "metadata.ownerReferences[0].uid", "FieldValueInvalid",
       "Invalid value: \"old\": Thing \"parent\" is another one now, with the uid " + thing.uid.value},
      {"cluster-scoped by namespaced", Bench::Thing("x", 1), slot, "metadata.ownerReferences[0]", "FieldValueForbidden",
       "Forbidden: a cluster-scoped Thing cannot be owned by a namespaced Slot"},
      {"owner in another namespace", OwnersBench::Slot("there", "x"), slot, "metadata.ownerReferences[0].name",
       "FieldValueNotFound",
       "Not found: \"s\": there is no Slot of that name in the namespace \"there\", where what it owns is"},
  };
  for (Row row : rows) {
    CAPTURE(row.name);
    row.child.metadata.owner_references = {row.owner};
    const auto created = bench.client().Create(row.child, {});
    REQUIRE(created.has_value() == (row.field == nullptr));
    if (created) continue;
    CHECK(created.error().code == Code::kInvalid);
    REQUIRE(created.error().causes.size() == 1);
    CHECK(created.error().causes[0] == api::Cause{row.field, row.reason, row.message});
  }
}

TEST_CASE("[ENGINE] registry: an owner is looked at when it is added, and does not stop later writes when it is gone") {
  Bench bench;
  const api::OwnerReference owner = OwnersBench::OwnerFrom(bench.Create("parent"));
  Object child = bench.Create("child");
  child.metadata.owner_references = {owner};
  child = bench.Parse(bench.client().Update(child, {}));
  REQUIRE(bench.client().Delete(Bench::Key("parent"), {}));
  child.body["spec"]["size"] = 2;
  child = bench.Parse(bench.client().Update(child, {}));
  CHECK(child.metadata.owner_references.size() == 1);

  child.metadata.owner_references.push_back(owner);
  child.metadata.owner_references.back().name = "other";
  const auto refused = bench.client().Update(child, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().causes.at(0).field == "metadata.ownerReferences[1].name");
  CHECK(bench.client().Update(child, {.is_dry_run = true, .is_foreseen = true}));
}

TEST_CASE("[ENGINE] registry: nothing is put under an owner that is being deleted") {
  Bench bench;
  Object given = Bench::Thing("parent", 1);
  given.metadata.finalizers = {"hero.dev/keep"};
  const api::OwnerReference owner = OwnersBench::OwnerFrom(bench.Parse(bench.client().Create(given, {})));
  Object child = bench.Create("child");
  REQUIRE(bench.client().Delete(Bench::Key("parent"), {}));
  child.metadata.owner_references = {owner};
  const auto refused = bench.client().Update(child, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "OwnerDeleting");
  CHECK(refused.error().message == "cannot put child under Thing \"parent\": it is being deleted");
}

TEST_CASE("[WIRE] registry: an unknown kind is not found, whatever is asked of it") {
  Bench bench;
  CHECK(bench.client().List("others.test.dev").error().code == Code::kNotFound);
  CHECK(bench.client().OpenWatch("others.test.dev", {}).error().code == Code::kNotFound);
  CHECK(bench.client().Create({.api_version = "test.dev/v1", .kind = "Other"}, {}).error().code == Code::kNotFound);
}

}  // namespace
}  // namespace reconciler
