#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "api/codec/fields.h"
#include "api/meta/object.h"

namespace api::codec {

/// Objects as Kubernetes writes them. Metadata that this project does not keep is dropped. Errors: kInvalid with the
/// field.
Expected<Object> ObjectFromJson(Json json);
Json ObjectToJson(const Object& object);

/// Text from the store or the wire; guarded as ParseJson is.
Expected<Object> ParseObject(std::string_view text);
std::string WriteObject(const Object& object);

Json ConditionToJson(const Condition& condition);
/// `status.observedGeneration`, `status.conditions` and `status.handled`; what is malformed there is left out, for the
/// engine rewrites it.
CommonStatus CommonStatusOf(const Object& object);
/// Sets those members of a status and leaves the others; `handled` goes when nothing is.
void PutCommonStatus(const CommonStatus& common, Json& status);

/// A kind of api/v1 from an object of any kind. Unknown fields are ignored: the schema has pruned them. Errors:
/// kInvalid with the path of the field that has another type.
template <class Kind>
Expected<Kind> FromObject(const Object& object) {
  Kind typed{.metadata = object.metadata};
  if (const Json* spec = object.body.Find("spec")) {
    auto decoded = Decode<decltype(typed.spec)>(*spec, {.path = "spec"});
    if (!decoded) return decoded.error();
    typed.spec = *std::move(decoded);
  }
  if (const Json* status = object.body.Find("status")) {
    auto decoded = Decode<decltype(typed.status)>(*status, {.path = "status"});
    if (!decoded) return decoded.error();
    typed.status = *std::move(decoded);
  }
  typed.common = CommonStatusOf(object);
  return typed;
}

/// `Kind::kInfo`'s apiVersion.
std::string ApiVersionOf(const KindInfo& info);

/// An object to be created: metadata and spec; status is its controller's to report.
template <class Kind>
Object ToObject(const Kind& typed) {
  Object object{
      .api_version = ApiVersionOf(Kind::kInfo), .kind = std::string(Kind::kInfo.kind), .metadata = typed.metadata};
  object.body["spec"] = Encode(typed.spec);
  return object;
}

}  // namespace api::codec
