#include "server/documents.h"

#include <doctest/doctest.h>

#include "tests/support/api_box.h"
#include "tests/support/widget_kind.h"

using namespace server;
using namespace tests;

namespace {

constexpr const char* kOnlyBeta =
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
constexpr const char* kBoth =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

}  // namespace

TEST_CASE("[WIRE] discovery comes in one document to who asks for it, in the version that was asked for") {
  ApiBox box;
  struct Row {
    const char* accept;
    const char* type;
    const char* kind;
    const char* api_version;
  };
  const Row rows[] = {
      {"application/json, */*", "application/json", "APIGroupList", "v1"},
      {"", "application/json", "APIGroupList", "v1"},
      {kOnlyBeta, "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList", "APIGroupDiscoveryList",
       "apidiscovery.k8s.io/v2beta1"},
      {kBoth, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "APIGroupDiscoveryList",
       "apidiscovery.k8s.io/v2"},
      {"application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json", "application/json",
       "APIGroupList", "v1"},
      {"application/json;g=other;v=v2;as=APIGroupDiscoveryList,application/json", "application/json", "APIGroupList",
       "v1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.accept);
    const auto response = box.Ask("GET", "/apis", "", {{"accept", row.accept}});
    CHECK(response.status == 200);
    CHECK(HeaderOf(response, "Content-Type") == row.type);
    CHECK(HeaderOf(response, "Vary") == "Accept");
    CHECK(TextAt(JsonOf(response), {"kind"}) == row.kind);
    CHECK(TextAt(JsonOf(response), {"apiVersion"}) == row.api_version);
  }
  // One group's documents have the plain form alone.
  CHECK(TextAt(JsonOf(box.Ask("GET", "/apis/hero.dev/v1", "", {{"accept", kBoth}})), {"kind"}) == "APIResourceList");
}

TEST_CASE("[WIRE] the aggregated document says what the plain ones say") {
  ApiBox box;
  CHECK(
      box.Ask("GET", "/apis/", "", {{"accept", kBoth}}).body ==
      R"({"apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{"name":"hero.dev"},"versions":[{"freshness":"Current",)"
      R"("resources":[{"categories":["all","hero"],"resource":"slots",)"
      R"("responseKind":{"group":"hero.dev","kind":"Slot","version":"v1"},"scope":"Namespaced","shortNames":["sl"],)"
      R"("singularResource":"slot","subresources":[{"responseKind":{"group":"hero.dev","kind":"Slot","version":"v1"},)"
      R"("subresource":"status","verbs":["get","patch","update"]}],)"
      R"("verbs":["create","delete","deletecollection","get","list","patch","update","watch"]},)"
      R"({"resource":"users","responseKind":{"group":"hero.dev","kind":"User","version":"v1"},"scope":"Cluster",)"
      R"("singularResource":"user","subresources":[{"responseKind":{"group":"hero.dev","kind":"User","version":"v1"},)"
      R"("subresource":"status","verbs":["get","patch","update"]}],)"
      R"("verbs":["create","delete","deletecollection","get","list","patch","update","watch"]}],"version":"v1"}]}],)"
      R"("kind":"APIGroupDiscoveryList","metadata":{}})");
  const api::Json core = JsonOf(box.Ask("GET", "/api", "", {{"accept", kBoth}}));
  REQUIRE(core.Find("items")->size() == 1);
  const api::Json& group = core.Find("items")->array()->front();
  CHECK(TextAt(group, {"metadata"}) == "{}");  // The core group has no name.
  const api::Json& events = group.Find("versions")->array()->front().Find("resources")->array()->front();
  CHECK(TextAt(events, {"resource"}) == "events");
  CHECK(TextAt(events, {"responseKind", "group"}) == "");
  CHECK(TextAt(events, {"subresources"}) == "(none)");
}

TEST_CASE("[WIRE] a review can be created and no more") {
  ApiBox box;
  REQUIRE(box.catalog.Add({.group = "authorization.k8s.io",
                           .version = "v1",
                           .kind = "SelfSubjectAccessReview",
                           .plural = "selfsubjectaccessreviews",
                           .singular = "selfsubjectaccessreview",
                           .is_review = true}));
  const api::Json list = JsonOf(box.Ask("GET", "/apis/authorization.k8s.io/v1"));
  REQUIRE(list.Find("resources")->size() == 1);
  CHECK(TextAt(list.Find("resources")->array()->front(), {"verbs"}) == R"(["create"])");
}

TEST_CASE("[WIRE] who has a document already is told so") {
  ApiBox box;
  for (const char* const target :
       {"/version", "/api", "/apis", "/apis/hero.dev", "/apis/hero.dev/v1", "/openapi/v2", "/openapi/v3"}) {
    CAPTURE(target);
    const auto first = box.Ask("GET", target);
    const std::string tag = HeaderOf(first, "ETag");
    CHECK(first.status == 200);
    CHECK(tag.size() == 66);  // A SHA-256 between quotes.
    CHECK(HeaderOf(first, "Cache-Control") == "no-cache, private");
    for (const std::string& tags : {tag, "W/" + tag, "\"x\", " + tag, std::string("*")}) {
      CAPTURE(tags);
      const auto again = box.Ask("GET", target, "", {{"if-none-match", tags}});
      CHECK(again.status == 304);
      CHECK(again.body.empty());
      CHECK(HeaderOf(again, "ETag") == tag);
      CHECK(HeaderOf(again, "Vary") == "Accept");
      CHECK(HeaderOf(again, "Content-Type") == "");
    }
    CHECK(box.Ask("GET", target, "", {{"if-none-match", "\"x\""}}).status == 200);
    CHECK(box.Ask("GET", target, "", {{"if-none-match", ",,"}}).status == 200);
    CHECK(box.Ask("HEAD", target).body == first.body);
    CHECK(box.Ask("POST", target, "{}").status == 405);
  }
  const std::string plain = HeaderOf(box.Ask("GET", "/apis"), "ETag");
  // Another form is another document.
  CHECK(box.Ask("GET", "/apis", "", {{"accept", kBoth}, {"if-none-match", plain}}).status == 200);
  REQUIRE(box.catalog.Add({.group = "other.dev", .version = "v1", .kind = "Thing", .plural = "things"}));
  CHECK(box.Ask("GET", "/apis", "", {{"if-none-match", plain}}).status == 200);  // A kind more.
  CHECK(box.Ask("GET", "/apis", "", {{"accept", "text/html"}, {"if-none-match", "*"}}).status == 406);
}

TEST_CASE("[WIRE] a document is made once for each form that is asked for, and anew when the kinds have changed") {
  ApiBox box;
  Documents documents(box.catalog);
  const auto ask = [&](const std::string& path, const std::string& accept, const std::string& tag = "") {
    auto served = documents.Serve(
        {.method = "GET", .target = *ParseTarget(path), .headers = {{"accept", accept}, {"if-none-match", tag}}});
    REQUIRE(served);
    return *std::move(served);
  };
  const auto first = ask("/openapi/v2", "application/json");
  CHECK(ask("/openapi/v2", "application/json").body == first.body);
  CHECK(ask("/openapi/v2", "application/json", HeaderOf(first, "ETag")).status == 304);
  CHECK(documents.made() == 1);
  CHECK(ask("/openapi/v2", "application/yaml").body != first.body);
  CHECK(ask("/openapi/v3", "application/json").body != first.body);
  CHECK(documents.made() == 3);
  CHECK_FALSE(documents.Serve({.method = "GET", .target = *ParseTarget("/openapi/v3/apis/a/b")}));
  CHECK(ask("/openapi/v2", "text/html").status == 406);
  CHECK(documents.made() == 3);

  box.catalog.Put(*api::schema::KindFromCrd(WidgetCrd()));
  const auto second = ask("/openapi/v2", "application/json", HeaderOf(first, "ETag"));
  CHECK(second.status == 200);
  CHECK(second.body.find("com.example.shop.v1.Widget") != std::string::npos);
  CHECK(ask("/openapi/v2", "application/json").body == second.body);
  CHECK(documents.made() == 4);
}

TEST_CASE("[WIRE][SEC-46] what is kept of documents has a bound, however many forms are asked for") {
  ApiBox box;
  Documents documents(box.catalog);
  for (int i = 0; i < 700; ++i) {  // 21 MiB of keys alone.
    const std::string accept = "application/json;q=0." + std::string(30'000, '1') + std::to_string(i);
    auto served =
        documents.Serve({.method = "GET", .target = *ParseTarget("/version"), .headers = {{"accept", accept}}});
    REQUIRE(served);
    CHECK(served->status == 200);
  }
  CHECK(documents.made() == 700);
  CHECK(documents.bytes() <= 16u << 20);
}
