#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";
const std::string kSlot = "/apis/hero.dev/v1/namespaces/default/slots/s1";

struct ApplyBox : ApiBox {
  /// An apply of `spec` by a manager; `more` are parameters: `&force=true`.
  Response Apply(const std::string& manager, const std::string& spec, const std::string& more = "") {
    return ApplyBody(
        manager, R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"s1"},"spec":)" + spec + "}", more);
  }
  Response ApplyBody(const std::string& manager, const std::string& body, const std::string& more = "") {
    return Ask("PATCH", kSlot + "?fieldManager=" + manager + more, body,
               {{"content-type", "application/apply-patch+yaml"}});
  }
  /// Any other write, by a program that says its name in the User-Agent.
  Response As(const std::string& agent, const std::string& method, const std::string& target, const std::string& body,
              const std::string& type = "application/json") {
    return Ask(method, target, body, {{"content-type", type}, {"user-agent", agent}});
  }
  std::string Spec() { return TextAt(JsonOf(Ask("GET", kSlot)), {"spec"}); }
  std::string Version() { return TextAt(JsonOf(Ask("GET", kSlot)), {"metadata", "resourceVersion"}); }
  /// `m1 Apply: fieldsV1`, an entry a line, in the order that is stored.
  std::vector<std::string> Managers() {
    const api::Json object = JsonOf(Ask("GET", kSlot));
    std::vector<std::string> lines;
    const api::Json* managed = object.At({"metadata", "managedFields"});
    if (!managed) return lines;
    for (const api::Json& entry : *managed->array()) {
      const std::string below = entry.Find("subresource") ? "/" + TextAt(entry, {"subresource"}) : "";
      CHECK(TextAt(entry, {"apiVersion"}) == "hero.dev/v1");
      CHECK(TextAt(entry, {"fieldsType"}) == "FieldsV1");
      lines.push_back(TextAt(entry, {"manager"}) + below + " " + TextAt(entry, {"operation"}) + ": " +
                      TextAt(entry, {"fieldsV1"}));
    }
    return lines;
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("[WIRE] the worked sequence of server-side apply") {
  ApplyBox box;
  const std::string first = R"({"size":2,"ports":[{"name":"web","port":80}],"labels":{"a":"1"}})";
  const auto made = box.Apply("m1", first);
  CHECK(made.status == 201);
  CHECK(box.Managers() ==
        Lines{R"(m1 Apply: {"f:spec":{"f:labels":{"f:a":{}},"f:ports":{"k:{\"name\":\"web\"}":{".":{},"f:name":{},)"
              R"("f:port":{}}},"f:size":{}}})"});
  box.clock.Advance(std::chrono::minutes(1));
  const auto again = box.Apply("m1", first);
  CHECK(again.status == 200);
  CHECK(again.body == made.body);  // Same version, same time.

  const auto conflict = box.Apply("m2", R"({"size":3})");
  CHECK(conflict.status == 409);
  CHECK(
      conflict.body ==
      R"({"apiVersion":"v1","code":409,"details":{"causes":[{"field":".spec.size","message":"conflict with \"m1\"",)"
      R"("reason":"FieldManagerConflict"}]},"kind":"Status","message":"Apply failed with 1 conflict: conflict with \"m1\": )"
      R"(.spec.size","metadata":{},"reason":"Conflict","status":"Failure"})");
  CHECK(box.Apply("m2", R"({"size":2,"ports":[{"name":"api","port":81}],"labels":{"b":"1"}})").status == 200);
  CHECK(
      box.Spec() ==
      R"({"labels":{"a":"1","b":"1"},"mode":"Fast","ports":[{"name":"web","port":80},{"name":"api","port":81}],"size":2})");

  CHECK(box.Apply("m2", R"({"size":3})", "&force=true").status == 200);
  CHECK(box.Spec() == R"({"labels":{"a":"1"},"mode":"Fast","ports":[{"name":"web","port":80}],"size":3})");
  CHECK(box.Managers().at(1) == R"(m2 Apply: {"f:spec":{"f:size":{}}})");
  CHECK(box.Managers().at(0).find("f:size") == std::string::npos);

  CHECK(box.Apply("m1", R"({"size":3,"ports":[]})").status == 200);
  CHECK(box.Spec() == R"({"mode":"Fast","size":3})");
  CHECK(box.Managers() == Lines{R"(m1 Apply: {"f:spec":{"f:size":{}}})", R"(m2 Apply: {"f:spec":{"f:size":{}}})"});

  CHECK(box.Apply("m1", "{}").status == 200);
  CHECK(box.Spec() == R"({"mode":"Fast","size":3})");
  CHECK(box.Managers().at(0) == R"(m1 Apply: {"f:spec":{}})");
}

TEST_CASE("[WIRE] several conflicts are one message with a cause each") {
  ApplyBox box;
  REQUIRE(box.Apply("m1", R"({"size":2,"ports":[{"name":"web","port":80}]})").status == 201);
  const auto conflict = box.Apply("m2", R"({"size":3,"ports":[{"name":"web","port":81}]})");
  CHECK(conflict.status == 409);
  CHECK(TextAt(JsonOf(conflict), {"message"}) ==
        "Apply failed with 2 conflicts: conflicts with \"m1\":\n- .spec.size\n- .spec.ports[name=\"web\"].port");
  CHECK(
      TextAt(JsonOf(conflict), {"details"}) ==
      R"({"causes":[{"field":".spec.size","message":"conflict with \"m1\"","reason":"FieldManagerConflict"},)"
      R"({"field":".spec.ports[name=\"web\"].port","message":"conflict with \"m1\"","reason":"FieldManagerConflict"}]})");
}

TEST_CASE("[SEC-54] of many conflicts a hundred are told, and of long keys the beginning") {
  // Each of 60 000 conflicts was told with the key above it, whatever its length.
  ApplyBox box;
  const std::string key(100'000, 'k');
  std::string ones;
  std::string twos;
  for (int i = 0; i < 300; ++i) {
    const std::string member = (i ? ",\"m" : "\"m") + std::to_string(i) + "\":";
    ones += member + "\"1\"";
    twos += member + "\"2\"";
  }
  const auto spec = [&](const std::string& members) {
    return R"({"size":2,"labels":{")" + key + R"(":"x",)" + members + "}}";
  };
  REQUIRE(box.Apply("m1", spec(ones)).status == 201);
  const auto conflict = box.Apply("m2", spec(twos));
  CHECK(conflict.status == 409);
  CHECK(TextAt(JsonOf(conflict), {"message"}).starts_with("Apply failed with at least 100 conflicts: "));
  CHECK(conflict.body.size() < 100'000);
}

TEST_CASE("[SEC-54] an object of more fields than can be tracked is refused whole") {
  ApplyBox box;
  std::string members;
  for (int i = 0; i < 50'000; ++i) members += (i ? ",\"m" : "\"m") + std::to_string(i) + "\":\"1\"";
  const auto refused = box.Apply("m1", R"({"size":2,"labels":{)" + members + "}}");
  CHECK(refused.status == 413);
  CHECK(TextAt(JsonOf(refused), {"message"}) == "Request entity too large: an object has at most 50000 fields");
  CHECK(box.Ask("GET", kSlot).status == 404);
}

TEST_CASE("[WIRE] a patch changes neither what kind an object is, nor its version") {
  ApplyBox box;
  REQUIRE(box.Apply("m1", R"({"size":2})").status == 201);
  for (const char* const patch : {R"({"kind":"User"})", R"({"apiVersion":"hero.dev/v2"})"}) {
    CAPTURE(patch);
    CHECK(box.As("kubectl/1", "PATCH", kSlot, patch, "application/merge-patch+json").status == 400);
  }
}

TEST_CASE("[WIRE] other writes own what they change, and a conflict with them names the version") {
  ApplyBox box;
  const std::string slot =
      R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"s1","annotations":{"note":"x"},)"
      R"("finalizers":["hero.dev/x"]},"spec":{"size":2,"mode":"Slow"}})";
  REQUIRE(box.As("creator/v1.2", "POST", kSlots, slot).status == 201);
  CHECK(box.Managers() ==
        Lines{R"(creator Update: {"f:metadata":{"f:annotations":{".":{},"f:note":{}},)"
              R"("f:finalizers":{".":{},"v:\"hero.dev/x\"":{}}},"f:spec":{".":{},"f:mode":{},"f:size":{}}})"});
  const auto conflict = box.Apply("m1", R"({"size":3})");
  CHECK(TextAt(JsonOf(conflict), {"message"}) ==
        "Apply failed with 1 conflict: conflict with \"creator\" using hero.dev/v1: .spec.size");
  REQUIRE(box.Apply("m1", R"({"size":2})").status == 200);  // An equal value is shared.

  box.clock.Advance(std::chrono::minutes(1));
  REQUIRE(box.As("kubectl-edit", "PATCH", kSlot, R"({"spec":{"size":4},"metadata":{"finalizers":null}})",
                 "application/merge-patch+json")
              .status == 200);
  CHECK(box.Managers() ==
        Lines{R"(creator Update: {"f:metadata":{"f:annotations":{".":{},"f:note":{}}},"f:spec":{".":{},"f:mode":{}}})",
              R"(kubectl-edit Update: {"f:spec":{"f:size":{}}})"});
  REQUIRE(box.Ask("PATCH", kSlot + "?fieldManager=kubectl-label", R"({"metadata":{"labels":{"a":"b"}}})",
                  {{"content-type", "application/merge-patch+json"}})
              .status == 200);
  CHECK(box.Managers().back() == R"(kubectl-label Update: {"f:metadata":{"f:labels":{".":{},"f:a":{}}}})");
}

TEST_CASE("[WIRE] the status has owners of its own") {
  ApplyBox box;
  const auto status = [&](const std::string& body, const std::string& parameters) {
    return box.Ask("PATCH", kSlot + "/status?" + parameters, body, {{"content-type", "application/apply-patch+yaml"}});
  };
  const std::string up =
      R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"labels":{"no":"no"}},"spec":{"size":9},)"
      R"("status":{"phase":"up"}})";
  CHECK(status(up, "fieldManager=s").status == 404);
  REQUIRE(box.Apply("m1", R"({"size":2})").status == 201);
  CHECK(status(up, "fieldManager=s").status == 200);
  CHECK(box.Managers() ==
        Lines{R"(m1 Apply: {"f:spec":{"f:size":{}}})", R"(s/status Apply: {"f:status":{"f:phase":{}}})"});
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlot)), {"status"}) == R"({"phase":"up"})");
  CHECK(box.Spec() == R"({"mode":"Fast","size":2})");
  REQUIRE(
      box.As("ctl", "PATCH", kSlot + "/status", R"({"status":{"seen":1}})", "application/merge-patch+json").status ==
      200);
  CHECK(box.Managers().back() == R"(ctl/status Update: {"f:status":{"f:seen":{}}})");
  const auto conflict = status(R"({"apiVersion":"hero.dev/v1","kind":"Slot","status":{"seen":2}})", "fieldManager=s");
  CHECK(
      TextAt(JsonOf(conflict), {"message"}) ==
      "Apply failed with 1 conflict: conflict with \"ctl\" with subresource \"status\" using hero.dev/v1: .status.seen");
  const auto main =
      box.ApplyBody("m1", R"({"apiVersion":"hero.dev/v1","kind":"Slot","spec":{"size":2},"status":{"phase":"x"}})");
  CHECK(TextAt(JsonOf(main), {"status", "phase"}) == "up");
}

TEST_CASE("[WIRE] what is not tracked stays so until somebody applies, and then all of it has an owner") {
  ApplyBox box;
  api::Object made{.api_version = "hero.dev/v1", .kind = "Slot", .metadata = {.name = "s1", .namespace_ = "default"}};
  made.body["spec"] = api::Json::Of({{"size", 2}, {"mode", "Slow"}});
  REQUIRE(box.registry.Create(made, {.actor = "system:controller:slot"}));
  CHECK(box.Managers().empty());
  REQUIRE(box.As("kubectl-edit", "PATCH", kSlot, R"({"spec":{"size":3}})", "application/merge-patch+json").status ==
          200);
  CHECK(box.Managers().empty());
  CHECK(TextAt(JsonOf(box.Apply("m1", R"({"size":4})")), {"message"}) ==
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using hero.dev/v1: .spec.size");
  REQUIRE(box.Apply("m1", R"({"size":3})").status == 200);
  CHECK(box.Managers() == Lines{R"(m1 Apply: {"f:spec":{"f:size":{}}})",
                                R"(before-first-apply Update: {"f:spec":{".":{},"f:mode":{},"f:size":{}}})"});

  // What a controller changes is nobody else's any more, and not its own.
  auto stored = box.registry.Get({"slots.hero.dev", "default", "s1"});
  auto object = api::codec::ParseObject((*stored)->text);
  object->body["spec"]["size"] = 5;
  REQUIRE(box.registry.Update(*object, {.actor = "system:controller:slot"}));
  CHECK(box.Managers() == Lines{R"(before-first-apply Update: {"f:spec":{".":{},"f:mode":{}}})"});
  CHECK(box.Apply("m1", R"({"size":6})").status == 200);
}

TEST_CASE("[WIRE] managedFields can be replaced and cleared, and are refused when they are none") {
  ApplyBox box;
  REQUIRE(box.Apply("m1", R"({"size":2})").status == 201);
  const auto patch = [&](const std::string& value, const std::string& version) {
    return box.Ask("PATCH", kSlot,
                   R"([{"op":"replace","path":"/metadata/managedFields","value":)" + value +
                       R"(},{"op":"replace","path":"/metadata/resourceVersion","value":")" + version + "\"}]",
                   {{"content-type", "application/json-patch+json"}});
  };
  const std::string kubectl =
      R"([{"manager":"kubectl","operation":"Apply","apiVersion":"hero.dev/v1","time":"2026-11-20T20:00:00Z",)"
      R"("fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:size":{}}}}])";
  CHECK(patch(kubectl, "7").status == 409);
  CHECK(patch(kubectl, box.Version()).status == 200);
  CHECK(box.Managers() == Lines{R"(kubectl Apply: {"f:spec":{"f:size":{}}})"});
  CHECK(box.Apply("kubectl", R"({"mode":"Slow"})").status == 200);
  CHECK(box.Spec() == R"({"mode":"Slow"})");

  const auto wrong = patch(R"([{"manager":"m","operation":"Guess","fieldsType":"FieldsV1"}])", box.Version());
  CHECK(wrong.status == 422);
  CHECK(
      TextAt(JsonOf(wrong), {"message"}) ==
      "Slot.hero.dev \"s1\" is invalid: metadata.managedFields[0]: Invalid value: operation must be Apply or Update, not "
      "\"Guess\"");
  CHECK(patch(R"([{"operation":"Apply","fieldsType":"FieldsV1","fieldsV1":{"spec":{}}}])", box.Version()).status ==
        422);
  CHECK(patch("7", box.Version()).status == 400);
  for (const char* const cleared : {"[]", "[{}]"}) {
    REQUIRE(box.Apply("m1", R"({"mode":"Slow"})").status == 200);
    REQUIRE_FALSE(box.Managers().empty());
    CHECK(patch(cleared, box.Version()).status == 200);
    CHECK(box.Managers().empty());
  }
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlot)), {"metadata", "managedFields"}) == "(none)");
}

TEST_CASE("[WIRE] an apply that is none is refused before anything is written") {
  ApplyBox box;
  struct Row {
    const char* what;
    std::string parameters;
    std::string body;
    int status;
    std::string message;
  };
  const std::string type = R"("apiVersion":"hero.dev/v1","kind":"Slot",)";
  const Row rows[] = {
      {"no manager", "", "{" + type + R"("spec":{}})", 422,
       "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"},
      {"managedFields", "fieldManager=m", "{" + type + R"("metadata":{"managedFields":[]}})", 400,
       "metadata.managedFields must be nil"},
      {"no kind", "fieldManager=m", R"({"apiVersion":"hero.dev/v1"})", 400, "invalid object type: hero.dev/v1, Kind="},
      {"other kind", "fieldManager=m", R"({"apiVersion":"v1","kind":"User"})", 400,
       "invalid object type: /v1, Kind=User"},
      {"unknown field", "fieldManager=m",
       "{" + type + R"("metadata":{"name":"s1","namespace":"default"},"spec":{"bogus":1}})", 400,
       "failed to create typed patch object (default/s1; hero.dev/v1, Kind=Slot): .spec.bogus: field not declared in "
       "schema"},
      {"a port twice", "fieldManager=m",
       "{" + type + R"("spec":{"ports":[{"name":"a","port":1},{"name":"a","port":2}]}})", 400,
       "failed to create typed patch object (/; hero.dev/v1, Kind=Slot): .spec.ports: duplicate entries for key "
       "[name=\"a\"]"},
      {"other name", "fieldManager=m", "{" + type + R"("metadata":{"name":"other"}})", 400,
       "the name of the object (other) does not match the name on the URL (s1)"},
      {"a version of nothing", "fieldManager=m", "{" + type + R"("metadata":{"resourceVersion":"5"}})", 409,
       "Operation cannot be fulfilled on slots.hero.dev \"s1\": the object has been modified; please apply your changes "
       "to the latest version and try again"},
      {"no object", "fieldManager=m", "[]", 400, "error decoding patch: an apply patch is an object, not array"},
      {"no text", "fieldManager=m", "{\"a\": [", 400, "error decoding patch: "},
      {"against the schema", "fieldManager=m", "{" + type + R"("spec":{"size":99}})", 422,
       "Slot.hero.dev \"s1\" is invalid: spec.size: "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto response =
        box.Ask("PATCH", kSlot + "?" + row.parameters, row.body, {{"content-type", "application/apply-patch+yaml"}});
    CHECK(response.status == row.status);
    CHECK(TextAt(JsonOf(response), {"message"}).substr(0, row.message.size()) == row.message);
  }
  CHECK(box.Ask("GET", kSlot).status == 404);
}

TEST_CASE("[WIRE] an apply takes YAML, and its version is a precondition") {
  ApplyBox box;
  const auto made = box.ApplyBody("m1", "apiVersion: hero.dev/v1\nkind: Slot\nspec:\n  size: 2\n  tags: [x]\n");
  CHECK(made.status == 201);
  CHECK(box.Spec() == R"({"mode":"Fast","size":2,"tags":["x"]})");
  CHECK(box.ApplyBody("m1", "apiVersion: hero.dev/v1\nkind: Slot\n---\na: b\n").status == 400);
  const auto with = [&](const std::string& version) {
    return box.ApplyBody("m1", R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"resourceVersion":")" +
                                   version + R"("},"spec":{"size":3}})");
  };
  CHECK(with("99").status == 409);
  CHECK(with("1").status == 200);
  CHECK(box.Spec() == R"({"mode":"Fast","size":3})");
  const auto dry = box.Apply("m1", R"({"size":4})", "&dryRun=All");
  CHECK(TextAt(JsonOf(dry), {"spec", "size"}) == "4");
  CHECK(box.Spec() == R"({"mode":"Fast","size":3})");
}

TEST_CASE("[WIRE] of many that update an object the oldest become one") {
  ApplyBox box;
  REQUIRE(box.As("creator", "POST", kSlots,
                 R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"s1"},"spec":{"size":1}})")
              .status == 201);
  for (int i = 0; i < 15; ++i) {
    box.clock.Advance(std::chrono::minutes(1));
    const std::string name = "m" + std::to_string(i);
    const std::string label = R"({"metadata":{"labels":{")" + name + R"(":"x"}}})";
    REQUIRE(box.As(name + "/v1", "PATCH", kSlot, label, "application/merge-patch+json").status == 200);
  }
  const auto managers = box.Managers();
  REQUIRE(managers.size() == 10);
  CHECK(managers.front().starts_with("ancient-changes Update: "));
  CHECK(managers.front().find("f:m5") != std::string::npos);
  CHECK(managers.back().starts_with("m14 Update: "));
}
