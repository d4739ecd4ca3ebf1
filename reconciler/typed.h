#pragma once

#include <string>
#include <string_view>

#include "api/codec/object.h"
#include "reconciler/client.h"
#include "reconciler/object_steps.h"
#include "reconciler/plan.h"

/// The client with kinds instead of text, for programs that use it directly. Controllers read through a Reader and
/// write through their plan.
namespace reconciler {

/// Errors: kNotFound; kInvalid when the stored object does not fit the type.
template <class Kind>
api::Expected<Kind> Get(const Client& client, std::string_view name, std::string_view namespace_ = "") {
  auto snapshot = client.Get({api::ResourceName(Kind::kInfo), std::string(namespace_), std::string(name)});
  if (!snapshot) return snapshot.error();
  auto object = api::codec::ParseObject((*snapshot)->text);
  if (!object) return object.error();
  return api::codec::FromObject<Kind>(*object);
}

/// Makes the object's spec, labels and owners as in `want`, and leaves the rest of it alone. Errors: those of Create
/// and Update.
template <class Kind>
api::Expected<void> Put(Client& client, const Kind& want, const WriteOptions& options) {
  Chain chain;
  chain.Put(want, static_cast<const Kind*>(nullptr));
  auto written = ApplyPut(client, std::get<PutObject>(chain.steps.front().effect), options);
  if (!written) return written.error();
  return {};
}

}  // namespace reconciler
