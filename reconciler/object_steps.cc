#include "reconciler/object_steps.h"

#include <algorithm>
#include <utility>

#include "api/codec/object.h"

namespace reconciler {
namespace {

using api::Code;
using api::Expected;

/// Nulls say "remove" in a patch and nothing in a new object.
void DropNulls(api::Json& json) {
  api::Json::Object* members = json.object();
  if (!members) return;
  std::erase_if(*members, [](const api::Json::Member& member) { return member.value.is_null(); });
  for (api::Json::Member& member : *members) DropNulls(member.value);
}

Expected<api::Object> NewObject(const PutObject& put) {
  api::Json json = put.patch;
  DropNulls(json);
  json["apiVersion"] = put.api_version;
  json["kind"] = put.kind;
  json["metadata"]["name"] = put.key.name;
  if (!put.key.namespace_.empty()) json["metadata"]["namespace"] = put.key.namespace_;
  auto object = api::codec::ObjectFromJson(std::move(json));
  if (!object) return object.error();
  object->metadata.owner_references = put.owners;
  return object;
}

}  // namespace

Expected<api::Object> ObjectOf(const Client& client, const PutObject& put) {
  auto current = client.Get(put.key);
  if (!current && current.error().code == Code::kNotFound) return NewObject(put);
  if (!current) return current.error();
  auto object = api::codec::ParseObject((*current)->text);
  if (!object) return object.error();

  api::Json json = api::codec::ObjectToJson(*object);
  api::MergePatch(json, put.patch);
  auto next = api::codec::ObjectFromJson(std::move(json));
  if (!next) return next.error();
  auto& owners = next->metadata.owner_references;
  for (const api::OwnerReference& owner : put.owners) {
    // An owner that was made anew takes its children over from the one of that name that is gone.
    std::erase_if(owners, [&](const api::OwnerReference& old) {
      return old.api_version == owner.api_version && old.kind == owner.kind && old.name == owner.name;
    });
    owners.push_back(owner);
  }
  return next;
}

Expected<Written> ApplyPut(Client& client, const PutObject& put, const WriteOptions& options) {
  auto object = ObjectOf(client, put);
  if (!object) return object.error();
  std::vector<api::Object> one;
  one.push_back(*std::move(object));
  return std::move(client.WriteAll(std::move(one), options).front());
}

Expected<Written> ApplyRemove(Client& client, const RemoveObject& remove, const WriteOptions& options) {
  auto written =
      client.Delete(remove.key, {.actor = options.actor, .is_dry_run = options.is_dry_run, .uid = remove.uid});
  if (written) return written;
  if (written.error().code == Code::kNotFound) return Written{.is_removed = true};
  if (written.error().code != Code::kConflict) return written;
  // Another one of that name stands there now, or we lost a race for this one.
  auto current = client.Get(remove.key);
  const bool is_gone = current ? (*current)->uid != remove.uid : current.error().code == Code::kNotFound;
  return is_gone ? Expected<Written>(Written{.is_removed = true}) : written;
}

Children ChildrenOf(const api::Object& object, const Informers& informers) {
  Children children;
  for (const auto& [resource, informer] : informers.all()) {
    for (const SnapshotPtr& child : informer->ListOwned(object.metadata.uid)) {
      if (child->owners.size() > 1) continue;  // Another owner keeps it.
      children.is_any_left = true;
      auto parsed = child->is_deleting ? Expected<api::Object>(api::Error{}) : api::codec::ParseObject(child->text);
      if (!parsed) continue;
      children.removals.push_back(
          {{Step{.text = {.verb = "remove",
                          .target = detail::TargetOf(parsed->kind, child->key),
                          .reason = object.kind + " " + object.metadata.name + ", which owns it, is being deleted"},
                 .effect = RemoveObject{child->key, child->uid}}}});
    }
  }
  return children;
}

}  // namespace reconciler
