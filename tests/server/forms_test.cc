#include <doctest/doctest.h>

#include "api/codec/yaml.h"
#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::vector<Header> As(const std::string& kind, const std::string& version = "v1") {
  return {{"accept", "application/vnd.kubernetes.protobuf;as=" + kind + ";g=meta.k8s.io;v=" + version +
                         ",application/json;as=" + kind + ";g=meta.k8s.io;v=" + version + ",application/json"}};
}

void Fill(ApiBox& box) {
  for (const char* const name : {"a", "b"})
    REQUIRE(box.Ask("POST", kSlots,
                    R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + std::string(name) +
                        R"(","labels":{"l":"v"}},"spec":{"size":2}})")
                .status == 201);
}

}  // namespace

TEST_CASE("[WIRE] an object can be had as its metadata alone") {
  ApiBox box;
  Fill(box);
  const auto response = box.Ask("GET", std::string(kSlots) + "/a", "", As("PartialObjectMetadata"));
  CHECK(HeaderOf(response, "Content-Type") == "application/json");
  const api::Json json = JsonOf(response);
  CHECK(TextAt(json, {"kind"}) == "PartialObjectMetadata");
  CHECK(TextAt(json, {"apiVersion"}) == "meta.k8s.io/v1");
  CHECK(TextAt(json, {"metadata", "labels"}) == R"({"l":"v"})");
  CHECK(TextAt(json, {"metadata", "resourceVersion"}) == "1");
  CHECK(json.size() == 3);
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kSlots) + "/a", "", As("PartialObjectMetadata", "v1beta1"))),
               {"apiVersion"}) == "meta.k8s.io/v1beta1");
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kSlots) + "/x", "", As("PartialObjectMetadata"))), {"kind"}) ==
        "Status");
  // A list has no single metadata: the next entry is taken.
  CHECK(TextAt(JsonOf(box.Ask("GET", kSlots, "", As("PartialObjectMetadata"))), {"kind"}) == "SlotList");
}

TEST_CASE("[WIRE] a list of metadata has the list's own, and pages like any list") {
  ApiBox box;
  Fill(box);
  const api::Json page = JsonOf(box.Ask("GET", std::string(kSlots) + "?limit=1", "", As("PartialObjectMetadataList")));
  CHECK(TextAt(page, {"kind"}) == "PartialObjectMetadataList");
  CHECK(TextAt(page, {"apiVersion"}) == "meta.k8s.io/v1");
  CHECK(TextAt(page, {"metadata", "resourceVersion"}) == "2");
  CHECK(TextAt(page, {"metadata", "remainingItemCount"}) == "1");
  REQUIRE(page.Find("items")->size() == 1);
  const api::Json& item = page.Find("items")->array()->front();
  CHECK(TextAt(item, {"kind"}) == "PartialObjectMetadata");
  CHECK(TextAt(item, {"metadata", "name"}) == "a");
  CHECK(TextAt(item, {"spec"}) == "(none)");
  const api::Json next =
      JsonOf(box.Ask("GET", std::string(kSlots) + "?limit=1&continue=" + TextAt(page, {"metadata", "continue"}), "",
                     As("PartialObjectMetadataList")));
  CHECK(TextAt(next.Find("items")->array()->front(), {"metadata", "name"}) == "b");
}

TEST_CASE("[WIRE] a watch of metadata tells nothing else, bookmarks included") {
  ApiBox box;
  Fill(box);
  auto response =
      box.Ask("GET",
              std::string(kSlots) +
                  "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
                  "&fieldSelector=metadata.name%3Da",
              "", As("PartialObjectMetadata"));
  REQUIRE(response.stream);
  box.Ask("DELETE", std::string(kSlots) + "/a");
  const std::string bytes = response.stream->Pull().bytes;
  std::vector<api::Json> frames;
  for (std::size_t begin = 0, end = 0; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1)
    frames.push_back(*api::codec::ParseJson(bytes.substr(begin, end - begin)));
  REQUIRE(frames.size() == 3);
  const char* const types[] = {"ADDED", "BOOKMARK", "DELETED"};
  const char* const versions[] = {"1", "2", "3"};
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CHECK(TextAt(frames[i], {"type"}) == types[i]);
    CHECK(TextAt(frames[i], {"object", "kind"}) == "PartialObjectMetadata");
    CHECK(TextAt(frames[i], {"object", "apiVersion"}) == "meta.k8s.io/v1");
    CHECK(TextAt(frames[i], {"object", "metadata", "resourceVersion"}) == versions[i]);
    CHECK(TextAt(frames[i], {"object", "spec"}) == "(none)");
  }
  CHECK(TextAt(frames[1], {"object", "metadata", "annotations"}) == R"({"k8s.io/initial-events-end":"true"})");
}

TEST_CASE("[WIRE] what is read comes as YAML to who asks for it, errors do not") {
  ApiBox box;
  Fill(box);
  const std::vector<Header> yaml{{"accept", "application/yaml"}};
  for (const std::string& target : {std::string(kSlots), std::string(kSlots) + "/a", std::string("/apis")}) {
    CAPTURE(target);
    const auto response = box.Ask("GET", target, "", yaml);
    CHECK(HeaderOf(response, "Content-Type") == "application/yaml");
    const auto read = api::codec::ParseYaml(response.body, "answer");
    REQUIRE(read);
    REQUIRE(read->size() == 1);
    CHECK(read->front() == JsonOf(box.Ask("GET", target)));
  }
  CHECK(TextAt(JsonOf(box.Ask("GET", std::string(kSlots) + "/x", "", yaml)), {"code"}) == "404");
  CHECK(box.Ask("GET", std::string(kSlots) + "?watch=1", "", yaml).status == 406);
}

TEST_CASE("[WIRE] nothing that can be served is 406 with what can") {
  ApiBox box;
  const std::vector<Header> html{{"accept", "text/html"}};
  for (const char* const target : {kSlots, "/apis/hero.dev/v1/slots", "/version", "/apis/hero.dev/v1"}) {
    CAPTURE(target);
    const auto response = box.Ask("GET", target, "", html);
    CHECK(response.status == 406);
    const api::Json json = JsonOf(response);
    CHECK(TextAt(json, {"reason"}) == "NotAcceptable");
    CHECK(TextAt(json, {"message"}) ==
          "only the following media types are accepted: application/json, application/yaml");
  }
}
