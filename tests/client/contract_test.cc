#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "tests/client/wire_box.h"

using namespace tests;
using namespace std::chrono_literals;
using api::Code;
using api::Json;
using api::Object;
using reconciler::EventType;
using reconciler::PatchType;

// What reconciler::Client promises, of the registry and of the wire alike: a controller cannot tell them apart.

namespace {

const api::ObjectKey kA{"slots.hero.dev", "default", "a"};

Object Slot(const std::string& name, Json spec = Json::Of({{"size", 3}})) {
  Object object{.api_version = "hero.dev/v1", .kind = "Slot"};
  object.metadata.name = name;
  object.metadata.namespace_ = "default";
  object.body["spec"] = std::move(spec);
  return object;
}

Object Parsed(const reconciler::SnapshotPtr& snapshot) {
  auto object = api::codec::ParseObject(snapshot->text);
  REQUIRE(object);
  return *std::move(object);
}

reconciler::SnapshotPtr Made(reconciler::Client& client, Object object) {
  auto written = client.Create(std::move(object), {.actor = "test"});
  REQUIRE(written);
  return written->object;
}

/// The next event that is no bookmark, as `kAdded a@1` with the word of the type.
std::string NextOf(reconciler::Watch& watch) {
  for (;;) {
    auto event = watch.Next(20s, {});
    if (!event) return "error " + std::string(CodeName(event.error().code));
    if (!*event) return "nothing";
    if ((*event)->type == EventType::kBookmark) continue;
    const char* const types[] = {"ADDED", "MODIFIED", "DELETED"};
    CHECK((*event)->revision == (*event)->object->resource_version);
    return std::string(types[static_cast<int>((*event)->type)]) + " " + (*event)->object->key.name + "@" +
           std::to_string((*event)->revision.value);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("[WIRE] Client: an object that was created can be read", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const auto written = client.Create(Slot("a"), {.actor = "test"});
  REQUIRE(written);
  CHECK_FALSE(written->is_removed);
  const reconciler::Snapshot& made = *written->object;
  CHECK(made.key == kA);
  CHECK(made.uid.value.size() == 36);
  CHECK(made.resource_version.value == 1);
  CHECK(made.generation.value == 1);
  CHECK_FALSE(made.is_deleting);
  const auto read = client.Get(kA);
  REQUIRE(read);
  CHECK((*read)->text == made.text);
  CHECK((*read)->uid == made.uid);
  CHECK(Parsed(*read).body.At({"spec", "mode"})->StringOr("") == "Fast");

  const auto twice = client.Create(Slot("a"), {.actor = "test"});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == Code::kAlreadyExists);
  CHECK(twice.error().message == "slots.hero.dev \"a\" already exists");
  const auto missing = client.Get({"slots.hero.dev", "default", "x"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error() == api::Error{Code::kNotFound, "NotFound", "slots.hero.dev \"x\" not found"});
}

TEST_CASE_TEMPLATE("[WIRE] Client: a kind that there is not is not found by any call", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const api::ObjectKey key{"things.hero.dev", "", "x"};
  const Object thing{.api_version = "hero.dev/v1", .kind = "Thing", .metadata = {.name = "x"}};
  CHECK(client.Get(key).error().code == Code::kNotFound);
  CHECK(client.List("things.hero.dev").error().code == Code::kNotFound);
  CHECK(client.OpenWatch("things.hero.dev", {}).error().code == Code::kNotFound);
  CHECK(client.Create(thing, {}).error().code == Code::kNotFound);
  CHECK(client.Update(thing, {}).error().code == Code::kNotFound);
  CHECK(client.UpdateStatus(thing, {}).error().code == Code::kNotFound);
  CHECK(client.Patch(key, Json::EmptyObject(), {}).error().code == Code::kNotFound);
  CHECK(client.Delete(key, {}).error().code == Code::kNotFound);
}

TEST_CASE_TEMPLATE("[WIRE] Client: a list is sorted, whole or of one namespace, and says from where to watch", Api,
                   EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Object elsewhere = Slot("b");
  elsewhere.metadata.namespace_ = "another";
  elsewhere.metadata.labels["tier"] = "web";
  Made(client, Slot("c"));
  Made(client, Slot("a"));
  Made(client, elsewhere);
  const auto all = client.List("slots.hero.dev");
  REQUIRE(all);
  CHECK(all->revision.value == 3);
  REQUIRE(all->items.size() == 3);
  CHECK(ToString(all->items[0]->key) == "slots.hero.dev/another/b");
  CHECK(ToString(all->items[1]->key) == "slots.hero.dev/default/a");
  CHECK(ToString(all->items[2]->key) == "slots.hero.dev/default/c");
  CHECK(all->items[0]->labels == std::vector<std::pair<std::string, std::string>>{{"tier", "web"}});
  CHECK(client.List("slots.hero.dev", "default")->items.size() == 2);
  CHECK(client.List("slots.hero.dev", "nobody")->items.empty());
  CHECK(client.List("users.hero.dev")->items.empty());
}

TEST_CASE_TEMPLATE("[WIRE] Client: an update replaces, an equal one writes nothing, a stale one is a conflict", Api,
                   EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Object object = Parsed(Made(client, Slot("a")));
  const auto same = client.Update(object, {});
  REQUIRE(same);
  CHECK(same->object->resource_version.value == 1);

  object.body["spec"]["size"] = 4;
  object.body["status"]["phase"] = "mine";  // Not through this call.
  const auto changed = client.Update(object, {});
  REQUIRE(changed);
  CHECK(changed->object->resource_version.value == 2);
  CHECK(changed->object->generation.value == 2);
  CHECK(Parsed(changed->object).body.Find("status") == nullptr);

  const auto stale = client.Update(object, {});
  REQUIRE_FALSE(stale);
  CHECK(stale.error().code == Code::kConflict);
  CHECK(
      stale.error().message ==
      "Operation cannot be fulfilled on slots.hero.dev \"a\": the object has been modified; please apply your changes to the "
      "latest version and try again");
  object.metadata.resource_version = {};
  const auto blind = client.Update(object, {});
  REQUIRE_FALSE(blind);
  CHECK(blind.error().code == Code::kInvalid);
  REQUIRE(blind.error().causes.size() == 1);
  CHECK(blind.error().causes[0].field == "metadata.resourceVersion");
  object.metadata.name = "x";
  object.metadata.resource_version = {1};
  CHECK(client.Update(object, {}).error().code == Code::kNotFound);
}

TEST_CASE_TEMPLATE("[WIRE] Client: what is invalid comes back with every cause", Api, EmbeddedApi, WireApi) {
  Api api;
  const auto refused = api.client().Create(Slot("a", Json::Of({{"size", 99}})), {});
  REQUIRE_FALSE(refused);
  CHECK(
      refused.error() ==
      api::Error{
          Code::kInvalid,
          "Invalid",
          "Slot.hero.dev \"a\" is invalid: spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10",
          {{"spec.size", "FieldValueInvalid",
            "Invalid value: 99: spec.size in body should be less than or equal to 10"}}});
}

TEST_CASE_TEMPLATE("[WIRE] Client: the status is written apart", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Object object = Parsed(Made(client, Slot("a")));
  object.body["status"] = Json::Of({{"phase", "up"}});
  object.body["spec"]["size"] = 9;
  const auto written = client.UpdateStatus(object, {});
  REQUIRE(written);
  CHECK(written->object->resource_version.value == 2);
  CHECK(written->object->generation.value == 1);
  const Object after = Parsed(written->object);
  CHECK(after.body.At({"status", "phase"})->StringOr("") == "up");
  CHECK(*after.body.At({"spec", "size"}) == Json(3));
  CHECK(client.UpdateStatus(object, {}).error().code == Code::kConflict);
  CHECK(client.UpdateStatus(after, {})->object->resource_version.value == 2);  // Equal: nothing written.
}

TEST_CASE_TEMPLATE("[WIRE] Client: a merge patch changes what it names", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Made(client, Slot("a"));
  const auto labelled =
      client.Patch(kA, Json::Of({{"metadata", Json::Of({{"labels", Json::Of({{"tier", "web"}})}})}}), {});
  REQUIRE(labelled);
  CHECK(labelled->object->generation.value == 1);
  CHECK(labelled->object->labels.size() == 1);
  CHECK(*Parsed(labelled->object).body.At({"spec", "size"}) == Json(3));
  const auto stale = client.Patch(
      kA, Json::Of({{"metadata", Json::Of({{"resourceVersion", "1"}})}, {"spec", Json::Of({{"size", 4}})}}), {});
  CHECK(stale.error().code == Code::kConflict);
  CHECK(client.Patch(kA, Json::EmptyObject(), {})->object->resource_version.value == 2);
  CHECK(client.Patch(kA, Json(Json::Array{}), {}).error().code == Code::kInvalid);
  const Json operations =
      Json(Json::Array{Json::Of({{"op", "test"}, {"path", "/metadata/labels/tier"}, {"value", "web"}}),
                       Json::Of({{"op", "remove"}, {"path", "/metadata/labels/tier"}})});
  CHECK(client.Patch(kA, {PatchType::kJson, operations}, {})->object->labels.empty());
  const auto failed = client.Patch(kA, {PatchType::kJson, operations}, {});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Code::kInvalid);
  CHECK(failed.error().message.find("operation 0 (test /metadata/labels/tier)") != std::string::npos);
  CHECK(client.Patch({"slots.hero.dev", "default", "x"}, Json::EmptyObject(), {}).error().code == Code::kNotFound);
}

TEST_CASE_TEMPLATE("[WIRE] Client: two states tell whether labels, annotations or owners changed between them", Api,
                   EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const auto made = Made(client, Slot("a"));
  const auto patched = [&](const char* member, Json value) {
    const auto written = client.Patch(kA, Json::Of({{member, std::move(value)}}), {});
    REQUIRE(written);
    const auto read = client.Get(kA);
    REQUIRE(read);
    CHECK((*read)->metadata_digest == written->object->metadata_digest);
    return (*read)->metadata_digest;
  };
  const auto grown = patched("spec", Json::Of({{"size", 4}}));
  CHECK(grown == made->metadata_digest);
  const auto labelled = patched("metadata", Json::Of({{"labels", Json::Of({{"tier", "web"}})}}));
  CHECK(labelled != grown);
  const auto annotated = patched("metadata", Json::Of({{"annotations", Json::Of({{"note", "x"}})}}));
  CHECK(annotated != labelled);
  const std::string uid = Made(client, Slot("b"))->uid.value;
  const Json owner = Json::Of({{"apiVersion", "hero.dev/v1"}, {"kind", "Slot"}, {"name", "b"}, {"uid", uid}});
  CHECK(patched("metadata", Json::Of({{"ownerReferences", Json(Json::Array{owner})}})) != annotated);
}

TEST_CASE_TEMPLATE("[WIRE] Client: a delete removes, or marks while finalizers hold", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const auto plain = Made(client, Slot("a"));
  const auto removed = client.Delete(kA, {});
  REQUIRE(removed);
  CHECK(removed->is_removed);
  CHECK(removed->object->key == kA);
  CHECK(removed->object->uid == plain->uid);
  CHECK(client.Get(kA).error().code == Code::kNotFound);
  CHECK(client.Delete(kA, {}).error().code == Code::kNotFound);

  Object held = Slot("a");
  held.metadata.finalizers = {"hero.dev/keep"};
  CHECK(Made(client, held)->uid != plain->uid);
  const auto marked = client.Delete(kA, {});
  REQUIRE(marked);
  CHECK_FALSE(marked->is_removed);
  CHECK(marked->object->is_deleting);
  CHECK(marked->object->generation.value == 2);
  CHECK(client.Delete(kA, {})->object->resource_version == marked->object->resource_version);
  Object letting_go = Parsed(marked->object);
  letting_go.metadata.finalizers.clear();
  const auto gone = client.Update(letting_go, {});
  REQUIRE(gone);
  CHECK(gone->is_removed);
  CHECK(client.Get(kA).error().code == Code::kNotFound);
}

TEST_CASE_TEMPLATE("[WIRE] Client: preconditions of a delete", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const auto made = Made(client, Slot("a"));
  CHECK(client.Delete(kA, {.uid = api::Uid{"other"}}).error().code == Code::kConflict);
  CHECK(client.Delete(kA, {.resource_version = api::ResourceVersion{7}}).error().code == Code::kConflict);
  CHECK(client.Delete(kA, {.uid = made->uid, .resource_version = made->resource_version})->is_removed);
}

TEST_CASE_TEMPLATE("[WIRE] Client: a dry run checks and writes nothing", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const auto tried = client.Create(Slot("a"), {.is_dry_run = true});
  REQUIRE(tried);
  CHECK(tried->object->resource_version.value == 0);
  CHECK(client.Get(kA).error().code == Code::kNotFound);
  Object object = Parsed(Made(client, Slot("a")));
  object.body["spec"]["size"] = 4;
  const auto updated = client.Update(object, {.is_dry_run = true});
  REQUIRE(updated);
  CHECK(*Parsed(updated->object).body.At({"spec", "size"}) == Json(4));
  CHECK(client.Patch(kA, Json::Of({{"spec", Json::Of({{"size", 99}})}}), {.is_dry_run = true}).error().code ==
        Code::kInvalid);
  CHECK(client.Delete(kA, {.is_dry_run = true}));
  CHECK((*client.Get(kA))->resource_version.value == 1);
}

TEST_CASE_TEMPLATE("[WIRE] Client: unknown fields warn, pass silently, or are refused", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  const Object odd = Slot("a", Json::Of({{"bogus", 1}}));
  const auto strict = client.Create(odd, {.field_validation = reconciler::FieldValidation::kStrict});
  REQUIRE_FALSE(strict);
  CHECK(strict.error().code == Code::kInvalid);
  CHECK(strict.error().message.find("unknown field \"spec.bogus\"") != std::string::npos);
  const auto quiet = client.Create(odd, {.is_dry_run = true, .field_validation = reconciler::FieldValidation::kIgnore});
  REQUIRE(quiet);
  CHECK(quiet->warnings.empty());
  CHECK(client.Create(odd, {})->warnings == std::vector<std::string>{"unknown field \"spec.bogus\""});
}

TEST_CASE_TEMPLATE("[WIRE] Client: a watch tells every change after its revision once, in order", Api, EmbeddedApi,
                   WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Made(client, Slot("a"));  // 1
  Made(client, Slot("b"));  // 2
  auto opened = client.OpenWatch("slots.hero.dev", {1});
  REQUIRE(opened);
  reconciler::Watch& watch = **opened;
  CHECK(NextOf(watch) == "ADDED b@2");
  REQUIRE(client.Patch(kA, Json::Of({{"spec", Json::Of({{"size", 4}})}}), {}));  // 3
  REQUIRE(client.Patch(kA, Json::EmptyObject(), {}));                            // Nothing.
  REQUIRE(client.Create({.api_version = "hero.dev/v1", .kind = "User", .metadata = {.name = "u"}},
                        {}));      // 4, another kind.
  REQUIRE(client.Delete(kA, {}));  // 5
  Made(client, Slot("a"));         // 6
  CHECK(NextOf(watch) == "MODIFIED a@3");
  CHECK(NextOf(watch) == "DELETED a@5");
  CHECK(NextOf(watch) == "ADDED a@6");
  const auto nothing = watch.Next(0ms, {});
  REQUIRE(nothing);
  CHECK_FALSE(*nothing);
}

TEST_CASE_TEMPLATE("[WIRE] Client: a wait for events ends when stop is asked for", Api, EmbeddedApi, WireApi) {
  Api api;
  auto watch = api.client().OpenWatch("slots.hero.dev", {});
  REQUIRE(watch);
  std::stop_source stop;
  auto waiting = std::async(std::launch::async, [&] { return (*watch)->Next(60s, stop.get_token()); });
  stop.request_stop();
  REQUIRE(waiting.wait_for(20s) == std::future_status::ready);
  const auto event = waiting.get();
  REQUIRE(event);
  CHECK_FALSE(*event);
}

TEST_CASE_TEMPLATE("[WIRE] Client: who asked to be told of events is told, and no more after taking that back", Api,
                   EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  auto watch = client.OpenWatch("slots.hero.dev", {});
  REQUIRE(watch);
  std::atomic<int> told{0};
  (*watch)->SetNotify([&] {
    ++told;
    told.notify_all();
  });
  for (const int round : {1, 2}) {
    // Drained, then something new: somebody has to call.
    for (;;) {
      const auto rest = (*watch)->Next(0ms, {});
      REQUIRE(rest);
      if (!*rest) break;
    }
    const int before = told;
    Made(client, Slot("a" + std::to_string(round)));
    told.wait(before);
    CHECK(told > before);
    CHECK(NextOf(**watch) == "ADDED a" + std::to_string(round) + "@" + std::to_string(round));
  }
  (*watch)->SetNotify({});
  const int after = told;
  Made(client, Slot("b"));
  CHECK(NextOf(**watch) == "ADDED b@3");
  CHECK(told == after);
}

TEST_CASE_TEMPLATE("[WIRE] Client: a revision that is gone is told, at the latest with the first event", Api,
                   EmbeddedApi, WireApi) {
  Api api({.path = ":memory:", .history_max = 2, .watch_queue_max = 4});
  reconciler::Client& client = api.client();
  for (const char* const name : {"a", "b", "c", "d"}) Made(client, Slot(name));
  auto watch = client.OpenWatch("slots.hero.dev", {1});
  const auto error = watch ? (*watch)->Next(20s, {}).error() : watch.error();
  CHECK(error.code == Code::kExpired);
  CHECK(error.message == "too old resource version: 1 (3)");
}

TEST_CASE_TEMPLATE("[WIRE] Client: concurrent writers of one object lose no increment", Api, EmbeddedApi, WireApi) {
  Api api;
  reconciler::Client& client = api.client();
  Made(client, Slot("a", Json::EmptyObject()));
  const auto add_labels = [&](const std::string& who) {
    for (int i = 0; i < 10; ++i) {
      const std::string label = who + std::to_string(i);
      auto patched = client.Patch(kA, Json::Of({{"metadata", Json::Of({{"labels", Json::Of({{label, "x"}})}})}}), {});
      if (!patched) return patched.error().message;
    }
    return std::string();
  };
  auto left = std::async(std::launch::async, add_labels, "left");
  auto right = std::async(std::launch::async, add_labels, "right");
  CHECK(left.get() == "");
  CHECK(right.get() == "");
  CHECK((*client.Get(kA))->labels.size() == 20);
  CHECK((*client.Get(kA))->resource_version.value == 21);
}
