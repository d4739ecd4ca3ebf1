#include <doctest/doctest.h>

#include "tests/support/api_box.h"

using namespace tests;

TEST_CASE("[WIRE] plain discovery lists groups, versions and resources") {
  ApiBox box;
  CHECK(
      box.Ask("GET", "/apis").body ==
      R"({"apiVersion":"v1","groups":[{"name":"hero.dev","preferredVersion":{"groupVersion":"hero.dev/v1","version":"v1"},)"
      R"("versions":[{"groupVersion":"hero.dev/v1","version":"v1"}]}],"kind":"APIGroupList"})");
  CHECK(
      box.Ask("GET", "/apis/hero.dev").body ==
      R"({"apiVersion":"v1","kind":"APIGroup","name":"hero.dev","preferredVersion":{"groupVersion":"hero.dev/v1","version":"v1"},)"
      R"("versions":[{"groupVersion":"hero.dev/v1","version":"v1"}]})");
  CHECK(
      box.Ask("GET", "/apis/hero.dev/v1").body ==
      R"({"apiVersion":"v1","groupVersion":"hero.dev/v1","kind":"APIResourceList","resources":[)"
      R"({"categories":["all","hero"],"kind":"Slot","name":"slots","namespaced":true,"shortNames":["sl"],"singularName":"slot",)"
      R"("verbs":["create","delete","deletecollection","get","list","patch","update","watch"]},)"
      R"({"kind":"Slot","name":"slots/status","namespaced":true,"singularName":"","verbs":["get","patch","update"]},)"
      R"({"kind":"User","name":"users","namespaced":false,"singularName":"user",)"
      R"("verbs":["create","delete","deletecollection","get","list","patch","update","watch"]},)"
      R"({"kind":"User","name":"users/status","namespaced":false,"singularName":"","verbs":["get","patch","update"]}]})");
  CHECK(TextAt(JsonOf(box.Ask("GET", "/api/")), {"versions"}) == R"(["v1"])");
  CHECK(TextAt(JsonOf(box.Ask("GET", "/api/v1")), {"groupVersion"}) == "v1");
}

TEST_CASE("[WIRE] version and probes answer") {
  ApiBox box;
  const api::Json version = JsonOf(box.Ask("GET", "/version/"));
  CHECK(TextAt(version, {"major"}) == "1");
  CHECK(TextAt(version, {"minor"}) == "30");
  CHECK(TextAt(version, {"gitVersion"}) == "v1.30.0-hero");
  for (const char* const probe : {"/healthz", "/livez", "/readyz"}) {
    CAPTURE(probe);
    const auto response = box.Ask("GET", probe);
    CHECK(response.status == 200);
    CHECK(response.body == "ok");
    CHECK(HeaderOf(response, "Content-Type") == "text/plain; charset=utf-8");
  }
}

TEST_CASE("[WIRE] what is not served is a page that is not found") {
  ApiBox box;
  const std::pair<const char*, const char*> asked[] = {
      {"GET", "/"},
      {"GET", "/apis/other.dev"},
      {"GET", "/apis/hero.dev/v2"},
      {"GET", "/apis/hero.dev/v2/slots"},
      {"GET", "/apis/hero.dev/v1/things"},
      {"GET", "/apis/hero.dev/v1/slots/a"},                   // Namespaced, without its namespace.
      {"GET", "/apis/hero.dev/v1/namespaces/default/users"},  // Cluster-scoped, with one.
      {"GET", "/apis/hero.dev/v1/namespaces/default/users/a"},
      {"POST", "/apis/hero.dev/v1/slots"},  // Across namespaces there is only reading.
      {"GET", "/apis/hero.dev/v1/users/a/status/x"},
      {"GET", "/api/v2"},
      {"GET", "/hero/v1/plans"},
  };
  for (const auto& [method, target] : asked) {
    CAPTURE(method);
    CAPTURE(target);
    const auto response = box.Ask(method, target, "{}");
    CHECK(response.status == 404);
    CHECK(response.body == "404 page not found\n");
    CHECK(HeaderOf(response, "Content-Type") == "text/plain; charset=utf-8");
    CHECK(HeaderOf(response, "X-Content-Type-Options") == "nosniff");
  }
  CHECK(box.Ask("POST", "/apis", "{}").status == 405);
  CHECK(box.Ask("DELETE", "/healthz").status == 405);
}
