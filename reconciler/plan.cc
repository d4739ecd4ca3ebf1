#include "reconciler/plan.h"

#include <algorithm>

#include "api/codec/json.h"

namespace reconciler {

std::string Describe(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.chains.size(); ++i)
    for (const Step& step : plan.chains[i].steps)
      text += std::to_string(i) + " " + step.Sentence() + " [" + step.text.desired + "]\n";
  for (const api::Error& problem : plan.problems)
    text += "! " + std::string(CodeName(problem.code)) + " " + problem.reason + ": " + problem.message + "\n";
  for (const api::Condition& condition : plan.conditions)
    text += "= " + condition.type + " " + std::string(ToString(condition.status)) + " " + condition.reason + ": " +
            condition.message + "\n";
  return text;
}

const StepResult* Results::Find(std::string_view id) const {
  const auto found =
      std::find_if(steps.rbegin(), steps.rend(), [&](const StepResult& result) { return result.id == id; });
  return found == steps.rend() ? nullptr : &*found;
}

namespace detail {
namespace {

bool Includes(const std::map<std::string, std::string>& have, const std::map<std::string, std::string>& want) {
  return std::all_of(want.begin(), want.end(), [&](const auto& entry) {
    const auto found = have.find(entry.first);
    return found != have.end() && found->second == entry.second;
  });
}

}  // namespace

bool HasMetadata(const api::ObjectMeta& have, const api::ObjectMeta& want) {
  const auto is_there = [&](const api::OwnerReference& owner) {
    return std::find(have.owner_references.begin(), have.owner_references.end(), owner) != have.owner_references.end();
  };
  return Includes(have.labels, want.labels) && Includes(have.annotations, want.annotations) &&
         std::all_of(want.owner_references.begin(), want.owner_references.end(), is_there);
}

std::string Difference(const api::Json& have, const api::Json& want) {
  std::string names;
  for (const api::Json::Member& member : *want.object()) {
    const api::Json* other = have.Find(member.key);
    if (other && *other == member.value) continue;
    names += (names.empty() ? "" : ", ") + member.key;
  }
  return names.empty() ? "differs in metadata" : "differs in " + names;
}

void NullRemoved(const api::Json& had, api::Json& want) {
  const api::Json::Object* members = had.object();
  if (!members || !want.is_object()) return;
  for (const api::Json::Member& member : *members) {
    if (api::Json* kept = want.Find(member.key))
      NullRemoved(member.value, *kept);
    else
      want[member.key] = api::Json();
  }
}

std::string TargetOf(std::string_view kind, const api::ObjectKey& key) {
  return std::string(kind) + " " + (key.namespace_.empty() ? "" : key.namespace_ + "/") + key.name;
}

Step MakePut(api::ObjectKey key, std::string api_version, std::string kind, const api::ObjectMeta& metadata,
             api::Json spec, std::string reason, bool is_new) {
  PutObject put{.key = std::move(key), .api_version = std::move(api_version), .kind = std::move(kind)};
  put.patch["spec"] = std::move(spec);
  for (const auto& [name, value] : metadata.labels) put.patch["metadata"]["labels"][name] = value;
  for (const auto& [name, value] : metadata.annotations) put.patch["metadata"]["annotations"][name] = value;
  put.owners = metadata.owner_references;
  StepText text{is_new ? "create" : "update", TargetOf(put.kind, put.key), std::move(reason),
                api::codec::Sha256Hex(api::codec::WriteJson(put.patch))};
  return {std::move(text), std::move(put)};
}

}  // namespace detail
}  // namespace reconciler
