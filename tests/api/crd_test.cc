#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "api/codec/yaml.h"
#include "api/schema/schema.h"
#include "crds/catalog.h"
#include "tests/api/outcome.h"

using namespace api;
using schema::KindFromCrd;

namespace {

Json Slots() {
  return api::codec::ParseYaml(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: slots.hero.dev}
spec:
  group: hero.dev
  scope: Namespaced
  names: {plural: slots, kind: Slot, shortNames: [sl]}
  versions:
  - {name: v1alpha1, served: false, storage: false}
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size, priority: 1}
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}
)",
                               "slots.yaml")
      ->front();
}

}  // namespace

TEST_CASE("[API] definitions: a kind, with the names that may be left out") {
  const auto kind = KindFromCrd(Slots());
  REQUIRE(Outcome(kind) == "fine");
  CHECK(kind->resource() == "slots.hero.dev");
  CHECK(kind->api_version() == "hero.dev/v1");
  CHECK(kind->kind == "Slot");
  CHECK(kind->list_kind == "SlotList");
  CHECK(kind->singular == "slot");
  CHECK(kind->is_namespaced);
  CHECK(kind->has_status);
  REQUIRE(kind->columns.size() == 1);
  CHECK(kind->columns[0].json_path == ".spec.size");
  CHECK(kind->columns[0].priority == 1);
  CHECK(kind->schema->Property("spec"));
}

TEST_CASE("[API] definitions: what is refused, with the field") {
  struct Row {
    const char* name;
    void (*change)(Json& crd);
    std::string message;
  };
  const Row rows[] = {
      {"another API", [](Json& crd) { crd["apiVersion"] = "v1"; },
       "apiVersion: Invalid value: must be apiextensions.k8s.io/v1"},
      {"another kind", [](Json& crd) { crd["kind"] = "Slot"; },
       "kind: Invalid value: must be CustomResourceDefinition"},
      {"no spec", [](Json& crd) { crd.Erase("spec"); }, "spec: Required value"},
      {"type", [](Json& crd) { crd["spec"]["versions"] = "v1"; }, "spec.versions: must be array, not string"},
      {"name", [](Json& crd) { crd["metadata"]["name"] = "slots"; },
       "metadata.name: Invalid value: must be slots.hero.dev"},
      {"scope", [](Json& crd) { crd["spec"]["scope"] = "Galaxy"; }, "spec.scope: must be Cluster or Namespaced"},
      {"short name", [](Json& crd) { crd["spec"]["names"]["shortNames"] = Json::Array{"S L"}; },
       "spec.names.shortNames[0]: Invalid value: must be of a-z, 0-9 and -"},
      {"kind's case", [](Json& crd) { crd["spec"]["names"]["kind"] = "slot"; },
       "spec.names.kind: Invalid value: must be letters and digits and begin with a capital"},
      {"no storage version", [](Json& crd) { (*crd["spec"]["versions"].array())[1]["storage"] = false; },
       "spec.versions: Invalid value: exactly one version must have storage: true"},
      {"two storage versions", [](Json& crd) { (*crd["spec"]["versions"].array())[0]["storage"] = true; },
       "spec.versions: Invalid value: exactly one version must have storage: true"},
      {"stored and not served", [](Json& crd) { (*crd["spec"]["versions"].array())[1]["served"] = false; },
       "spec.versions[1].served: Invalid value: the version that is stored must be served"},
      {"two served versions", [](Json& crd) { (*crd["spec"]["versions"].array())[0]["served"] = true; },
       "spec.versions[0].served: Forbidden: versions are not converted here; only the stored one can be served"},
      {"conversion",
       [](Json& crd) {
         crd["spec"]["conversion"] = Json::Of({{"strategy", "Webhook"}});
       },
       "spec.conversion.strategy: Forbidden: versions are not converted here; serve one and leave it out"},
      {"unpruned", [](Json& crd) { crd["spec"]["preserveUnknownFields"] = true; },
       "spec.preserveUnknownFields: Forbidden: say x-kubernetes-preserve-unknown-fields in the schema"},
      {"another subresource",
       [](Json& crd) { (*crd["spec"]["versions"].array())[1]["subresources"]["scale"] = Json::EmptyObject(); },
       "spec.versions[1].subresources.scale: unknown field; known are: status"},
      {"mistyped field",
       [](Json& crd) { (*crd["spec"]["versions"].array())[1]["additionalPrinterColums"] = Json::Array{}; },
       "spec.versions[1].additionalPrinterColums: unknown field; did you mean 'additionalPrinterColumns'? known are: "
       "name, served, storage, schema, subresources, additionalPrinterColumns"},
      {"no schema", [](Json& crd) { (*crd["spec"]["versions"].array())[1].Erase("schema"); },
       "spec.versions[1].schema.openAPIV3Schema: Required value"},
      {"fault in the schema",
       [](Json& crd) { (*crd["spec"]["versions"].array())[1]["schema"]["openAPIV3Schema"]["type"] = "array"; },
       "[spec.versions[1].schema.openAPIV3Schema.type: Invalid value: must be object at the root, "
       "spec.versions[1].schema.openAPIV3Schema: Forbidden: only an object has properties, "
       "spec.versions[1].schema.openAPIV3Schema.items: Required value]"},
      {"column",
       [](Json& crd) {
         (*crd["spec"]["versions"].array())[1]["additionalPrinterColumns"] =
             Json::Array{Json::Of({{"name", "A"}, {"type", "text"}, {"jsonPath", "x"}})};
       },
       "[spec.versions[1].additionalPrinterColumns[0].type: must be one of boolean, date, integer, number, string, "
       "spec.versions[1].additionalPrinterColumns[0].jsonPath: Invalid value: character 1 of the path 'x': "
       "expected '.' or '[']"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Json crd = Slots();
    row.change(crd);
    CHECK(Outcome(KindFromCrd(crd)) == row.message);
  }
}

TEST_CASE("[API] definitions: what other projects write without effect") {
  Json crd = Slots();
  crd["spec"]["conversion"] = Json::Of({{"strategy", "None"}});
  crd["spec"]["preserveUnknownFields"] = false;
  crd["metadata"]["annotations"] = Json::Of({{"controller-gen.kubebuilder.io/version", "v0.16.0"}});
  crd["status"] = Json::EmptyObject();
  CHECK(Outcome(KindFromCrd(crd)) == "fine");
}

TEST_CASE("[API] definitions: a bad file is named, with what is wrong in it") {
  const std::string good = api::codec::WriteYaml(Slots());
  const auto outcome = [](const std::string& text) {
    const crds::EmbeddedFile file{"slots.yaml", text};
    return Outcome(crds::LoadCatalog({&file, 1}));
  };
  CHECK(outcome(good) == "fine");
  CHECK(outcome(good + "---\n" + good) == "slots.yaml: the kind slots.hero.dev is declared twice");
  CHECK(outcome("# to come\n") == "slots.yaml: declares nothing; write a CustomResourceDefinition");
  CHECK(outcome("kind: [\n").starts_with("slots.yaml:2:1: "));
  CHECK(outcome("kind: Slot\n") ==
        "slots.yaml: [apiVersion: Invalid value: must be apiextensions.k8s.io/v1, "
        "kind: Invalid value: must be CustomResourceDefinition, spec: Required value]");
}

TEST_CASE("[API] catalog: kinds are found by every name that people and clients use") {
  schema::Catalog catalog;
  REQUIRE(Outcome(catalog.Add(*KindFromCrd(Slots()))) == "fine");
  REQUIRE(Outcome(catalog.Add({.version = "v1", .kind = "Event", .plural = "events", .singular = "event"})) == "fine");
  const schema::KindPtr slot = catalog.FindResource("slots.hero.dev");
  const schema::KindPtr event = catalog.FindResource("events");

  REQUIRE(slot);
  REQUIRE(event);
  for (const char* typed : {"slots", "slot", "sl", "Slot", "SLOTS", "slots.hero.dev", "sl.hero.dev", "Slot.hero.dev"}) {
    CAPTURE(typed);
    CHECK(catalog.FindTyped(typed) == slot);
  }
  for (const char* typed : {"", "s", "slots.", "slots.other.dev", "slotss", ".hero.dev"}) {
    CAPTURE(typed);
    CHECK(catalog.FindTyped(typed) == nullptr);
  }
  CHECK(catalog.FindTyped("event") == event);
  CHECK(catalog.FindPath("hero.dev", "v1", "slots") == slot);
  CHECK(catalog.FindPath("", "v1", "events") == event);
  CHECK(catalog.FindPath("hero.dev", "v2", "slots") == nullptr);
  CHECK(catalog.FindKind("hero.dev/v1", "Slot") == slot);
  CHECK(catalog.FindKind("v1", "Slot") == nullptr);
  CHECK(Outcome(catalog.Add(*KindFromCrd(Slots()))) == "the kind slots.hero.dev is declared twice");
}

TEST_CASE("[D-01] catalog: a kind that is changed or taken out stays what it was for who holds it") {
  schema::Catalog catalog;
  REQUIRE(Outcome(catalog.Add(*KindFromCrd(Slots()))) == "fine");
  REQUIRE(Outcome(catalog.Add({.version = "v1", .kind = "Event", .plural = "events"})) == "fine");
  const schema::KindPtr before = catalog.FindResource("slots.hero.dev");

  schema::Kind changed = *before;
  changed.singular = "schlitz";
  catalog.Put(changed);
  CHECK(before->singular == "slot");
  CHECK(catalog.FindTyped("slot") == catalog.FindTyped("Slot"));  // By its kind, in any case.
  CHECK(catalog.FindTyped("schlitz")->kind == "Slot");
  CHECK(catalog.kinds().front()->singular == "schlitz");  // In its old place.

  catalog.Remove("slots.hero.dev");
  catalog.Remove("slots.hero.dev");
  CHECK(catalog.FindResource("slots.hero.dev") == nullptr);
  CHECK(catalog.FindKind("hero.dev/v1", "Slot") == nullptr);
  CHECK(catalog.FindPath("hero.dev", "v1", "slots") == nullptr);
  CHECK(catalog.kinds().size() == 1);
  CHECK(before->plural == "slots");
}

TEST_CASE("[D-01] catalog: it is read while it changes, and each look sees one moment") {
  schema::Catalog catalog;
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) {
      catalog.Put({.group = "a.dev", .version = "v1", .kind = "A", .plural = "as", .singular = std::to_string(i)});
      catalog.Put({.group = "a.dev", .version = "v1", .kind = "B", .plural = "bs", .singular = std::to_string(i)});
      catalog.Remove("as.a.dev");
    }
    is_done = true;
  });
  while (!is_done) {
    const auto kinds = catalog.kinds();
    CHECK(kinds.size() <= 2);
    if (const auto kind = catalog.FindKind("a.dev/v1", "A")) CHECK(kind->plural == "as");
    if (kinds.size() == 2) CHECK(std::abs(std::stoi(kinds[0]->singular) - std::stoi(kinds[1]->singular)) <= 1);
  }
  writer.join();
  CHECK(catalog.kinds().size() == 1);
}
