#include "server/roles.h"

#include <algorithm>
#include <array>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace server {
namespace {

using api::schema::Kind;
using api::schema::KindPtr;

constexpr std::string_view kOwnGroup = "hero.dev";
constexpr std::string_view kReviewGroup = "authorization.k8s.io";
constexpr std::array<std::string_view, 2> kFleetPlurals{"bindings", "slots"};
constexpr std::array<std::string_view, 3> kPersonPlurals{"groups", "serviceaccounts", "users"};
constexpr std::array<std::string_view, 3> kReadVerbs{"get", "list", "watch"};
/// First words of paths that tell nothing about anybody.
constexpr std::array<std::string_view, 7> kOpenPaths{"api", "apis", "healthz", "livez", "openapi", "readyz", "version"};

Kind NameOnly(std::string group, std::string kind, std::string plural, bool is_namespaced) {
  Kind made;
  made.group = std::move(group);
  made.version = "v1";
  made.kind = std::move(kind);
  made.plural = std::move(plural);
  made.is_namespaced = is_namespaced;
  return made;
}

Where WhereOf(const Caller& caller, std::string_view verb, Sort sort) {
  const auto& table = RoleTable();
  const Role role = RoleOf(caller);
  const auto rule =
      std::find_if(table.begin(), table.end(), [&](const Rule& row) { return row.role == role && row.sort == sort; });
  if (rule == table.end()) return Where::kNowhere;
  return api::HasWord(kReadVerbs, verb) ? rule->reads : rule->writes;
}

/// Words of Kubernetes.
api::Error Forbidden(const Caller& caller, std::string_view verb, const Route& route) {
  const Kind& kind = *route.kind;
  std::string message = kind.resource();
  if (!route.name.empty()) message += " \"" + route.name + "\"";
  message += " is forbidden: User \"" + caller.name + "\" cannot " + std::string(verb) + " resource \"" + kind.plural +
             (route.subresource.empty() ? "" : "/" + route.subresource) + "\" in API group \"" + kind.group + "\" ";
  message += route.namespace_.empty() ? "at the cluster scope" : "in the namespace \"" + route.namespace_ + "\"";
  return {api::Code::kForbidden, "Forbidden", std::move(message)};
}

}  // namespace

Role RoleOf(const Caller& caller) {
  if (caller.is_operator) return Role::kOperator;
  return caller.is_member ? Role::kMember : Role::kVisitor;
}

std::string_view NameOf(Role role) {
  constexpr std::array<std::string_view, 3> kNames{"operator", "member", "visitor"};
  return kNames.at(static_cast<std::size_t>(role));
}

const std::vector<Rule>& RoleTable() {
  using enum Role;
  using enum Where;
  static const std::vector<Rule> kTable{
      {kOperator, Sort::kPlain, kEverywhere, kEverywhere},    {kOperator, Sort::kFleet, kEverywhere, kEverywhere},
      {kOperator, Sort::kSecret, kEverywhere, kEverywhere},   {kOperator, Sort::kToken, kEverywhere, kEverywhere},
      {kOperator, Sort::kSelf, kEverywhere, kEverywhere},     {kOperator, Sort::kReview, kEverywhere, kEverywhere},
      {kOperator, Sort::kPerson, kEverywhere, kEverywhere},   {kOperator, Sort::kOwnStatus, kEverywhere, kEverywhere},
      {kMember, Sort::kPlain, kEverywhere, kOwnNamespace},    {kMember, Sort::kFleet, kEverywhere, kOwnNamespace},
      {kMember, Sort::kSecret, kOwnNamespace, kOwnNamespace}, {kMember, Sort::kToken, kOwnNamespace, kOwnNamespace},
      {kMember, Sort::kSelf, kNowhere, kEverywhere},          {kMember, Sort::kReview, kNowhere, kNowhere},
      {kMember, Sort::kPerson, kNowhere, kNowhere},           {kMember, Sort::kOwnStatus, kEverywhere, kNowhere},
      {kVisitor, Sort::kPlain, kNowhere, kNowhere},           {kVisitor, Sort::kFleet, kEverywhere, kNowhere},
      {kVisitor, Sort::kSecret, kNowhere, kNowhere},          {kVisitor, Sort::kToken, kNowhere, kNowhere},
      {kVisitor, Sort::kSelf, kNowhere, kEverywhere},         {kVisitor, Sort::kReview, kNowhere, kNowhere},
      {kVisitor, Sort::kPerson, kNowhere, kNowhere},          {kVisitor, Sort::kOwnStatus, kNowhere, kNowhere},
  };
  return kTable;
}

Sort SortOf(const Kind& kind, std::string_view subresource) {
  const bool is_own = kind.group == kOwnGroup;
  if (is_own && kind.plural == "tokens") return Sort::kToken;
  if (is_own && subresource == "status") return Sort::kOwnStatus;
  if (is_own && api::HasWord(kFleetPlurals, kind.plural)) return Sort::kFleet;
  if (kind.is_review || kind.group == kReviewGroup)
    return kind.plural.starts_with("self") ? Sort::kSelf : Sort::kReview;
  if (kind.group.empty() && kind.plural == "secrets") return Sort::kSecret;
  if (kind.group.empty() && api::HasWord(kPersonPlurals, kind.plural)) return Sort::kPerson;
  return Sort::kPlain;
}

KindPtr TokenKind() {
  static const KindPtr kKind = std::make_shared<const Kind>(NameOnly("hero.dev", "Token", "tokens", true));
  return kKind;
}

KindPtr PersonKind() {
  static const KindPtr kKind = std::make_shared<const Kind>(NameOnly("", "User", "users", false));
  return kKind;
}

api::Expected<void> Authorize(const Caller& caller, std::string_view verb, const Route* route) {
  if (!route) return {};
  switch (WhereOf(caller, verb, SortOf(*route->kind, route->subresource))) {
    case Where::kEverywhere:
      return {};
    case Where::kOwnNamespace:
      if (!route->namespace_.empty() && route->namespace_ == api::codec::ObjectNameOf(caller.name)) return {};
      break;
    case Where::kNowhere:
      break;
  }
  return Forbidden(caller, verb, *route);
}

api::Expected<void> AuthorizePath(const Caller& caller, const std::vector<std::string>& segments) {
  const bool is_open = segments.empty() || api::HasWord(kOpenPaths, segments.front());
  if (is_open || RoleOf(caller) != Role::kVisitor) return {};
  std::string path;
  for (const std::string& segment : segments) path += "/" + api::codec::Printable(segment);
  return api::Error{api::Code::kForbidden, "Forbidden",
                    "forbidden: User \"" + caller.name + "\" cannot get path \"" + path + "\""};
}

std::vector<std::string> ReadablePaths(const Caller& caller) {
  if (RoleOf(caller) != Role::kVisitor) return {"*"};
  std::vector<std::string> paths;
  for (const std::string_view first : kOpenPaths) {
    paths.push_back("/" + std::string(first));
    paths.push_back("/" + std::string(first) + "/*");
  }
  return paths;
}

}  // namespace server
