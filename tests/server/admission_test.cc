#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "api/codec/object.h"
#include "tests/support/api_box.h"

using namespace server;
using namespace tests;

namespace {

const std::string kSlots = "/apis/hero.dev/v1/namespaces/default/slots";

std::string Slot(const std::string& metadata, const std::string& spec = "{}") {
  return R"({"apiVersion":"hero.dev/v1","kind":"Slot","metadata":{)" + metadata + R"(},"spec":)" + spec + "}";
}

std::vector<std::string> WarningsOf(const Response& response) {
  std::vector<std::string> warnings;
  for (const Header& header : response.headers)
    if (header.name == "Warning") warnings.push_back(header.value);
  return warnings;
}

/// Users are declared in git by a Team, as the definitions of the box have it.
struct GitBox : ApiBox {
  GitBox() {
    api::schema::Kind user = *catalog.FindResource("users.hero.dev");
    user.declared_by = "teams";
    catalog.Put(std::move(user));
    REQUIRE(catalog.Add({.group = "hero.dev",
                         .version = "v1",
                         .kind = "Team",
                         .list_kind = "TeamList",
                         .plural = "teams",
                         .singular = "team"}));
  }
  void Make(const std::string& text) {
    auto object = api::codec::ParseObject(text);
    REQUIRE(object);
    REQUIRE(registry.Create(*object, {.actor = "system:controller:team"}));
  }
  void MakeTeam() {
    Make(R"({"apiVersion":"hero.dev/v1","kind":"Team","metadata":{"name":"team"},)"
         R"("spec":{"url":"https://forge.test/org/hero_team","branch":"development"}})");
  }
  void MakeAlice() {
    Make(R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"alice","labels":{"hero.dev/team":"team"}},)"
         R"("spec":{"name":"alice","source":{"path":"users/alice.toml"}}})");
  }
  Response Patch(const std::string& body) {
    return Ask("PATCH", "/apis/hero.dev/v1/users/alice", body, {{"content-type", "application/merge-patch+json"}});
  }
};

}  // namespace

TEST_CASE("[WIRE] a name is made from generateName, and one of both is needed") {
  ApiBox box;
  const auto made = box.Ask("POST", kSlots, Slot(R"("generateName":"job-")"));
  CHECK(made.status == 201);
  const std::string name = TextAt(JsonOf(made), {"metadata", "name"});
  CHECK(name.starts_with("job-"));
  CHECK(name.size() == 9);
  CHECK(name.find_first_not_of("bcdfghjklmnpqrstvwxz2456789", 4) == std::string::npos);
  CHECK(TextAt(JsonOf(made), {"metadata", "generateName"}) == "job-");
  CHECK(TextAt(JsonOf(box.Ask("POST", kSlots, Slot(R"("generateName":"job-")"))), {"metadata", "name"}) != name);
  CHECK(TextAt(JsonOf(box.Ask("POST", kSlots, Slot(R"("generateName":"job-","name":"own")"))), {"metadata", "name"}) ==
        "own");
  const auto long_one = box.Ask("POST", kSlots, Slot(R"("generateName":")" + std::string(200, 'a') + "\""));
  CHECK(TextAt(JsonOf(long_one), {"metadata", "name"}).size() == 63);
  const auto neither = box.Ask("POST", kSlots, Slot(""));
  CHECK(neither.status == 422);
  CHECK(TextAt(JsonOf(neither), {"message"}) ==
        "Slot.hero.dev \"\" is invalid: metadata.name: Required value: name or generateName is required");
}

TEST_CASE("[WIRE] a field that stands twice counts once, with a warning, or is refused") {
  ApiBox box;
  const std::string twice = R"({"size":3,"size":4})";
  const auto warned = box.Ask("POST", kSlots, Slot(R"("name":"a")", twice));
  CHECK(warned.status == 201);
  CHECK(WarningsOf(warned) == std::vector<std::string>{R"(299 - "duplicate field \"spec.size\"")"});
  CHECK(TextAt(JsonOf(warned), {"spec", "size"}) == "4");
  CHECK(WarningsOf(box.Ask("POST", kSlots + "?fieldValidation=Ignore", Slot(R"("name":"b")", twice))).empty());
  const auto strict = box.Ask("POST", kSlots + "?fieldValidation=Strict", Slot(R"("name":"c")", twice));
  CHECK(strict.status == 400);
  CHECK(TextAt(JsonOf(strict), {"message"}) ==
        "Slot in version \"v1\" cannot be handled as a Slot: strict decoding error: duplicate field \"spec.size\"");
  const auto patch = [&](const std::string& parameters) {
    return box.Ask("PATCH", kSlots + "/a" + parameters, R"({"spec":{"size":5,"size":6}})",
                   {{"content-type", "application/merge-patch+json"}});
  };
  CHECK(WarningsOf(patch("")) == std::vector<std::string>{R"(299 - "duplicate field \"spec.size\"")"});
  CHECK(patch("?fieldValidation=Strict").status == 422);
}

TEST_CASE("[WIRE] bodies may be YAML") {
  ApiBox box;
  const std::vector<Header> yaml{{"content-type", "application/yaml"}};
  const auto made =
      box.Ask("POST", kSlots, "apiVersion: hero.dev/v1\nkind: Slot\nmetadata: {name: a}\nspec:\n  size: 3\n", yaml);
  CHECK(made.status == 201);
  CHECK(TextAt(JsonOf(made), {"spec", "size"}) == "3");
  CHECK(box.Ask("POST", kSlots, "a: b\na: c\n", yaml).status == 400);
  CHECK(box.Ask("POST", kSlots, "kind: Slot\n---\nkind: Slot\n", yaml).status == 400);
  const auto text = box.Ask("POST", kSlots, "{}", {{"content-type", "text/plain"}});
  CHECK(text.status == 415);
  CHECK(TextAt(JsonOf(text), {"message"}) ==
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        "application/yaml");
}

TEST_CASE("[WIRE] identity cannot be changed, and metadata that contradicts itself is refused with its field") {
  ApiBox box;
  REQUIRE(box.Ask("POST", kSlots, Slot(R"("name":"a")")).status == 201);
  const auto uid = box.Ask("PATCH", kSlots + "/a", R"({"metadata":{"uid":"other"}})",
                           {{"content-type", "application/merge-patch+json"}});
  CHECK(uid.status == 422);
  CHECK(TextAt(JsonOf(uid), {"message"}) ==
        "Slot.hero.dev \"a\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable");
  struct Row {
    std::string metadata;
    std::string field;
  };
  const std::string owner = R"("apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":true)";
  const Row rows[] = {
      {R"("finalizers":["no name"])", "metadata.finalizers"},
      {R"("finalizers":["orphan","foregroundDeletion"])", "metadata.finalizers"},
      {R"("ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":""}])", "metadata.ownerReferences.uid"},
      {R"("ownerReferences":[{"apiVersion":"v1","kind":"K","name":"","uid":"u"}])", "metadata.ownerReferences.name"},
      {R"("ownerReferences":[{)" + owner + "},{" + owner + "}]", "metadata.ownerReferences"},
      {R"("labels":{"-":"x"})", "metadata.labels"},
      {R"("labels":{"a":"-"})", "metadata.labels"},
      {R"("annotations":{"a":")" + std::string(262144, 'x') + "\"}", "metadata.annotations"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.field);
    const auto refused = box.Ask("POST", kSlots, Slot(R"("name":"b",)" + row.metadata));
    CHECK(refused.status == 422);
    CHECK(TextAt(JsonOf(refused).At({"details", "causes"})->array()->front(), {"field"}) == row.field);
  }
}

TEST_CASE("[HTB-01] what git declares can be changed at its source alone, and the refusal says where") {
  GitBox box;
  box.MakeTeam();
  box.MakeAlice();
  const auto refused = box.Patch(R"({"spec":{"groups":["sudo"]}})");
  CHECK(refused.status == 403);
  CHECK(TextAt(JsonOf(refused), {"message"}) ==
        "users.hero.dev \"alice\" is forbidden: it is declared in git: change users/alice.toml in "
        "https://forge.test/org/hero_team, branch development");
  CHECK(box.Patch(R"({"metadata":{"labels":{"hero.dev/team":null}}})").status == 403);
  CHECK(box.Patch(R"({"metadata":{"annotations":{"note":"x"}}})").status == 403);
  const auto removed = box.Ask("DELETE", "/apis/hero.dev/v1/users/alice");
  CHECK(removed.status == 403);
  CHECK(TextAt(JsonOf(removed), {"message"}).find("remove users/alice.toml in ") != std::string::npos);
  const auto added = box.Ask("POST", "/apis/hero.dev/v1/users",
                             R"({"apiVersion":"hero.dev/v1","kind":"User","metadata":{"name":"bob"},"spec":{}})");
  CHECK(added.status == 403);
  CHECK(TextAt(JsonOf(added), {"message"}).find("add its file in https://forge.test/org/hero_team") !=
        std::string::npos);

  // Wishes, suspension and housekeeping are said on the object itself.
  CHECK(box.Patch(R"({"metadata":{"annotations":{"hero.dev/reconcile-requested-at":"now"}}})").status == 200);
  CHECK(box.Patch(R"({"spec":{"suspend":{"reason":"holiday"}}})").status == 200);
  CHECK(box.Patch(R"({"metadata":{"finalizers":["hero.dev/hold"]}})").status == 200);
  CHECK(box.Patch("{}").status == 200);
}

TEST_CASE("[HTB-01] where nobody declares anything, what is left of it can be put in order by hand") {
  GitBox box;
  box.MakeAlice();
  CHECK(box.Patch(R"({"spec":{"groups":[]}})").status == 200);
  CHECK(box.Ask("DELETE", "/apis/hero.dev/v1/users/alice").status == 200);
}
