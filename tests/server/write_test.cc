#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";
constexpr const char* kSlot = "/apis/hero.dev/v1/namespaces/default/slots/a";
const std::vector<Header> kMerge{{"content-type", "application/merge-patch+json; charset=utf-8"}};

std::string Slot(const std::string& metadata, const std::string& rest) {
  return R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":"a")" + metadata + "}" + rest + "}";
}

/// `rv/generation` of an object: what kind of write the store saw.
std::string Versions(const Response& response) {
  const api::Json json = JsonOf(response);
  return TextAt(json, {"metadata", "resourceVersion"}) + "/" + TextAt(json, {"metadata", "generation"});
}

}  // namespace

TEST_CASE("[WIRE] create fills defaults in, drops status and server fields, takes its namespace from the path") {
  ApiBox box;
  const auto response = box.Ask("POST", std::string(kSlots) + "?fieldManager=kubectl-create",
                                Slot(R"(,"uid":"mine","generation":9,"creationTimestamp":"2001-01-01T00:00:00Z")",
                                     R"(,"spec":{"size":3,"image":"base:1"},"status":{"phase":"x"})"));
  CHECK(response.status == 201);
  const api::Json json = JsonOf(response);
  CHECK(TextAt(json, {"spec"}) == R"({"image":"base:1","mode":"Fast","size":3})");
  CHECK(TextAt(json, {"status"}) == "(none)");
  CHECK(TextAt(json, {"metadata", "namespace"}) == "default");
  CHECK(TextAt(json, {"metadata", "creationTimestamp"}) == "2026-11-20T20:58:51Z");
  CHECK(TextAt(json, {"metadata", "uid"}) != "mine");
  CHECK(Versions(response) == "1/1");
}

TEST_CASE("[WIRE] what a PUT changes decides version and generation") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3})")).status == 201);
  const auto put = [&](const std::string& version, const std::string& more, const std::string& spec) {
    return box.Ask(
        "PUT", kSlot,
        Slot(R"(,"resourceVersion":")" + version + "\"" + more, R"(,"spec":)" + spec + R"(,"status":{"x":1})"));
  };
  CHECK(Versions(put("1", "", R"({"size":3})")) == "1/1");                        // Nothing new: nothing written.
  CHECK(Versions(put("1", "", R"({"size":4})")) == "2/2");                        // The spec.
  CHECK(Versions(put("2", R"(,"labels":{"a":"b"})", R"({"size":4})")) == "3/2");  // A label alone.
  CHECK(put("2", "", R"({"size":5})").status == 409);                             // Stale.
  CHECK(put("3", R"(,"uid":"other")", R"({"size":5})").status == 409);
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlot)), {"status"}) == "(none)");  // Never through this path.
  const auto renamed = box.Ask("PUT", std::string(kSlots) + "/u", Slot(R"(,"resourceVersion":"3")", ""));
  CHECK(renamed.status == 400);
  CHECK(TextAt(JsonOf(renamed), {"message"}) == "the name of the object (a) does not match the name on the URL (u)");
}

TEST_CASE("[WIRE] a PUT never creates") {
  ApiBox box;
  CHECK(box.Ask("PUT", kSlot, Slot(R"(,"resourceVersion":"1")", "")).status == 404);
  CHECK(box.Ask("PUT", kSlot, Slot("", "")).status == 404);  // As `kubectl replace` sends it.
}

TEST_CASE("[WIRE] the status is written apart and leaves spec and metadata alone") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3})")).status == 201);
  const auto put =
      box.Ask("PUT", std::string(kSlot) + "/status",
              Slot(R"(,"resourceVersion":"1","labels":{"a":"b"})", R"(,"spec":{"size":9},"status":{"phase":"up"})"));
  CHECK(put.status == 200);
  CHECK(Versions(put) == "2/1");
  const api::Json json = JsonOf(put);
  CHECK(TextAt(json, {"spec", "size"}) == "3");
  CHECK(TextAt(json, {"metadata", "labels"}) == "(none)");
  CHECK(TextAt(json, {"status"}) == R"({"phase":"up"})");
  CHECK(box.Ask("PUT", std::string(kSlot) + "/status", Slot("", R"(,"status":{})")).status ==
        422);  // Needs the version too.

  const auto patch = [&](const std::string& body) {
    return box.Ask("PATCH", std::string(kSlot) + "/status", body, kMerge);
  };
  CHECK(Versions(patch("{}")) == "2/1");
  const auto patched =
      patch(R"({"metadata":{"labels":{"a":"b"}},"spec":{"size":9},"status":{"phase":null,"note":"x"}})");
  CHECK(Versions(patched) == "3/1");
  CHECK(TextAt(JsonOf(patched), {"status"}) == R"({"note":"x"})");
  CHECK(TextAt(JsonOf(patched), {"spec", "size"}) == "3");
  CHECK(TextAt(JsonOf(patched), {"metadata", "labels"}) == "(none)");
  CHECK(patch(R"({"metadata":{"resourceVersion":"1"},"status":{"note":"y"}})").status == 409);
  CHECK(patch(R"({"metadata":{"resourceVersion":"3"},"status":{"note":"y"}})").status == 200);
}

TEST_CASE("[WIRE] a merge patch merges, removes by null and gives defaults back") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3,"mode":"Slow","tags":["x"]})")).status == 201);
  const auto patch = [&](const std::string& body) { return box.Ask("PATCH", kSlot, body, kMerge); };
  CHECK(Versions(patch("{}")) == "1/1");
  const auto patched = patch(R"({"metadata":{"labels":{"a":"b"}},"spec":{"mode":null,"tags":["y"]}})");
  CHECK(patched.status == 200);
  CHECK(TextAt(JsonOf(patched), {"spec"}) == R"({"mode":"Fast","size":3,"tags":["y"]})");
  CHECK(Versions(patched) == "2/2");
  CHECK(patch(R"({"metadata":{"resourceVersion":"1"},"spec":{"size":4}})").status == 409);
  CHECK(patch(R"({"spec":{"size":99}})").status == 422);
  CHECK(patch(R"({"metadata":{"resourceVersion":7}})").status == 400);
  CHECK(patch("{").status == 400);
  CHECK(TextAt(JsonOf(patch("[]")), {"message"}).starts_with("error decoding patch: "));
  CHECK(box.Ask("PATCH", std::string(kSlots) + "/missing", "{}", kMerge).status == 404);
}

TEST_CASE("[WIRE] a JSON patch does its operations in order, all or none") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3,"tags":["x"]})")).status == 201);
  const auto patch = [&](const std::string& body) {
    return box.Ask("PATCH", kSlot, body, {{"content-type", "application/json-patch+json"}});
  };
  const auto patched = patch(
      R"([{"op":"test","path":"/spec/size","value":3},{"op":"add","path":"/spec/tags/-","value":"y"},)"
      R"({"op":"replace","path":"/spec/size","value":4},{"op":"add","path":"/metadata/labels","value":{"a/b":"c"}},)"
      R"({"op":"copy","from":"/metadata/labels/a~1b","path":"/metadata/labels/d"}])");
  CHECK(patched.status == 200);
  CHECK(TextAt(JsonOf(patched), {"spec"}) == R"({"mode":"Fast","size":4,"tags":["x","y"]})");
  CHECK(TextAt(JsonOf(patched), {"metadata", "labels"}) == R"({"a/b":"c","d":"c"})");
  CHECK(Versions(patched) == "2/2");
  CHECK(Versions(patch("[]")) == "2/2");
  CHECK(Versions(patch(
            R"([{"op":"replace","path":"/spec/size","value":9},{"op":"replace","path":"/spec/size","value":4}])")) ==
        "2/2");
  CHECK(patch(R"([{"op":"replace","path":"/spec/size","value":99}])").status == 422);  // The schema still counts.
  CHECK(patch(R"([{"op":"replace","path":"/metadata/name","value":"b"}])").status == 400);
  CHECK(Versions(box.Ask("GET", kSlot)) == "2/2");
}

TEST_CASE("[WIRE] a JSON patch that fails names the operation and its path, one that is none is a bad request") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3})")).status == 201);
  const std::string failed = "the server rejected our request due to an error in our request: ";
  struct Row {
    const char* body;
    int status;
    std::string lead;
    const char* operation;
  };
  const Row rows[] = {
      {R"([{"op":"add","path":"/spec/mode","value":"Slow"},{"op":"test","path":"/spec/size","value":4}])", 422, failed,
       "operation 1 (test /spec/size)"},
      {R"([{"op":"remove","path":"/spec/image"}])", 422, failed, "operation 0 (remove /spec/image)"},
      {R"([{"op":"add","path":"/spec/a/b","value":1}])", 422, failed, "operation 0 (add /spec/a/b)"},
      {R"([{"op":"test","path":"/spec/size","value":3},{"op":"merge","path":"/spec/size"}])", 400,
       "error decoding patch: ", "operation 1"},
      {R"([{"op":"add","path":"spec","value":1}])", 400, "error decoding patch: ", "operation 0"},
      {R"({"spec":{}})", 400, "error decoding patch: ", ""},
      {"[", 400, "error decoding patch: line 1, column 2: ", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    const auto refused = box.Ask("PATCH", kSlot, row.body, {{"content-type", "application/json-patch+json"}});
    CHECK(refused.status == row.status);
    const std::string message = TextAt(JsonOf(refused), {"message"});
    CAPTURE(message);
    CHECK(message.starts_with(row.lead + row.operation));
  }
  CHECK(Versions(box.Ask("GET", kSlot)) == "1/1");
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlot)), {"spec", "mode"}) == "Fast");
}

TEST_CASE("[WIRE] the version in a JSON patch is a precondition, of the status too") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3})")).status == 201);
  const std::string status = std::string(kSlot) + "/status";
  const auto patch = [&](const std::string& target, const std::string& version, const std::string& rest) {
    return box.Ask("PATCH", target,
                   R"([{"op":"replace","path":"/metadata/resourceVersion","value":")" + version + "\"}," + rest + "]",
                   {{"content-type", "application/json-patch+json"}});
  };
  const std::string grow = R"({"op":"replace","path":"/spec/size","value":4})";
  CHECK(patch(kSlot, "7", grow).status == 409);
  CHECK(Versions(patch(kSlot, "1", grow)) == "2/2");
  const std::string up =
      R"({"op":"add","path":"/status","value":{"phase":"up"}},{"op":"replace","path":"/spec/size","value":9})";
  CHECK(patch(status, "1", up).status == 409);
  const auto patched = patch(status, "2", up);
  CHECK(Versions(patched) == "3/2");
  CHECK(TextAt(JsonOf(patched), {"status", "phase"}) == "up");
  CHECK(TextAt(JsonOf(patched), {"spec", "size"}) == "4");
  CHECK(patch(status, "3", R"({"op":"test","path":"/status/phase","value":"down"})").status == 422);
}

TEST_CASE("[WIRE] built-in kinds take bodies without a type, and strategic patches") {
  ApiBox box;
  const std::string events = "/api/v1/namespaces/default/events";
  CHECK(box.Ask("POST", events, R"({"metadata":{"name":"e"},"count":1})").status == 201);
  const auto patched =
      box.Ask("PATCH", events + "/e", R"({"count":2})", {{"content-type", "application/strategic-merge-patch+json"}});
  CHECK(patched.status == 200);
  CHECK(TextAt(JsonOf(patched), {"count"}) == "2");
  CHECK(TextAt(JsonOf(patched), {"kind"}) == "Event");
}

TEST_CASE("[WIRE] unknown fields are dropped with a warning, without one, or refused") {
  ApiBox box;
  const std::string body = Slot(R"(,"foo":1)", R"(,"spec":{"size":3,"bogus":1})");
  const auto strict = box.Ask("POST", std::string(kSlots) + "?fieldValidation=Strict", body);
  CHECK(strict.status == 400);
  CHECK(TextAt(JsonOf(strict), {"message"}) ==
        "Slot in version \"v1\" cannot be handled as a Slot: strict decoding error: unknown field \"metadata.foo\"");
  const auto strict_spec =
      box.Ask("POST", std::string(kSlots) + "?fieldValidation=Strict", Slot("", R"(,"spec":{"bogus":1})"));
  CHECK(strict_spec.status == 400);
  CHECK(TextAt(JsonOf(strict_spec), {"message"}) ==
        "Slot in version \"v1\" cannot be handled as a Slot: strict decoding error: unknown field \"spec.bogus\"");
  const auto quiet = box.Ask("POST", std::string(kSlots) + "?fieldValidation=Ignore&dryRun=All", body);
  CHECK(quiet.status == 201);
  CHECK(HeaderOf(quiet, "Warning") == "");
  const auto warned = box.Ask("POST", kSlots, body);
  CHECK(warned.status == 201);
  std::vector<std::string> warnings;
  for (const Header& header : warned.headers)
    if (header.name == "Warning") warnings.push_back(header.value);
  CHECK(warnings == std::vector<std::string>{R"(299 - "unknown field \"metadata.foo\"")",
                                             R"(299 - "unknown field \"spec.bogus\"")"});
  CHECK(TextAt(JsonOf(warned), {"spec"}) == R"({"mode":"Fast","size":3})");
}

TEST_CASE("[WIRE] unknown fields in a patch warn, or make it invalid") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", "")).status == 201);
  const std::string patch = R"({"metadata":{"foo":1},"spec":{"bogus":1}})";
  const auto warned = box.Ask("PATCH", kSlot, patch, kMerge);
  CHECK(warned.status == 200);
  CHECK(HeaderOf(warned, "Warning") == R"(299 - "unknown field \"metadata.foo\"")");
  const std::pair<std::string, std::string> refused[] = {{patch, "metadata.foo"},
                                                         {R"({"spec":{"bogus":1}})", "spec.bogus"}};
  for (const auto& [body, field] : refused) {
    const auto strict = box.Ask("PATCH", std::string(kSlot) + "?fieldValidation=Strict", body, kMerge);
    CHECK(strict.status == 422);
    CHECK(TextAt(JsonOf(strict), {"message"}) ==
          "Slot.hero.dev \"a\" is invalid: patch: Invalid value: strict decoding error: unknown field \"" + field +
              "\"");
  }
}

TEST_CASE("[WIRE] a dry run checks everything and stores nothing") {
  ApiBox box;
  const auto created = box.Ask("POST", std::string(kSlots) + "?dryRun=All", Slot("", R"(,"spec":{"size":3})"));
  CHECK(created.status == 201);
  CHECK(TextAt(JsonOf(created), {"metadata", "uid"}).size() == 36);
  CHECK(TextAt(JsonOf(created), {"metadata", "resourceVersion"}) == "(none)");
  CHECK(box.Ask("GET", kSlot).status == 404);
  CHECK(box.Ask("POST", std::string(kSlots) + "?dryRun=All", Slot("", R"(,"spec":{"size":99})")).status == 422);

  REQUIRE(box.Ask("POST", kSlots, Slot("", R"(,"spec":{"size":3})")).status == 201);
  CHECK(box.Ask("POST", std::string(kSlots) + "?dryRun=All", Slot("", "")).status == 409);
  const auto patched = box.Ask("PATCH", std::string(kSlot) + "?dryRun=All", R"({"spec":{"size":4}})", kMerge);
  CHECK(TextAt(JsonOf(patched), {"spec", "size"}) == "4");
  CHECK(TextAt(JsonOf(patched), {"metadata", "resourceVersion"}) == "1");
  CHECK(box.Ask("DELETE", kSlot, R"({"dryRun":["All"]})").status == 200);
  CHECK(Versions(box.Ask("GET", kSlot)) == "1/1");
}

TEST_CASE("[WIRE] a delete without finalizers removes and says what") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", "")).status == 201);
  const std::string uid = TextAt(JsonOf(box.Ask("GET", kSlot)), {"metadata", "uid"});
  const auto response = box.Ask("DELETE", kSlot, R"({"propagationPolicy":"Background"})");
  CHECK(response.status == 200);
  CHECK(response.body == R"({"apiVersion":"v1","details":{"group":"hero.dev","kind":"slots","name":"a","uid":")" + uid +
                             R"("},"kind":"Status","metadata":{},"status":"Success"})");
  CHECK(box.Ask("DELETE", kSlot).status == 404);
}

TEST_CASE("[WIRE] preconditions of a delete hold") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot("", "")).status == 201);
  const std::string uid = TextAt(JsonOf(box.Ask("GET", kSlot)), {"metadata", "uid"});
  const auto bad_uid = box.Ask("DELETE", kSlot, R"({"preconditions":{"uid":"bad"}})");
  CHECK(bad_uid.status == 409);
  CHECK(
      TextAt(JsonOf(bad_uid), {"message"}) ==
      "Operation cannot be fulfilled on Slot.hero.dev \"a\": the UID in the precondition (bad) does not match the UID in record (" +
          uid + "). The object might have been deleted and then recreated");
  CHECK(TextAt(JsonOf(bad_uid), {"details", "kind"}) == "Slot");
  const auto bad_version = box.Ask("DELETE", kSlot, R"({"preconditions":{"resourceVersion":"7"}})");
  CHECK(bad_version.status == 409);
  CHECK(
      TextAt(JsonOf(bad_version), {"message"}) ==
      "Operation cannot be fulfilled on Slot.hero.dev \"a\": the ResourceVersion in the precondition (7) does not match the "
      "ResourceVersion in record (1). The object might have been modified");
  CHECK(box.Ask("DELETE", kSlot, R"({"preconditions":{"resourceVersion":"x"}})").status == 400);
  CHECK(box.Ask("DELETE", kSlot, R"({"kind":"Slot"})").status == 400);
  CHECK(box.Ask("DELETE", kSlot, "[]").status == 400);
  CHECK(box.Ask("DELETE", kSlot,
                R"({"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":")" + uid +
                    R"(","resourceVersion":"1"}})")
            .status == 200);
}

TEST_CASE("[WIRE] the worked sequence of a delete with finalizers") {
  ApiBox box;
  const std::string keep = R"(,"finalizers":["hero.dev/keep"])";
  REQUIRE(box.Ask("POST", kSlots, Slot(keep, "")).status == 201);
  const auto marked = box.Ask("DELETE", kSlot);
  CHECK(marked.status == 200);
  CHECK(Versions(marked) == "2/2");
  CHECK(TextAt(JsonOf(marked), {"metadata", "deletionTimestamp"}) == "2026-11-20T20:58:51Z");
  CHECK(TextAt(JsonOf(marked), {"metadata", "deletionGracePeriodSeconds"}) == "0");
  CHECK(box.Ask("DELETE", kSlot).body == marked.body);

  const auto more =
      box.Ask("PUT", kSlot, Slot(R"(,"resourceVersion":"2","finalizers":["hero.dev/keep","hero.dev/more"])", ""));
  CHECK(more.status == 422);
  CHECK(TextAt(JsonOf(more), {"message"})
            .find("metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted") !=
        std::string::npos);
  CHECK(Versions(box.Ask("PUT", kSlot, Slot(R"(,"resourceVersion":"2")" + keep, R"(,"spec":{"size":4})"))) == "3/3");
  CHECK(box.Ask("PATCH", kSlot, R"({"metadata":{"finalizers":null}})", kMerge).status == 200);
  CHECK(box.Ask("GET", kSlot).status == 404);
}
