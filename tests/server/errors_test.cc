#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::string Slot(const std::string& name, const std::string& spec = "{}", const std::string& more_metadata = "") {
  return R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name + "\"" + more_metadata +
         R"(},"spec":)" + spec + "}";
}

}  // namespace

TEST_CASE("[WIRE] errors of objects are Kubernetes' Status to the byte") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("a")).status == 201);
  struct Row {
    const char* what;
    const char* method;
    std::string target;
    std::string body;
    int status;
    const char* expected;
  };
  const Row rows[] = {
      {"no such object", "GET", std::string(kSlots) + "/missing", "", 404,
       R"({"apiVersion":"v1","code":404,"details":{"group":"hero.dev","kind":"slots","name":"missing"},"kind":"Status",)"
       R"("message":"slots.hero.dev \"missing\" not found","metadata":{},"reason":"NotFound","status":"Failure"})"},
      {"exists already", "POST", kSlots, Slot("a"), 409,
       R"({"apiVersion":"v1","code":409,"details":{"group":"hero.dev","kind":"slots","name":"a"},"kind":"Status",)"
       R"("message":"slots.hero.dev \"a\" already exists","metadata":{},"reason":"AlreadyExists","status":"Failure"})"},
      {"core group", "GET", "/api/v1/namespaces/default/events/x", "", 404,
       R"({"apiVersion":"v1","code":404,"details":{"kind":"events","name":"x"},"kind":"Status",)"
       R"("message":"events \"x\" not found","metadata":{},"reason":"NotFound","status":"Failure"})"},
      {"stale version", "PUT", std::string(kSlots) + "/a", Slot("a", "{}", R"(,"resourceVersion":"999")"), 409,
       R"({"apiVersion":"v1","code":409,"details":{"group":"hero.dev","kind":"slots","name":"a"},"kind":"Status",)"
       R"("message":"Operation cannot be fulfilled on slots.hero.dev \"a\": the object has been modified; please apply your )"
       R"(changes to the latest version and try again","metadata":{},"reason":"Conflict","status":"Failure"})"},
      {"no version", "PUT", std::string(kSlots) + "/a", Slot("a"), 422,
       R"({"apiVersion":"v1","code":422,"details":{"causes":[{"field":"metadata.resourceVersion","message":"Invalid value: 0: )"
       R"(must be specified for an update","reason":"FieldValueInvalid"}],"group":"hero.dev","kind":"slots","name":"a"},)"
       R"("kind":"Status","message":"slots.hero.dev \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified )"
       R"(for an update","metadata":{},"reason":"Invalid","status":"Failure"})"},
      {"duplicate in a set", "POST", kSlots, Slot("v", R"({"tags":["a","a"]})"), 422,
       R"({"apiVersion":"v1","code":422,"details":{"causes":[{"field":"spec.tags[1]","message":"Duplicate value: \"a\"",)"
       R"("reason":"FieldValueDuplicate"}],"group":"hero.dev","kind":"Slot","name":"v"},"kind":"Status",)"
       R"("message":"Slot.hero.dev \"v\" is invalid: spec.tags[1]: Duplicate value: \"a\"","metadata":{},"reason":"Invalid",)"
       R"("status":"Failure"})"},
      {"wrong kind", "POST", kSlots, R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"v"}})", 422,
       R"({"apiVersion":"v1","code":422,"details":{"causes":[{"field":"kind","message":"Invalid value: \"User\": must be Slot",)"
       R"("reason":"FieldValueInvalid"}],"group":"hero.dev","kind":"User","name":"v"},"kind":"Status",)"
       R"("message":"User.hero.dev \"v\" is invalid: kind: Invalid value: \"User\": must be Slot","metadata":{},)"
       R"("reason":"Invalid","status":"Failure"})"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto response = box.Ask(row.method, row.target, row.body);
    CHECK(response.status == row.status);
    CHECK(response.body == row.expected);
    CHECK(HeaderOf(response, "Content-Type") == "application/json");
  }
}

TEST_CASE("[WIRE] several violations are one message with a cause each") {
  ApiBox box;
  const auto json = JsonOf(box.Ask("POST", kSlots, Slot("v", R"({"size":99,"mode":"Nope"})")));
  CHECK(TextAt(json, {"code"}) == "422");
  CHECK(TextAt(json, {"message"}).starts_with("Slot.hero.dev \"v\" is invalid: ["));
  const api::Json* causes = json.At({"details", "causes"});
  REQUIRE(causes);
  REQUIRE(causes->size() == 2);
  std::vector<std::string> texts;
  for (const api::Json& cause : *causes->array())
    texts.push_back(TextAt(cause, {"field"}) + " " + TextAt(cause, {"reason"}) + " " + TextAt(cause, {"message"}));
  std::sort(texts.begin(), texts.end());
  CHECK(texts[0] == R"(spec.mode FieldValueNotSupported Unsupported value: "Nope": supported values: "Fast", "Slow")");
  CHECK(texts[1] ==
        "spec.size FieldValueInvalid Invalid value: 99: spec.size in body should be less than or equal to 10");
}

TEST_CASE("[WIRE] bodies that are not understood are bad requests with Kubernetes' words") {
  ApiBox box;
  struct Row {
    const char* what;
    std::string body;
    const char* message;  ///< Its beginning.
  };
  const Row rows[] = {
      {"no JSON", "{\"kind\":",
       "the object provided is unrecognized (must be of type Slot): couldn't get version/kind; json parse error: "},
      {"empty", "",
       "the object provided is unrecognized (must be of type Slot): couldn't get version/kind; json parse error: "},
      {"no object", "[1]",
       "the object provided is unrecognized (must be of type Slot): couldn't get version/kind; json parse error: "},
      {"no kind", R"({"apiVersion":"hero.dev/v1"})",
       "the object provided is unrecognized (must be of type Slot): Object 'Kind' is missing in '{"},
      {"other version", R"({"apiVersion":"hero.dev/v2","kind":"Slot"})",
       "the API version in the data (hero.dev/v2) does not match the expected API version (hero.dev/v1)"},
      {"label of a wrong type", Slot("v", "{}", R"(,"labels":{"a":1})"),
       "Slot in version \"v1\" cannot be handled as a Slot: "},
      {"metadata of a wrong type", R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":[]})",
       "Slot in version \"v1\" cannot be handled as a Slot: "},
      {"other namespace", Slot("v", "{}", R"(,"namespace":"other")"),
       "the namespace of the provided object does not match the namespace sent on the request"},
      {"with a version", Slot("v", "{}", R"(,"resourceVersion":"5")"),
       "resourceVersion should not be set on objects to be created"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto response = box.Ask("POST", kSlots, row.body);
    CHECK(response.status == 400);
    const auto json = JsonOf(response);
    CHECK(TextAt(json, {"reason"}) == "BadRequest");
    CHECK(TextAt(json, {"message"}).substr(0, std::string(row.message).size()) == row.message);
  }
  const auto deep = box.Ask("POST", kSlots, std::string(100'000, '['));
  CHECK(deep.status == 400);
}

TEST_CASE("[WIRE] options that are wrong are refused on their own kind") {
  ApiBox box;
  struct Row {
    const char* method;
    std::string target;
    const char* kind;
    const char* field;
    const char* message;
  };
  const std::string item = std::string(kSlots) + "/a";
  const Row rows[] = {
      {"POST", std::string(kSlots) + "?dryRun=Foo", "CreateOptions", "dryRun",
       "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Foo\"]: supported values: \"All\""},
      {"PUT", item + "?fieldValidation=Loose", "UpdateOptions", "fieldValidation",
       "UpdateOptions.meta.k8s.io \"\" is invalid: fieldValidation: "},
      {"PATCH", item + "?fieldManager=" + std::string(129, 'm'), "PatchOptions", "fieldManager",
       "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "},
      {"PATCH", item + "?force=true", "PatchOptions", "force",
       "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"},
      {"DELETE", item + "?dryRun=Foo", "DeleteOptions", "dryRun",
       "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: "},
      {"DELETE", item + "?propagationPolicy=Maybe", "DeleteOptions", "propagationPolicy",
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "},
      {"DELETE", item + "?propagationPolicy=Orphan&orphanDependents=true", "DeleteOptions", "propagationPolicy",
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "},
      {"GET", std::string(kSlots) + "?resourceVersionMatch=Exact", "ListOptions", "resourceVersionMatch",
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "},
      {"GET", std::string(kSlots) + "?resourceVersionMatch=Exact&resourceVersion=0", "ListOptions",
       "resourceVersionMatch", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "},
      {"GET", std::string(kSlots) + "?resourceVersionMatch=Any&resourceVersion=1", "ListOptions",
       "resourceVersionMatch", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "},
      {"GET", std::string(kSlots) + "?sendInitialEvents=true", "ListOptions", "sendInitialEvents",
       "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "},
      {"GET", std::string(kSlots) + "?watch=1&sendInitialEvents=true", "ListOptions", "resourceVersionMatch",
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
       "resourceVersionMatch to NotOlderThan"},
      {"GET", std::string(kSlots) + "?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact", "ListOptions",
       "resourceVersionMatch", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "},
      {"GET", std::string(kSlots) + "?watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan", "ListOptions",
       "resourceVersionMatch", "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    const auto response = box.Ask(row.method, row.target, "", {{"content-type", "application/merge-patch+json"}});
    CHECK(response.status == 422);
    const auto json = JsonOf(response);
    CHECK(TextAt(json, {"message"}).substr(0, std::string(row.message).size()) == row.message);
    CHECK(TextAt(json, {"details", "group"}) == "meta.k8s.io");
    CHECK(TextAt(json, {"details", "kind"}) == row.kind);
    REQUIRE(json.At({"details", "causes"}));
    CHECK(TextAt(json.At({"details", "causes"})->array()->front(), {"field"}) == row.field);
  }
}

TEST_CASE("[WIRE] methods, media types and forms that are not served") {
  ApiBox box;
  const std::string item = std::string(kSlots) + "/a";
  const auto ask = [&](const char* method, const std::string& target, const char* header, const char* value) {
    return box.Ask(method, target, "{}", {{header, value}});
  };
  const auto options = ask("OPTIONS", kSlots, "a", "b");
  CHECK(options.status == 405);
  CHECK(TextAt(JsonOf(options), {"message"}) == "options is not supported on resources of kind \"slots.hero.dev\"");
  CHECK(TextAt(JsonOf(options), {"details"}) == R"({"group":"hero.dev","kind":"slots"})");
  CHECK(ask("POST", item, "a", "b").status == 405);
  CHECK(ask("DELETE", item + "/status", "a", "b").status == 405);
  for (const char* const method : {"PUT", "PATCH"}) {
    CHECK(ask(method, kSlots, "a", "b").status == 400);
    CHECK(TextAt(JsonOf(ask(method, kSlots, "a", "b")), {"message"}) == "name must be provided");
  }
  CHECK(ask("GET", item + "/scale", "a", "b").status == 404);
  CHECK(ask("POST", kSlots, "content-type", "text/plain").status == 415);
  CHECK(ask("PATCH", item, "content-type", "application/strategic-merge-patch+json").status == 415);
  const auto text_patch = ask("PATCH", item, "content-type", "text/plain");
  CHECK(text_patch.status == 415);
  CHECK(TextAt(JsonOf(text_patch), {"message"}) ==
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
  CHECK(ask("GET", item, "accept", "text/html").status == 406);
  CHECK(ask("GET", "/apis", "accept", "text/html").status == 406);
}

TEST_CASE("[WIRE] versions that do not fit are refused") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("a")).status == 201);  // Version 1.
  CHECK(box.Ask("GET", std::string(kSlots) + "?resourceVersion=x").status == 400);
  CHECK(box.Ask("GET", std::string(kSlots) + "?watch=1&resourceVersion=-1").status == 400);
  CHECK(box.Ask("GET", std::string(kSlots) + "?limit=many").status == 400);
  CHECK(box.Ask("GET", std::string(kSlots) + "?continue=abc").status == 400);
  CHECK(box.Ask("PUT", std::string(kSlots) + "/a", Slot("a", "{}", R"(,"resourceVersion":"one")")).status == 400);
  for (const char* const watch : {"", "&watch=true"}) {
    const auto future = box.Ask("GET", std::string(kSlots) + "?resourceVersion=99999999" + watch);
    CHECK(future.status == 504);
    CHECK(HeaderOf(future, "Retry-After") == "1");
    const auto json = JsonOf(future);
    CHECK(TextAt(json, {"message"}) == "Timeout: Too large resource version: 99999999, current: 1");
    CHECK(
        TextAt(json, {"details"}) ==
        R"({"causes":[{"message":"Too large resource version","reason":"ResourceVersionTooLarge"}],"retryAfterSeconds":1})");
  }
  CHECK(box.Ask("GET", std::string(kSlots) + "?resourceVersion=0").status == 200);
  CHECK(box.Ask("GET", std::string(kSlots) + "?resourceVersion=1&resourceVersionMatch=Exact").status == 200);
}
