#include <string>

#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::string Message(const Response& response) { return TextAt(JsonOf(response), {"message"}); }

}  // namespace

TEST_CASE("[WIRE] what a reader asks wrongly is refused with what is wrong, of a list and of a watch") {
  ApiBox box;
  struct Row {
    const char* query;
    int status;
    const char* message;  ///< Its beginning.
  };
  const Row rows[] = {
      {"labelSelector=((", 400, "unable to parse requirement: "},
      {"labelSelector=a%3D-b", 400, "unable to parse requirement: "},
      {"fieldSelector=spec.size%3D3", 400, "field label not supported: spec.size"},
      {"fieldSelector=metadata.name", 400, "invalid field selector: metadata.name"},
      {"fieldSelector=metadata.name%3D%5C", 400, "invalid field selector: "},
      {"resourceVersion=latest", 400, "invalid resourceVersion \"latest\""},
      {"resourceVersion=-1", 400, "invalid resourceVersion \"-1\""},
      {"resourceVersion=18446744073709551616", 400, "invalid resourceVersion "},
      {"resourceVersion=99999999", 504, "Timeout: Too large resource version: 99999999, current: 0"},
      {"sendInitialEvents=", 422, "ListOptions.meta.k8s.io \"\" is invalid: "},
      {"resourceVersion=1&resourceVersionMatch=Newest", 422, "ListOptions.meta.k8s.io \"\" is invalid: "},
      {"includeObject=All", 400, "unrecognized includeObject value: \"All\""},
  };
  for (const char* const watch : {"", "&watch=1"})
    for (const Row& row : rows) {
      CAPTURE(row.query);
      CAPTURE(watch);
      const auto response = box.Ask("GET", std::string(kSlots) + "?" + row.query + watch);
      CHECK(response.status == row.status);
      CHECK_FALSE(response.stream);
      CHECK(Message(response).substr(0, std::string(row.message).size()) == row.message);
    }
}

TEST_CASE("[WIRE] a continue token that this server did not give is refused") {
  ApiBox box;
  for (const char* const name : {"a", "b"})
    REQUIRE(box.Ask("POST", kSlots,
                    R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{"name":")" + std::string(name) + "\"}}")
                .status == 201);
  const std::string good = TextAt(JsonOf(box.Ask("GET", std::string(kSlots) + "?limit=1")), {"metadata", "continue"});
  REQUIRE(box.Ask("GET", std::string(kSlots) + "?continue=" + good).status == 200);
  for (const std::string& token :
       {std::string("abc"), std::string("1"), "x" + good, "-" + good, std::string("0.default/a"),
        std::string("99999999999999999999.default/a"), std::string(5000, 'a'), std::string("%7B%7D")}) {
    CAPTURE(token);
    const auto response = box.Ask("GET", std::string(kSlots) + "?continue=" + token);
    CHECK(response.status == 400);
    CHECK(Message(response).starts_with("invalid continue token: "));
  }
  // Of a moment that is still to come.
  CHECK(box.Ask("GET", std::string(kSlots) + "?continue=99999.default/a").status == 410);
  CHECK(Message(box.Ask("GET", std::string(kSlots) + "?resourceVersion=2&continue=" + good)) ==
        "specifying resource version is not allowed when using continue");
  CHECK(box.Ask("GET", std::string(kSlots) + "?resourceVersionMatch=Exact&continue=" + good).status == 422);
}

TEST_CASE("[WIRE] numbers below zero ask for no limit, and what is no number for nothing") {
  ApiBox box;
  CHECK(box.Ask("GET", std::string(kSlots) + "?limit=-1").status == 200);
  CHECK(box.Ask("GET", std::string(kSlots) + "?watch=1&timeoutSeconds=-1").status == 200);
  for (const char* const number : {"many", "1.5", "0x10", "99999999999999999999", "%20"}) {
    CAPTURE(number);
    CHECK(box.Ask("GET", std::string(kSlots) + "?limit=" + number).status == 400);
    CHECK(box.Ask("GET", std::string(kSlots) + "?watch=1&timeoutSeconds=" + number).status == 400);
  }
}

TEST_CASE("[SEC-30] a path that could mean two things is none") {
  for (const char* const path :
       {"/apis/../version", "/apis/hero.dev/v1/slots/..", "/apis/./hero.dev", "/apis//hero.dev", "//version",
        "/apis%2fhero.dev", "/apis/hero.dev/v1/users/%2e%2e", "/apis/hero.dev/v1/users/a%2Fb", "/readyz/%2e%2e/version",
        "/openapi/v3/..%2f..", "/apis/hero.dev/v1/users/a%00", "/apis/hero.dev/v1/users/%zz", "version"}) {
    CAPTURE(path);
    const auto target = ParseTarget(path);
    REQUIRE_FALSE(target);
    CHECK(target.error().code == api::Code::kInvalid);
  }
}
