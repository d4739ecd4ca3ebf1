// Every way to be refused, in Kubernetes' words: one row each. What stands in errors_test.cc to the byte is not
// repeated.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/yaml.h"
#include "server/status.h"
#include "tests/server/raw_client.h"
#include "tests/support/api_box.h"
#include "tests/support/served_box.h"

using namespace server;
using namespace tests;
using api::Json;

namespace {

const std::string kSlots = "/apis/hero.dev/v1/namespaces/default/slots";
const std::string kSlotA = kSlots + "/a";

std::string Slot(const std::string& name, const std::string& spec = "{}", const std::string& more_metadata = "") {
  return R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + name + "\"" + more_metadata +
         R"(},"spec":)" + spec + "}";
}

struct Row {
  const char* what;
  const char* method;
  std::string target;
  std::string body;
  std::string expected;  ///< Of its answer `code reason: message`.
  std::string details;
  std::vector<Header> headers{};
};

std::string Refusal(const Response& response) {
  const Json json = JsonOf(response);
  CHECK(TextAt(json, {"code"}) == std::to_string(response.status));
  CHECK(TextAt(json, {"status"}) == "Failure");
  return TextAt(json, {"code"}) + " " + TextAt(json, {"reason"}) + ": " + TextAt(json, {"message"});
}

void Check(ApiBox& box, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto response = box.Ask(row.method, row.target, row.body, row.headers);
    CHECK(Refusal(response) == row.expected);
    CHECK(TextAt(JsonOf(response), {"details"}) == row.details);
  }
}

/// One field for each check of a schema that Slot has not.
constexpr std::string_view kTightCrd = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tights.hero.dev}
spec:
  group: hero.dev
  scope: Namespaced
  names: {plural: tights, singular: tight, kind: Tight, listKind: TightList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                weight: {type: number}
                when: {type: string, format: date-time}
                few: {type: array, maxItems: 3, items: {type: integer}}
)yaml";

}  // namespace

TEST_CASE("[WIRE] errors of writes, row by row") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("a")).status == 201);
  const std::string of_a = R"({"group":"hero.dev","kind":"Slot","name":"a"})";
  const std::string type = "content-type";
  Check(box,
        {{"precondition of the version", "DELETE", kSlotA, R"({"preconditions":{"resourceVersion":"9"}})",
          "409 Conflict: Operation cannot be fulfilled on Slot.hero.dev \"a\": the ResourceVersion in the precondition "
          "(9) does not match the ResourceVersion in record (1). The object might have been modified",
          of_a},
         {"version in a create", "POST", kSlots, Slot("b", "{}", R"(,"resourceVersion":"5")"),
          "400 BadRequest: resourceVersion should not be set on objects to be created", "(none)"},
         {"unknown fields, strict", "POST", kSlots + "?fieldValidation=Strict",
          Slot("b", R"({"bogus":1,"ports":[{"name":"p","port":1,"zz":2}]})"),
          "400 BadRequest: Slot in version \"v1\" cannot be handled as a Slot: strict decoding error: unknown field "
          "\"spec.bogus\", unknown field \"spec.ports[0].zz\"",
          "(none)"},
         {"another name", "PUT", kSlotA, Slot("zz", "{}", R"(,"resourceVersion":"1")"),
          "400 BadRequest: the name of the object (zz) does not match the name on the URL (a)", "(none)"},
         {"another namespace", "POST", kSlots, Slot("b", "{}", R"(,"namespace":"other")"),
          "400 BadRequest: the namespace of the provided object does not match the namespace sent on the request",
          "(none)"},
         {"body of a create in another type",
          "POST",
          kSlots,
          Slot("b"),
          "415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: "
          "application/json, application/yaml",
          "(none)",
          {{type, "text/plain"}}},
         {"body of an update in another type",
          "PUT",
          kSlotA,
          Slot("a"),
          "415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: "
          "application/json, application/yaml",
          "(none)",
          {{type, "text/plain"}}},
         {"an unknown path of the kind", "GET", kSlotA + "/scale", "", "404 NotFound: slots.hero.dev \"a\" not found",
          R"({"group":"hero.dev","kind":"slots","name":"a"})"}});
}

TEST_CASE("[WIRE] errors of reads, row by row") {
  ApiBox box({.path = ":memory:", .history_max = 2});
  for (const char* const name : {"a", "b", "c", "d"}) REQUIRE(box.Ask("POST", kSlots, Slot(name)).status == 201);
  const std::string token = TextAt(JsonOf(box.Ask("GET", kSlots + "?limit=1")), {"metadata", "continue"});
  const std::string too_large =
      R"({"causes":[{"message":"Too large resource version","reason":"ResourceVersionTooLarge"}],"retryAfterSeconds":1})";
  const std::string accept = "406 NotAcceptable: only the following media types are accepted: application/json, ";
  Check(box, {{"selector", "GET", kSlots + "?fieldSelector=spec.size%3D1", "",
               "400 BadRequest: field label not supported: spec.size; these are: metadata.name, metadata.namespace",
               "(none)"},
              {"continue with a version", "GET", kSlots + "?continue=" + token + "&resourceVersion=4", "",
               "400 BadRequest: specifying resource version is not allowed when using continue", "(none)"},
              {"an exact version that is gone", "GET", kSlots + "?resourceVersion=1&resourceVersionMatch=Exact", "",
               "410 Expired: The resourceVersion for the provided list is too old.", "(none)"},
              {"a version to come", "GET", kSlots + "?resourceVersion=99999999", "",
               "504 Timeout: Timeout: Too large resource version: 99999999, current: 4", too_large},
              {"the same of a watch", "GET", kSlots + "?watch=1&resourceVersion=99999999", "",
               "504 Timeout: Timeout: Too large resource version: 99999999, current: 4", too_large},
              {"another form", "GET", kSlots, "", accept + "application/yaml", "(none)", {{"accept", "text/html"}}}});
  for (const char* const name : {"x", "y", "z"}) REQUIRE(box.Ask("POST", kSlots, Slot(name)).status == 201);
  Check(box, {{"continue that is too old", "GET", kSlots + "?continue=" + token, "",
               "410 Expired: The provided continue parameter is too old to display a consistent list result. You can "
               "start a new list without the continue parameter.",
               "(none)"}});
}

TEST_CASE("[WIRE][HTB-78] errors of who may not, row by row") {
  ApiBox box;
  box.caller = {.uid = 1001, .name = "jo"};
  const std::string of_slots = R"({"group":"hero.dev","kind":"slots"})";
  Check(box,
        {{"an object", "DELETE", kSlotA, "",
          "403 Forbidden: slots.hero.dev \"a\" is forbidden: User \"jo\" cannot delete resource \"slots\" in API "
          "group \"hero.dev\" in the namespace \"default\"",
          R"({"group":"hero.dev","kind":"slots","name":"a"})"},
         {"no name", "POST", kSlots, Slot("a"),
          "403 Forbidden: slots.hero.dev is forbidden: User \"jo\" cannot create resource \"slots\" in API group "
          "\"hero.dev\" in the namespace \"default\"",
          of_slots},
         {"a subresource", "PUT", kSlotA + "/status", Slot("a"),
          "403 Forbidden: slots.hero.dev \"a\" is forbidden: User \"jo\" cannot update resource \"slots/status\" in "
          "API group \"hero.dev\" in the namespace \"default\"",
          R"({"group":"hero.dev","kind":"slots","name":"a"})"},
         {"of the cluster", "POST", "/apis/hero.dev/v1/users", "{}",
          "403 Forbidden: users.hero.dev is forbidden: User \"jo\" cannot create resource \"users\" in API group "
          "\"hero.dev\" at the cluster scope",
          R"({"group":"hero.dev","kind":"users"})"},
         {"core group", "DELETE", "/api/v1/namespaces/default/events/x", "",
          "403 Forbidden: events \"x\" is forbidden: User \"jo\" cannot delete resource \"events\" in API group \"\" "
          "in the namespace \"default\"",
          R"({"kind":"events","name":"x"})"}});
}

TEST_CASE("[WIRE] violations of a schema, check by check") {
  ApiBox box;
  const auto documents = api::codec::ParseYaml(kTightCrd, "tight");
  REQUIRE(documents);
  REQUIRE(box.catalog.Add(*api::schema::KindFromCrd(documents->front())));
  struct Violation {
    const char* spec;
    const char* field;
    const char* reason;
    const char* message;
    const char* kind = "Slot";
  };
  const Violation violations[] = {
      {R"({"ports":[{"name":"p"}]})", "spec.ports[0].port", "FieldValueRequired", "Required value"},
      {R"({"size":2.5})", "spec.size", "FieldValueTypeInvalid",
       R"(Invalid value: "number": spec.size in body must be of type integer: "number")"},
      {R"({"size":99})", "spec.size", "FieldValueInvalid",
       "Invalid value: 99: spec.size in body should be less than or equal to 10"},
      {R"({"size":0})", "spec.size", "FieldValueInvalid",
       "Invalid value: 0: spec.size in body should be greater than or equal to 1"},
      {R"({"image":"BAD"})", "spec.image", "FieldValueInvalid",
       R"(Invalid value: "BAD": spec.image in body should match '^[a-z]+:[0-9]+$')"},
      {R"({"mode":"Nope"})", "spec.mode", "FieldValueNotSupported",
       R"(Unsupported value: "Nope": supported values: "Fast", "Slow")"},
      {R"({"tags":["a","a"]})", "spec.tags[1]", "FieldValueDuplicate", R"(Duplicate value: "a")"},
      {R"({"ports":[{"name":"p","port":1},{"name":"p","port":2}]})", "spec.ports[1]", "FieldValueDuplicate",
       R"(Duplicate value: {"name":"p"})"},
      {R"({"weight":"x"})", "spec.weight", "FieldValueTypeInvalid",
       R"(Invalid value: "string": spec.weight in body must be of type number: "string")", "Tight"},
      {R"({"few":[1,2,3,4]})", "spec.few", "FieldValueTooMany", "Too many: 4: must have at most 3 items", "Tight"},
      {R"({"when":"yesterday"})", "spec.when", "FieldValueTypeInvalid",
       R"(Invalid value: "yesterday": spec.when in body must be of type date-time: "yesterday")", "Tight"},
  };
  for (const Violation& violation : violations) {
    CAPTURE(violation.spec);
    const std::string kind = violation.kind;
    const std::string plural = kind == "Slot" ? "slots" : "tights";
    const auto response = box.Ask("POST", "/apis/hero.dev/v1/namespaces/default/" + plural,
                                  R"({"apiVersion":"hero.dev/v1","kind":")" + kind +
                                      R"(","metadata":{"name":"v"},"spec":)" + violation.spec + "}");
    const std::string field = violation.field;
    CHECK(Refusal(response) ==
          "422 Invalid: " + kind + ".hero.dev \"v\" is invalid: " + field + ": " + violation.message);
    const Json json = JsonOf(response);
    const Json* causes = json.At({"details", "causes"});
    REQUIRE(causes);
    REQUIRE(causes->size() == 1);
    CHECK(TextAt(causes->array()->front(), {"field"}) == field);
    CHECK(TextAt(causes->array()->front(), {"reason"}) == violation.reason);
    CHECK(TextAt(causes->array()->front(), {"message"}) == violation.message);
  }
  const auto name = JsonOf(box.Ask("POST", kSlots, Slot("Bad_Name")));
  CHECK(TextAt(name, {"message"})
            .starts_with("Slot.hero.dev \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a "
                         "lowercase RFC 1123 subdomain must consist of"));
  CHECK(box.Ask("POST", kSlots, Slot("whole", R"({"size":2.0})")).status == 201);
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlots + "/whole")), {"spec", "size"}) == "2");
}

TEST_CASE("[WIRE] errors by their code: status, reason, and when to come again") {
  struct Coded {
    api::Error error;
    const char* expected;
    bool is_worth_retrying;
  };
  using enum api::Code;
  const Coded rows[] = {
      {{kNotFound, "NotFound", "m"}, "404 NotFound: m", false},
      {{kAlreadyExists, "AlreadyExists", "m"}, "409 AlreadyExists: m", false},
      {{kConflict, "Conflict", "m"}, "409 Conflict: m", false},
      {{kInvalid, "Invalid", "m"}, "422 Invalid: m", false},
      {{kForbidden, "Forbidden", "m"}, "403 Forbidden: m", false},
      {{kForbidden, "Unauthorized", "Unauthorized"}, "401 Unauthorized: Unauthorized", false},
      {{kExpired, "Expired", "m"}, "410 Expired: m", false},
      {{kUnavailable, "DiskFull", "m"}, "503 ServiceUnavailable: m", true},
      {{kTimeout, "Timeout", "m"}, "504 Timeout: m", true},
      {{kInternal, "Bug", "m"}, "500 InternalError: Internal error occurred: m", false},
      {BadRequest("m"), "400 BadRequest: m", false},
      {MethodNotAllowed("m"), "405 MethodNotAllowed: m", false},
      {TooManyRequests("m"), "429 TooManyRequests: m", true},
  };
  for (const Coded& row : rows) {
    CAPTURE(row.expected);
    const auto response = Refuse(row.error);
    CHECK(Refusal(response) == row.expected);
    CHECK(HeaderOf(response, "Retry-After") == (row.is_worth_retrying ? "1" : ""));
    CHECK(TextAt(JsonOf(response), {"details"}) == (row.is_worth_retrying ? R"({"retryAfterSeconds":1})" : "(none)"));
  }
}

TEST_CASE("[WIRE] a body beyond the limit is told the limit") {
  ServedBox box;
  RawClient client(box.served.path());
  REQUIRE(client.Send("POST " + kSlots + " HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n\r\n"));
  CHECK(client.ReadToEnd());
  CHECK(client.Statuses() == "413");
  CHECK(client.seen.find(R"("message":"Request entity too large: limit is 3145728")") != std::string::npos);
  CHECK(client.seen.find(R"("reason":"RequestEntityTooLarge")") != std::string::npos);
}
