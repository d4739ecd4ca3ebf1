#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "api/codec/object.h"
#include "reconciler/store.h"

namespace tests {

inline constexpr const char* kThings = "things.test.dev";

inline api::ObjectKey ThingKey(const std::string& name) { return {kThings, "", name}; }

/// Makes the object `name` hold `value`.
inline reconciler::Mutation WriteThing(const std::string& name, std::int64_t value, api::ResourceVersion expected = {},
                                       const std::string& ballast = "") {
  api::Object object{.api_version = "test.dev/v1", .kind = "Thing", .metadata = {.name = name, .uid = {"uid-" + name}}};
  object.body["spec"]["value"] = value;
  if (!ballast.empty()) object.body["spec"]["ballast"] = ballast;
  return {.draft = reconciler::MakeDraft(ThingKey(name), object), .expected = expected};
}

inline reconciler::Mutation RemoveThing(const std::string& name, api::ResourceVersion expected) {
  reconciler::Mutation removal = WriteThing(name, 0, expected);
  removal.is_removal = true;
  return removal;
}

inline std::int64_t ValueOf(const reconciler::SnapshotPtr& snapshot) {
  const auto object = api::codec::ParseObject(snapshot->text);
  if (!object) throw std::runtime_error(object.error().message);
  return *object->body.At({"spec", "value"})->integer();
}

inline std::unique_ptr<reconciler::Store> OpenStore(const std::string& path, reconciler::StoreOptions options = {}) {
  options.path = path;
  auto store = reconciler::Store::Open(std::move(options));
  if (!store) throw std::runtime_error(store.error().message);
  return *std::move(store);
}

}  // namespace tests
