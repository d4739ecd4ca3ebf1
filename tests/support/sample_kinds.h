#pragma once

#include <stdexcept>
#include <string_view>
#include <utility>

#include "api/codec/yaml.h"
#include "api/schema/schema.h"

namespace tests {

/// A namespaced kind with everything that the wire has to carry: defaults, bounds, lists, columns, a status.
inline constexpr std::string_view kSlotCrd = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: slots.hero.dev}
spec:
  group: hero.dev
  scope: Namespaced
  names: {plural: slots, singular: slot, kind: Slot, listKind: SlotList, shortNames: [sl], categories: [all, hero]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      additionalPrinterColumns:
        - {name: Size, type: integer, jsonPath: .spec.size, description: Number of units}
        - {name: Image, type: string, jsonPath: .spec.image, priority: 1}
        - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer, minimum: 1, maximum: 10}
                image: {type: string, pattern: '^[a-z]+:[0-9]+$'}
                mode: {type: string, enum: [Fast, Slow], default: Fast}
                tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
                labels: {type: object, additionalProperties: {type: string}}
                ports:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items:
                    type: object
                    required: [name, port]
                    properties: {name: {type: string}, port: {type: integer}}
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
)yaml";

/// A cluster-scoped kind without columns.
inline constexpr std::string_view kUserCrd = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: users.hero.dev}
spec:
  group: hero.dev
  scope: Cluster
  names: {plural: users, singular: user, kind: User, listKind: UserList}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
)yaml";

/// Slot, User, and Event of the core group, which has no schema.
inline api::schema::Catalog SampleKinds() {
  api::schema::Catalog catalog;
  const auto add = [&](auto kind) {
    if (!kind) throw std::runtime_error(kind.error().message);
    if (auto added = catalog.Add(*std::move(kind)); !added) throw std::runtime_error(added.error().message);
  };
  for (const std::string_view text : {kSlotCrd, kUserCrd}) {
    const auto documents = api::codec::ParseYaml(text, "sample_kinds.h");
    if (!documents) throw std::runtime_error(documents.error().message);
    add(api::schema::KindFromCrd(documents->front()));
  }
  add(api::Expected<api::schema::Kind>(api::schema::Kind{.version = "v1",
                                                         .kind = "Event",
                                                         .list_kind = "EventList",
                                                         .plural = "events",
                                                         .singular = "event",
                                                         .short_names = {"ev"},
                                                         .is_namespaced = true}));
  return catalog;
}

}  // namespace tests
