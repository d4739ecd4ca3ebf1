#include "reconciler/source.h"

#include <map>
#include <string>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/json_at.h"

namespace reconciler {
namespace {

using api::Expected;
using api::Json;
using api::Object;
using api::schema::Kind;

/// The repository that declares it: the one that its label names, else the first; none: nobody declares anything.
SnapshotPtr FindRepository(const Store& store, const Kind& source, const Kind& kind, const Object& object) {
  const auto& labels = object.metadata.labels;
  const auto label = labels.find(kind.group + "/" + source.singular);
  if (label != labels.end()) return store.Get({source.resource(), "", label->second}).value_or(nullptr);
  const ObjectList all = store.List(source.resource(), "");
  return all.items.empty() ? nullptr : all.items.front();
}

std::string AdviceFor(const Snapshot& repository, const Object& object) {
  const auto json = api::codec::ParseJson(repository.text);
  if (!json) return "its repository";
  const std::string path = api::codec::PrintableAt(object.body, {"spec", "source", "path"});
  return (path.empty() ? "its file" : path) + " in " + api::codec::PrintableAt(*json, {"spec", "url"}) + ", branch " +
         api::codec::PrintableAt(*json, {"spec", "branch"});
}

Json DeclaredSpec(const Object& object) {
  const Json* found = object.body.Find("spec");
  Json spec = found ? *found : Json();
  spec.Erase("suspend");
  return spec;
}

std::map<std::string, std::string> DeclaredAnnotations(const Object& object, const Kind& kind) {
  auto annotations = object.metadata.annotations;
  std::erase_if(annotations, [&](const auto& one) { return one.first.starts_with(kind.group + "/"); });
  return annotations;
}

bool IsHousekeeping(const Kind& kind, const Object& before, const Object& next) {
  return DeclaredSpec(before) == DeclaredSpec(next) && before.metadata.labels == next.metadata.labels &&
         DeclaredAnnotations(before, kind) == DeclaredAnnotations(next, kind);
}

}  // namespace

Expected<void> CheckSource(const Store& store, const api::schema::Catalog& catalog, const Kind& kind,
                           const Object* before, const Object* next) {
  if (kind.declared_by.empty()) return {};
  const auto source = catalog.FindResource(api::ResourceName(kind.group, kind.declared_by));
  if (!source || (before && next && IsHousekeeping(kind, *before, *next))) return {};
  const Object& object = before ? *before : *next;
  const SnapshotPtr repository = FindRepository(store, *source, kind, object);
  if (!repository) return {};
  const std::string action = !before ? "add" : !next ? "remove" : "change";
  std::string message = "it is declared in git: " + action + " " + AdviceFor(*repository, object);
  std::string lead = kind.resource() + " \"" + object.metadata.name + "\" is forbidden: ";
  return api::Error{api::Code::kForbidden, "DeclaredInGit", lead + message, {{"spec", "DeclaredInGit", message}}};
}

}  // namespace reconciler
