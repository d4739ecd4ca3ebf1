#pragma once

#include <stdexcept>
#include <string_view>

#include "api/codec/yaml.h"
#include "api/meta/json.h"

namespace tests {

inline constexpr const char* kWidgets = "/apis/shop.example.com/v1/namespaces/default/widgets";

/// A third party's kind.
inline constexpr std::string_view kWidgetCrd = R"yaml(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      additionalPrinterColumns: [{name: Color, type: string, jsonPath: .spec.color}]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                color: {type: string, enum: [red, blue], default: red}
                size: {type: integer, maximum: 10}
            status: {type: object, properties: {seen: {type: integer}}}
)yaml";

inline api::Json WidgetCrd() {
  const auto documents = api::codec::ParseYaml(kWidgetCrd, "widget_kind.h");
  if (!documents) throw std::runtime_error(documents.error().message);
  return documents->front();
}

}  // namespace tests
