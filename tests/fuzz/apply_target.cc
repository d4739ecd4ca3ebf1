#include <string>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"
#include "reconciler/managed_fields.h"
#include "tests/fuzz/targets.h"

namespace fuzz {
namespace {

using api::Json;
using api::codec::ParseJson;

/// One of each that decides how fields are told apart.
const api::schema::Kind& Sample() {
  static const api::schema::Kind kKind{
      .group = "test.dev",
      .version = "v1",
      .kind = "Thing",
      .plural = "things",
      .schema = *api::schema::Schema::FromJson(*ParseJson(R"({"type": "object", "properties": {"spec": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {
          "size": {"type": "integer"},
          "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
          "fixed": {"type": "object", "x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": true},
          "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "x-kubernetes-preserve-unknown-fields": true,
              "properties": {"name": {"type": "string"}}}}}}}})"),
                                               "schema")};
  return kKind;
}

/// As the registry would store it: written and read.
void CheckStorable(const api::Object& object) {
  const auto again = api::codec::ParseObject(api::codec::WriteObject(object));
  Promise(again && *again == object, "what was applied can be stored");
}

}  // namespace

void RunApply(std::string_view input) {
  const auto parts = ParseJson(input, {.depth_max = 60});
  if (!parts || !parts->array() || parts->size() < 2) return;
  Json first = parts->array()->front();
  if (!first.is_object()) return;
  first["apiVersion"] = "test.dev/v1";
  first["kind"] = "Thing";
  auto live = api::codec::ObjectFromJson(std::move(first));
  if (!live) return;
  int manager = 0;
  for (std::size_t i = 1; i < parts->size(); ++i) {
    const Json& applied = (*parts->array())[i];
    const reconciler::FieldWrite write{
        .kind = Sample(), .manager = "m" + std::to_string(++manager % 2), .is_forced = true};
    if (!applied.is_object()) continue;
    auto once = reconciler::ApplyFields(write, &*live, applied);
    if (!once) {
      Promise(!once.error().message.empty(), "an error has a message");
      continue;
    }
    CheckStorable(*once);
    const auto twice = reconciler::ApplyFields(write, &*once, applied);
    Promise(twice && *twice == *once, "an apply changes nothing the second time");
    api::Object updated = *once;
    updated.body["spec"] = Json::Of({{"size", std::int64_t{manager}}});
    const reconciler::FieldWrite update{.kind = Sample(), .manager = "updater"};
    Promise(reconciler::TrackFields(update, &*once, updated).has_value(), "what was tracked is tracked on");
    CheckStorable(updated);
    live = std::move(once);
  }
}

}  // namespace fuzz
