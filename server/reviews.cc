#include "server/reviews.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/codec/fields.h"
#include "api/codec/json.h"
#include "api/codec/object.h"
#include "api/meta/words.h"
#include "server/body.h"
#include "server/roles.h"
#include "server/status.h"

namespace server {
namespace {

using api::Expected;
using api::Json;
using api::schema::Catalog;
using api::schema::Kind;
using api::schema::KindPtr;

struct ResourceAttributes {
  std::string namespace_{};
  std::string verb{};
  std::string group{};
  std::string version{};
  std::string resource{};
  std::string subresource{};
  std::string name{};

  static void Fields(auto& self, auto&& field) {
    field("namespace", self.namespace_);
    field("verb", self.verb);
    field("group", self.group);
    field("version", self.version);
    field("resource", self.resource);
    field("subresource", self.subresource);
    field("name", self.name);
  }
};

struct NonResourceAttributes {
  std::string path{};
  std::string verb{};

  static void Fields(auto& self, auto&& field) {
    field("path", self.path);
    field("verb", self.verb);
  }
};

struct AccessQuestion {
  std::optional<ResourceAttributes> resource{};
  std::optional<NonResourceAttributes> path{};

  static void Fields(auto& self, auto&& field) {
    field("resourceAttributes", self.resource);
    field("nonResourceAttributes", self.path);
  }
};

struct RulesQuestion {
  std::string namespace_{};

  static void Fields(auto& self, auto&& field) { field("namespace", self.namespace_); }
};

/// A kind that nobody serves, for which the answer is the same as for a request about it.
KindPtr UnknownKind(std::string_view group, std::string_view plural) {
  return std::make_shared<const Kind>(
      Kind{.group = std::string(group), .plural = std::string(plural), .is_namespaced = true});
}

Route RouteOf(const Catalog& catalog, const ResourceAttributes& asked) {
  KindPtr kind = catalog.FindResource(api::ResourceName(asked.group, asked.resource));
  if (!kind) kind = UnknownKind(asked.group, asked.resource);
  Route route{.kind = std::move(kind), .name = asked.name, .subresource = asked.subresource};
  if (route.kind->is_namespaced) route.namespace_ = asked.namespace_;
  route.is_everywhere = route.kind->is_namespaced && route.namespace_.empty();
  return route;
}

Json Strings(const std::vector<std::string>& texts) { return api::codec::Encode(texts); }

Json Rule(const std::vector<std::string>& verbs, const std::string& group, const std::vector<std::string>& resources) {
  return Json::Of({{"verbs", Strings(verbs)}, {"apiGroups", Strings({group})}, {"resources", Strings(resources)}});
}

/// What a caller may do with one resource.
struct Allowed {
  std::string group{};
  std::vector<std::string> verbs{};
  std::vector<std::string> resources{};
};

std::vector<std::string> AllowedVerbs(const Caller& caller, const Route& route) {
  constexpr std::array<std::string_view, 8> kVerbs{"get",    "list",  "watch",  "create",
                                                   "update", "patch", "delete", "deletecollection"};
  constexpr std::array<std::string_view, 3> kStatusVerbs{"get", "update", "patch"};
  std::vector<std::string> verbs;
  for (const std::string_view verb : kVerbs) {
    if (route.kind->is_review && verb != "create") continue;
    if (!route.subresource.empty() && !api::HasWord(kStatusVerbs, verb)) continue;
    if (Authorize(caller, verb, &route)) verbs.emplace_back(verb);
  }
  return verbs;
}

/// One rule for all kinds of a group with which the same may be done.
std::vector<Allowed> RulesFor(const Catalog& catalog, const Caller& caller, const std::string& namespace_) {
  std::vector<Allowed> rules;
  const auto add = [&](const Kind& kind, const Route& route, const std::string& resource) {
    std::vector<std::string> verbs = AllowedVerbs(caller, route);
    if (verbs.empty()) return;
    const auto same = std::find_if(rules.begin(), rules.end(), [&](const Allowed& rule) {
      return rule.group == kind.group && rule.verbs == verbs;
    });
    if (same != rules.end())
      same->resources.push_back(resource);
    else
      rules.push_back({.group = kind.group, .verbs = std::move(verbs), .resources = {resource}});
  };
  for (const KindPtr& kind : catalog.kinds()) {
    Route route{.kind = kind, .namespace_ = kind->is_namespaced ? namespace_ : ""};
    add(*kind, route, kind->plural);
    route.subresource = "status";
    if (kind->has_status) add(*kind, route, kind->plural + "/status");
  }
  return rules;
}

/// `spec` of a review as what it asks; without one nothing is asked.
template <class Question>
Expected<Question> QuestionOf(const api::Object& review) {
  const Json* spec = review.body.Find("spec");
  if (!spec || spec->is_null()) return Question{};
  auto question = api::codec::Decode<Question>(*spec, {.path = "spec"});
  if (!question) return BadRequest(review.kind + " cannot be handled: " + question.error().message);
  return question;
}

Expected<Json> MayI(const Catalog& catalog, const Caller& caller, const Kind& kind, const api::Object& review) {
  const auto asked = QuestionOf<AccessQuestion>(review);
  if (!asked) return asked.error();
  if (asked->resource.has_value() == asked->path.has_value())
    return reconciler::InvalidObject(
        kind, "",
        {{"spec.resourceAttributes", "FieldValueInvalid",
          "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified"}});
  Expected<void> allowed;
  if (asked->resource) {
    const Route route = RouteOf(catalog, *asked->resource);
    allowed = Authorize(caller, asked->resource->verb, &route);
  } else {
    const auto target = ParseTarget(asked->path->path);
    if (!target) return BadRequest(target.error().message);
    allowed = AuthorizePath(caller, target->segments);
  }
  Json status = Json::Of({{"allowed", allowed.has_value()}});
  if (!allowed) status["reason"] = allowed.error().message;
  return status;
}

Expected<Json> WhatMayI(const Catalog& catalog, const Caller& caller, const api::Object& review) {
  const auto asked = QuestionOf<RulesQuestion>(review);
  if (!asked) return asked.error();
  Json rules{Json::Array{}};
  const Route anything{.kind = UnknownKind("*", "*"), .namespace_ = asked->namespace_};
  if (Authorize(caller, "*", &anything)) {
    rules.Append(Rule({"*"}, "*", {"*"}));
  } else {
    for (const Allowed& one : RulesFor(catalog, caller, asked->namespace_))
      rules.Append(Rule(one.verbs, one.group, one.resources));
  }
  Json paths{Json::Array{}};
  paths.Append(Json::Of({{"verbs", Strings({"get"})}, {"nonResourceURLs", Strings(ReadablePaths(caller))}}));
  return Json::Of({{"resourceRules", std::move(rules)}, {"nonResourceRules", std::move(paths)}, {"incomplete", false}});
}

Json WhoAmI(const Caller& caller) {
  const std::string role = "hero:" + std::string(NameOf(RoleOf(caller))) + "s";
  return Json::Of(
      {{"userInfo", Json::Of({{"username", caller.name}, {"groups", Strings({role, "system:authenticated"})}})}});
}

Expected<Json> StatusOf(const Catalog& catalog, const Caller& caller, const Kind& kind, const api::Object& review) {
  if (kind.kind == "SelfSubjectAccessReview") return MayI(catalog, caller, kind, review);
  if (kind.kind == "SelfSubjectRulesReview") return WhatMayI(catalog, caller, review);
  return WhoAmI(caller);
}

}  // namespace

Response AnswerReview(const Backend& backend, const Request& request, const Route& route) {
  constexpr std::string_view kOptions = "CreateOptions";
  const auto options = ReadWriteOptions(request, kOptions);
  if (!options) return Refuse(options.error(), Subject::OfOptions(kOptions));
  auto body = ReadJsonBody(request, route);
  if (!body) return Refuse(body.error());
  Subject subject = Subject::Of(*route.kind);
  auto received = ReadObject(*std::move(body), route, options->field_validation, subject);
  if (!received) return Refuse(received.error(), subject);
  auto status = StatusOf(backend.catalog, request.caller, *route.kind, received->object);
  if (!status) return Refuse(status.error(), subject);
  received->object.body["status"] = *std::move(status);
  return JsonResponse(201, api::codec::WriteObject(received->object));
}

}  // namespace server
