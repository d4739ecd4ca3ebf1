#include "reconciler/owners.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "reconciler/admission.h"

namespace reconciler {
namespace {

using api::Cause;
using api::Code;
using api::Error;
using api::Expected;
using api::OwnerReference;
using api::schema::Kind;

bool IsSameOwner(const OwnerReference& left, const OwnerReference& right) {
  return left.api_version == right.api_version && left.kind == right.kind && left.name == right.name &&
         left.uid == right.uid;
}

std::string Named(const OwnerReference& owner) { return owner.kind + " \"" + owner.name + "\""; }

Cause Missing(const OwnerReference& owner, const Kind& kind, const std::string& namespace_, const std::string& field) {
  const std::string where =
      kind.is_namespaced ? " in the namespace \"" + namespace_ + "\", where what it owns is" : std::string();
  return {field + ".name", "FieldValueNotFound",
          "Not found: \"" + owner.name + "\": there is no " + owner.kind + " of that name" + where};
}

}  // namespace

Expected<void> CheckNewOwners(const Store& store, const api::schema::Catalog& catalog, const Kind& kind,
                              const api::ObjectMeta& metadata, const std::vector<OwnerReference>& before) {
  std::vector<Cause> causes;
  std::optional<Error> deleting;
  for (std::size_t i = 0; i < metadata.owner_references.size(); ++i) {
    const OwnerReference& owner = metadata.owner_references[i];
    if (std::any_of(before.begin(), before.end(), [&](const auto& old) { return IsSameOwner(old, owner); })) continue;
    const std::string field = "metadata.ownerReferences[" + std::to_string(i) + "]";
    const api::schema::KindPtr owner_kind = catalog.FindKind(owner.api_version, owner.kind);
    if (!owner_kind) {
      causes.push_back({field + ".kind", "FieldValueInvalid",
                        "Invalid value: \"" + owner.kind + "\": this server has no such kind in " + owner.api_version});
      continue;
    }
    if (owner_kind->is_namespaced && !kind.is_namespaced) {
      causes.push_back({field, "FieldValueForbidden",
                        "Forbidden: a cluster-scoped " + kind.kind + " cannot be owned by a namespaced " + owner.kind});
      continue;
    }
    const auto found =
        store.Get({owner_kind->resource(), owner_kind->is_namespaced ? metadata.namespace_ : "", owner.name});
    if (!found)
      causes.push_back(Missing(owner, *owner_kind, metadata.namespace_, field));
    else if ((*found)->uid != owner.uid)
      causes.push_back({field + ".uid", "FieldValueInvalid",
                        "Invalid value: \"" + owner.uid.value + "\": " + Named(owner) +
                            " is another one now, with the uid " + (*found)->uid.value});
    else if ((*found)->is_deleting)
      deleting = Error{Code::kForbidden, "OwnerDeleting",
                       "cannot put " + metadata.name + " under " + Named(owner) + ": it is being deleted"};
  }
  if (!causes.empty()) return InvalidObject(kind, metadata.name, std::move(causes));
  if (deleting) return *std::move(deleting);
  return {};
}

}  // namespace reconciler
