#include <cmath>

#include "api/codec/text.h"
#include "api/schema/node.h"

/// Prune and ApplyDefaults: what brings a value into the schema's shape before it is validated.
namespace api::schema {
namespace {

constexpr std::size_t kRemovedMax = 100;  // As many as Validate gives causes.

std::string Join(const std::string& path, std::string_view name) {
  const std::string shown = codec::Printable(name, kShownKeyBytesMax);
  return path.empty() ? shown : path + "." + shown;
}

bool IsResourceMember(std::string_view name) { return name == "apiVersion" || name == "kind" || name == "metadata"; }

/// The schema of one member, null when the node does not declare it.
const Schema* MemberSchema(const Schema& schema, std::string_view name) {
  const Schema* declared = schema.Property(name);
  return declared ? declared : schema.additional_properties();
}

bool KeepsUndeclared(const SchemaNode& node) { return node.keeps_unknown || node.allows_any_member; }

void MakeWhole(Json& value) {
  const auto real = value.number();
  if (!real || value.is_integer() || std::trunc(*real) != *real) return;
  if (*real >= -0x1p63 && *real < 0x1p63) value = Json(static_cast<std::int64_t>(*real));
}

void PruneValue(const Schema& schema, Json& value, const std::string& path, std::vector<std::string>& removed);

void PruneMembers(const Schema& schema, Json::Object& members, const std::string& path,
                  std::vector<std::string>& removed) {
  const SchemaNode& node = schema.node();
  Json::Object kept;
  kept.reserve(members.size());
  for (Json::Member& member : members) {
    const Schema* inner = MemberSchema(schema, member.key);
    const bool is_free = node.is_resource && IsResourceMember(member.key);
    if (!is_free && !inner && !KeepsUndeclared(node)) {
      if (removed.size() < kRemovedMax) removed.push_back(Join(path, member.key));
      continue;
    }
    if (!is_free && inner) {
      if (member.value.is_null() && !inner->node().is_nullable) continue;
      PruneValue(*inner, member.value, Join(path, member.key), removed);
    }
    kept.push_back(std::move(member));
  }
  members = std::move(kept);
}

void PruneValue(const Schema& schema, Json& value, const std::string& path, std::vector<std::string>& removed) {
  if (Json::Object* members = value.object()) {
    const bool is_declared = schema.type() == "object" || schema.type().empty();
    if (is_declared) PruneMembers(schema, *members, path, removed);
  } else if (Json::Array* elements = value.array()) {
    for (std::size_t i = 0; schema.items() && i < elements->size(); ++i)
      PruneValue(*schema.items(), (*elements)[i], path + "[" + std::to_string(i) + "]", removed);
  } else if (schema.type() == "integer") {
    MakeWhole(value);
  }
}

}  // namespace

std::vector<std::string> Schema::Prune(Json& value) const {
  std::vector<std::string> removed;
  PruneValue(*this, value, "", removed);
  return removed;
}

void Schema::ApplyDefaults(Json& value) const {
  if (Json::Array* elements = value.array()) {
    for (std::size_t i = 0; items() && i < elements->size(); ++i) items()->ApplyDefaults((*elements)[i]);
    return;
  }
  if (!value.is_object()) return;
  for (const SchemaNode::Property& property : node_->properties) {
    const Json* default_value = property.schema.default_value();
    if (default_value && !value.Find(property.name)) value[property.name] = *default_value;
  }
  for (Json::Member& member : *value.object()) {
    const bool is_free = node_->is_resource && IsResourceMember(member.key);
    if (const Schema* inner = MemberSchema(*this, member.key); inner && !is_free) inner->ApplyDefaults(member.value);
  }
}

}  // namespace api::schema
