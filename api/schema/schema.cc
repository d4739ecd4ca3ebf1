#include "api/schema/schema.h"

#include <algorithm>

#include "api/schema/node.h"

namespace api::schema {

const Schema* Schema::Property(std::string_view name) const {
  const auto& properties = node_->properties;
  const auto found =
      std::lower_bound(properties.begin(), properties.end(), name,
                       [](const SchemaNode::Property& property, std::string_view key) { return property.name < key; });
  return found != properties.end() && found->name == name ? &found->schema : nullptr;
}

std::string_view Schema::type() const { return node_->type; }

const Json* Schema::default_value() const { return node_->default_value ? &*node_->default_value : nullptr; }

std::vector<std::string_view> Schema::PropertyNames() const {
  std::vector<std::string_view> names;
  for (const SchemaNode::Property& property : node_->properties) names.push_back(property.name);
  return names;
}

const Schema* Schema::items() const { return node_->items ? &*node_->items : nullptr; }

const Schema* Schema::additional_properties() const {
  return node_->additional_properties ? &*node_->additional_properties : nullptr;
}

}  // namespace api::schema
