#include "api/codec/object.h"

#include <doctest/doctest.h>

#include "api/codec/json.h"
#include "api/v1/user.h"
#include "tests/api/outcome.h"

using namespace api;
using codec::ParseObject;

TEST_CASE("[API] objects: metadata is read, what this project does not keep is dropped") {
  const auto object = ParseObject(R"({
    "apiVersion": "hero.dev/v1", "kind": "User",
    "metadata": {"name": "alice", "namespace": "", "uid": "u-1", "resourceVersion": "7", "generation": 2,
      "creationTimestamp": "2026-11-20T20:58:51Z", "deletionTimestamp": null, "selfLink": "/x", "managedFields": [{"manager": "m"}],
      "generateName": "al-",
      "labels": {"a/b": "c"}, "annotations": {"n": "t"}, "finalizers": ["hero.dev/user"], "deletionGracePeriodSeconds": 0,
      "ownerReferences": [{"apiVersion": "v1", "kind": "Team", "name": "team", "uid": "u-0", "controller": true}]},
    "spec": {"name": "alice"}, "extra": 1})");

  REQUIRE(Outcome(object) == "fine");
  CHECK(object->metadata.name == "alice");
  CHECK(object->metadata.resource_version.value == 7);
  CHECK(object->metadata.generation.value == 2);
  CHECK_FALSE(object->metadata.is_deleting());
  CHECK(object->metadata.owner_references ==
        std::vector<OwnerReference>{
            {.api_version = "v1", .kind = "Team", .name = "team", .uid = {"u-0"}, .is_controller = true}});
  CHECK(object->body == Json::Of({{"spec", Json::Of({{"name", "alice"}})}, {"extra", 1}}));
  CHECK(
      codec::WriteObject(*object) ==
      R"({"apiVersion":"hero.dev/v1","extra":1,"kind":"User","metadata":{"annotations":{"n":"t"},)"
      R"("creationTimestamp":"2026-11-20T20:58:51Z","finalizers":["hero.dev/user"],"generateName":"al-","generation":2,)"
      R"("labels":{"a/b":"c"},"managedFields":[{"manager":"m"}],"name":"alice","ownerReferences":[{"apiVersion":"v1","controller":true,"kind":"Team",)"
      R"("name":"team","uid":"u-0"}],"resourceVersion":"7","uid":"u-1"},"spec":{"name":"alice"}})");
  CHECK(*ParseObject(codec::WriteObject(*object)) == *object);
}

TEST_CASE("[API] objects: one that is being deleted says so as clients expect it") {
  Object object{.api_version = "v1", .kind = "Event", .metadata = {.name = "e"}};
  object.metadata.deletion_timestamp = Time();
  const Json json = codec::ObjectToJson(object);
  CHECK(json.At({"metadata", "deletionTimestamp"})->StringOr("") == "1970-01-01T00:00:00Z");
  CHECK(*json.At({"metadata", "deletionGracePeriodSeconds"}) == Json(0));
}

TEST_CASE("[API] objects: what is refused, with the field") {
  struct Row {
    std::string members;
    std::string message;
    std::string field;
  };
  const Row rows[] = {
      {R"("kind": "User")", "apiVersion: Required value", "apiVersion"},
      {R"("apiVersion": "v1")", "kind: Required value", "kind"},
      {R"("apiVersion": "v1", "kind": 7)", "kind: must be string, not integer", "kind"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": [])", "metadata: must be object, not array", "metadata"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"labels": {"a": 1}})",
       "metadata.labels.a: must be string, not integer", "metadata.labels.a"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"managedFields": {}})",
       "metadata.managedFields: must be array, not object", "metadata.managedFields"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"resourceVersion": 7})",
       "metadata.resourceVersion: must be string, not integer", "metadata.resourceVersion"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"resourceVersion": "7a"})",
       "metadata.resourceVersion: must be decimal digits in quotes", "metadata.resourceVersion"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"deletionTimestamp": "soon"})",
       "metadata.deletionTimestamp: must be a time such as 2026-11-20T20:58:51Z", "metadata.deletionTimestamp"},
      {R"("apiVersion": "v1", "kind": "A", "metadata": {"ownerReferences": [{"name": "a"}, {"name": false}]})",
       "metadata.ownerReferences[1].name: must be string, not boolean", "metadata.ownerReferences[1].name"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.members);
    const auto object = ParseObject("{" + row.members + "}");
    REQUIRE_FALSE(object);
    CHECK(object.error().code == Code::kInvalid);
    CHECK(object.error().message == row.message);
    CHECK(object.error().causes.front().field == row.field);
  }
  CHECK(Outcome(ParseObject("[]")) == "must be object, not array");
}

TEST_CASE("[API] conditions: written, read back, and left out when malformed") {
  const Condition ready{.type = "Ready",
                        .status = ConditionStatus::kTrue,
                        .reason = "Converged",
                        .message = "all is well",
                        .observed_generation = {3},
                        .last_transition = Time(std::chrono::seconds(60))};
  Json broken = codec::ConditionToJson(ready);
  broken["status"] = "Maybe";
  Object object;
  object.body["status"] =
      Json::Of({{"observedGeneration", 3},
                {"conditions", Json::Array{broken, codec::ConditionToJson(ready), "x", Json::Of({})}}});

  const CommonStatus common = codec::CommonStatusOf(object);

  CHECK(common.conditions == std::vector<Condition>{ready});
  CHECK(common.IsReady({3}));
  CHECK_FALSE(common.IsReady({4}));
}

TEST_CASE("[API] handled wishes: written beside the report, read back, and gone when there are none") {
  const CommonStatus common{.observed_generation = {2}, .handled = {{"hero.dev/reconcile-requested-at", "noon"}}};
  Json status = Json::Of({{"uid", 7}, {"handled", Json::Of({{"old", "x"}})}});
  codec::PutCommonStatus(common, status);
  CHECK(codec::WriteJson(status) ==
        R"({"conditions":[],"handled":{"hero.dev/reconcile-requested-at":"noon"},"observedGeneration":2,"uid":7})");
  Object object;
  object.body["status"] = status;
  CHECK(codec::CommonStatusOf(object) == common);

  object.body["status"]["handled"]["broken"] = 7;
  CHECK(codec::CommonStatusOf(object) == common);
  object.body["status"]["handled"] = "nothing of the kind";
  CHECK(codec::CommonStatusOf(object).handled.empty());
  codec::PutCommonStatus({}, status);
  CHECK(status == Json::Of({{"uid", 7}, {"observedGeneration", 0}, {"conditions", Json::Array{}}}));
}

TEST_CASE("[API] kinds: a typed object and back") {
  v1::User user{.metadata = {.name = "test-user"},
                .spec = {.name = "test_user", .groups = {"hero"}, .email = "t@example.org"}};
  user.spec.limits = v1::UserLimits{.cpu = 2.0};

  const Object object = codec::ToObject(user);
  CHECK(object.api_version == "hero.dev/v1");
  CHECK(object.kind == "User");
  const auto again = codec::FromObject<v1::User>(object);

  REQUIRE(Outcome(again) == "fine");
  CHECK(again->spec == user.spec);
  CHECK(again->metadata == user.metadata);
}

TEST_CASE("[API] kinds: unset options are left out or null, and a wrong type is named") {
  v1::UserStatus status;
  CHECK(codec::WriteJson(codec::Encode(status)) == R"({"home":"","keys":0,"loginEnabled":false})");
  CHECK(
      codec::WriteJson(codec::Encode(status, codec::Unset::kNull)) ==
      R"({"archive":null,"home":"","keys":0,"loginEnabled":false,"otherGroups":null,"secretsLogin":null,"secretsLoginIsOurs":null,"secretsRepository":null,"uid":null})");

  Object object{.api_version = "hero.dev/v1", .kind = "User"};
  object.body["spec"] = Json::Of({{"groups", Json::Array{"a", nullptr}}, {"unknown", 1}});
  CHECK(Outcome(codec::FromObject<v1::User>(object)) == "spec.groups[1]: must be string, not null");
}
