#include "reconciler/collector.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "tests/support/harness.h"

namespace reconciler {
namespace {

using api::Object;

/// Things in the cluster and boxes in namespaces, of which no controller knows anything.
api::schema::Catalog ThingsAndBoxes() {
  api::schema::Catalog catalog;
  REQUIRE(catalog.Add({.group = "test.dev",
                       .version = "v1",
                       .kind = "Thing",
                       .list_kind = "ThingList",
                       .plural = "things",
                       .singular = "thing"}));
  REQUIRE(catalog.Add({.group = "test.dev",
                       .version = "v1",
                       .kind = "Box",
                       .list_kind = "BoxList",
                       .plural = "boxes",
                       .singular = "box",
                       .is_namespaced = true}));
  REQUIRE(catalog.Add({.group = "shop.test.dev",
                       .version = "v1",
                       .kind = "Event",
                       .list_kind = "EventList",
                       .plural = "events",
                       .singular = "event"}));
  return catalog;
}

struct CollectorBench : tests::Harness {
  CollectorBench() : Harness(ThingsAndBoxes()) {}

  static api::ObjectKey Key(const std::string& name) { return {"things.test.dev", "", name}; }

  Object Make(Object object) {
    auto written = client().Create(std::move(object), {});
    REQUIRE_MESSAGE(written, written.error().message);
    return *api::codec::ParseObject(written->object->text);
  }
  /// A thing with these owners; `blocks`: none of them may go before it.
  Object Thing(const std::string& name, const std::vector<Object>& owners = {}, bool blocks = true) {
    Object object{.api_version = "test.dev/v1", .kind = "Thing", .metadata = {.name = name}};
    for (const Object& owner : owners)
      object.metadata.owner_references.push_back({.api_version = owner.api_version,
                                                  .kind = owner.kind,
                                                  .name = owner.metadata.name,
                                                  .uid = owner.metadata.uid,
                                                  .blocks_owner_deletion = blocks});
    return Make(std::move(object));
  }
  void Hold(const std::string& name, const std::vector<std::string>& finalizers) {
    auto object = api::codec::ParseObject((*client().Get(Key(name)))->text);
    object->metadata.finalizers = finalizers;
    REQUIRE(client().Update(*object, {}));
  }
  bool Has(const std::string& name) { return client().Get(Key(name)).has_value(); }
  std::size_t OwnersOf(const std::string& name) {
    auto found = client().Get(Key(name));
    return found ? (*found)->owners.size() : 99;
  }
  void DeleteThing(const std::string& name, std::optional<Propagation> propagation) {
    REQUIRE(client().Delete(Key(name), {.propagation = propagation}));
  }
};

TEST_CASE("[WIRE] collector: a third party's kind that is called events is collected as any other") {
  CollectorBench bench;
  const Object owner = bench.Thing("owner");
  Object event{.api_version = "shop.test.dev/v1", .kind = "Event", .metadata = {.name = "sale"}};
  event.metadata.owner_references = {
      {.api_version = owner.api_version, .kind = owner.kind, .name = "owner", .uid = owner.metadata.uid}};
  bench.Make(std::move(event));
  bench.DeleteThing("owner", Propagation::kBackground);
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.client().Get({"events.shop.test.dev", "", "sale"}));
}

TEST_CASE("[WIRE] collector: in the background the owner goes first, and what it owned after it") {
  CollectorBench bench;
  const Object owner = bench.Thing("owner");
  bench.Thing("child", {owner});
  bench.Thing("shared", {owner, bench.Thing("other")});
  bench.DeleteThing("owner", Propagation::kBackground);
  CHECK_FALSE(bench.Has("owner"));
  CHECK(bench.Has("child"));
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.Has("child"));
  CHECK(bench.OwnersOf("shared") == 1);  // Only the dead reference is gone.
}

TEST_CASE("[WIRE] collector: in the foreground the owner waits for those that block it, and no others") {
  CollectorBench bench;
  const Object owner = bench.Thing("owner");
  bench.Thing("grandchild", {bench.Thing("child", {owner})});
  bench.Thing("loose", {owner}, false);
  bench.Thing("shared", {owner, bench.Thing("other")});
  bench.Hold("grandchild", {"test.dev/hold"});
  bench.Hold("loose", {"test.dev/hold"});
  bench.DeleteThing("owner", Propagation::kForeground);
  REQUIRE(bench.ReconcileUntilIdle());
  REQUIRE(bench.Has("owner"));
  auto waiting = api::codec::ParseObject((*bench.client().Get(CollectorBench::Key("owner")))->text);
  CHECK(waiting->metadata.finalizers == std::vector<std::string>{"foregroundDeletion"});
  CHECK(waiting->metadata.is_deleting());
  CHECK(bench.Has("child"));
  CHECK(bench.OwnersOf("shared") == 1);

  bench.Hold("grandchild", {});
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.Has("grandchild"));
  CHECK_FALSE(bench.Has("child"));
  CHECK_FALSE(bench.Has("owner"));
  CHECK(bench.Has("loose"));  // Being deleted, and nobody waits for it.
  CHECK(bench.Has("shared"));
}

TEST_CASE("[WIRE] collector: orphans lose their owner and stay") {
  CollectorBench bench;
  const Object owner = bench.Thing("owner");
  bench.Thing("child", {owner});
  bench.Thing("shared", {owner, bench.Thing("other")});
  bench.DeleteThing("owner", Propagation::kOrphan);
  CHECK(bench.Has("owner"));
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.Has("owner"));
  CHECK(bench.OwnersOf("child") == 0);
  CHECK(bench.OwnersOf("shared") == 1);
}

TEST_CASE("[WIRE] collector: a later delete may choose another policy, and one without a policy keeps it") {
  CollectorBench bench;
  bench.Thing("child", {bench.Thing("owner")});
  bench.Hold("child", {"test.dev/hold"});
  bench.DeleteThing("owner", Propagation::kForeground);
  bench.DeleteThing("owner", std::nullopt);
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK(bench.Has("owner"));
  bench.DeleteThing("owner", Propagation::kBackground);
  CHECK_FALSE(bench.Has("owner"));
}

TEST_CASE("[WIRE] collector: two that own each other both go") {
  CollectorBench bench;
  const Object left = bench.Thing("left");
  Object right = bench.Thing("right", {left});
  auto again = api::codec::ParseObject((*bench.client().Get(CollectorBench::Key("left")))->text);
  again->metadata.owner_references = {{.api_version = "test.dev/v1",
                                       .kind = "Thing",
                                       .name = "right",
                                       .uid = right.metadata.uid,
                                       .blocks_owner_deletion = true}};
  REQUIRE(bench.client().Update(*again, {}));
  bench.DeleteThing("left", Propagation::kForeground);
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.Has("left"));
  CHECK_FALSE(bench.Has("right"));
}

TEST_CASE("[SEC-54] collector: what has the name of a namespace, and its finalizer, empties none") {
  // The contents of `bob` went with whatever of that name anybody deleted.
  CollectorBench bench;
  bench.Make({.api_version = "v1", .kind = "Namespace", .metadata = {.name = "bob"}});
  bench.Make({.api_version = "test.dev/v1", .kind = "Box", .metadata = {.name = "bobs", .namespace_ = "bob"}});
  bench.Thing("bob");
  bench.Hold("bob", {"hero.dev/contents"});
  bench.DeleteThing("bob", std::nullopt);
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK(bench.client().Get({"boxes.test.dev", "bob", "bobs"}));
  CHECK_FALSE(bench.Has("bob"));
}

TEST_CASE("[WIRE] collector: a namespace says that it is going, loses what is in it, and goes") {
  CollectorBench bench;
  const auto box = [](const std::string& namespace_, const std::string& name) {
    return Object{.api_version = "test.dev/v1", .kind = "Box", .metadata = {.name = name, .namespace_ = namespace_}};
  };
  const WriteOptions by_client{.field_manager = "kubectl"};
  bench.Make({.api_version = "v1", .kind = "Namespace", .metadata = {.name = "ann"}});
  Object held = box("ann", "held");
  held.metadata.finalizers = {"test.dev/hold"};
  REQUIRE(bench.client().Create(held, by_client));
  REQUIRE(bench.client().Create(box("ann", "free"), by_client));
  bench.Make(box("bob", "other"));
  const auto nowhere = bench.client().Create(box("bob", "mine"), by_client);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().message == "namespaces \"bob\" not found");

  const auto deleted = bench.client().Delete({"namespaces", "", "ann"}, {});
  REQUIRE(deleted);
  CHECK_FALSE(deleted->is_removed);
  const auto phase = api::codec::ParseObject(deleted->object->text)->body.At({"status", "phase"})->StringOr("");
  CHECK(phase == "Terminating");
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK(bench.client().Get({"namespaces", "", "ann"}));
  CHECK(bench.client().List("boxes.test.dev", "ann")->items.size() == 1);
  const auto late = bench.client().Create(box("ann", "late"), by_client);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == api::Code::kForbidden);
  CHECK(late.error().causes.at(0).reason == "NamespaceTerminating");

  auto last = api::codec::ParseObject((*bench.client().Get({"boxes.test.dev", "ann", "held"}))->text);
  last->metadata.finalizers.clear();
  REQUIRE(bench.client().Update(*last, {}));
  REQUIRE(bench.ReconcileUntilIdle());
  CHECK_FALSE(bench.client().Get({"namespaces", "", "ann"}));
  CHECK(bench.client().List("boxes.test.dev")->items.size() == 1);
}

}  // namespace
}  // namespace reconciler
