#include "cmd/heroctl/objects.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "client/wire_format.h"

namespace heroctl {
namespace {

using api::Expected;
using api::Json;
using api::schema::Catalog;
using api::schema::Kind;
using api::schema::KindPtr;

Expected<KindPtr> FindKind(const Catalog& kinds, std::string_view typed) {
  if (KindPtr kind = kinds.FindTyped(typed)) return kind;
  return UsageError("the server doesn't have a resource type \"" + std::string(typed) + "\"; see heroctl kinds");
}

/// `user/alice team/core`: objects of one kind stand together, in the order of their first.
Expected<std::vector<Asked>> ReadPairs(const Catalog& kinds, const std::vector<std::string>& typed) {
  std::vector<Asked> asked;
  for (const std::string& text : typed) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || slash + 1 == text.size())
      return UsageError("\"" + text + "\" is no KIND/NAME, and the arguments before it are");
    auto kind = FindKind(kinds, std::string_view(text).substr(0, slash));
    if (!kind) return kind.error();
    auto found = std::find_if(asked.begin(), asked.end(), [&](const Asked& one) { return one.kind == *kind; });
    if (found == asked.end()) found = asked.insert(asked.end(), {.kind = *kind});
    found->names.push_back(api::codec::ObjectNameOf(text.substr(slash + 1)));
  }
  return asked;
}

Expected<std::vector<Asked>> ReadKinds(const Catalog& kinds, const std::vector<std::string>& typed) {
  std::vector<Asked> asked;
  std::string_view rest = typed.front();
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    auto kind = FindKind(kinds, name);
    if (!kind) return kind.error();
    Asked& one = asked.emplace_back(Asked{.kind = *kind});
    for (std::size_t i = 1; i < typed.size(); ++i) one.names.push_back(api::codec::ObjectNameOf(typed[i]));
  }
  return asked;
}

}  // namespace

Expected<AskedObjects> ReadObjects(const Session& session, const Flags& flags) {
  if (flags.objects.empty() || flags.objects.front().empty())
    return UsageError("which kind? For example: heroctl get users");
  auto kinds = session.client.Kinds();
  if (!kinds) return kinds.error();
  const bool is_pairs = flags.objects.front().find('/') != std::string::npos;
  auto asked = is_pairs ? ReadPairs(**kinds, flags.objects) : ReadKinds(**kinds, flags.objects);
  if (!asked) return asked.error();
  for (const Asked& one : *asked) {
    if (one.names.empty()) continue;
    if (!flags.selector.empty()) return UsageError("names and a selector exclude each other");
    if (flags.is_everywhere && one.kind->is_namespaced)
      return UsageError("an object cannot be looked up by name in all namespaces");
  }
  return AskedObjects{.kinds = *std::move(kinds), .asked = *std::move(asked)};
}

std::string NamespaceFor(const Kind& kind, const Flags& flags) {
  return kind.is_namespaced && !flags.is_everywhere ? api::codec::ObjectNameOf(flags.namespace_) : "";
}

std::string NameLine(const Kind& kind, std::string_view name) {
  return kind.singular + (kind.group.empty() ? "" : "." + kind.group) + "/" + api::codec::Printable(name);
}

Expected<std::vector<Json>> FetchObjects(const Session& session, const Flags& flags, const Asked& asked) {
  const std::string namespace_ = NamespaceFor(*asked.kind, flags);
  std::vector<Json> objects;
  for (const std::string& name : asked.names) {
    auto object = session.client.Fetch(client::PathOf(*asked.kind, namespace_, name));
    if (!object) return object.error();
    objects.push_back(*std::move(object));
  }
  if (!asked.names.empty()) return objects;
  std::vector<std::pair<std::string, std::string>> query;
  if (!flags.selector.empty()) query.emplace_back("labelSelector", flags.selector);
  auto list = session.client.Fetch(client::PathOf(*asked.kind, namespace_) + client::QueryOf(query));
  if (!list) return list.error();
  if (Json* items = list->Find("items"); items && items->array())
    for (Json& item : *items->array()) objects.push_back(std::move(item));
  return objects;
}

Expected<std::vector<api::ObjectKey>> ReadKeys(const Session& session, const Flags& flags,
                                               const AskedObjects& objects) {
  std::vector<api::ObjectKey> keys;
  for (const Asked& asked : objects.asked) {
    const std::string resource = asked.kind->resource();
    for (const std::string& name : asked.names) keys.push_back({resource, NamespaceFor(*asked.kind, flags), name});
    if (!asked.names.empty()) continue;
    if (!flags.is_all && flags.selector.empty())
      return UsageError("which " + asked.kind->plural + "? Give names, --all or -l");
    const auto fetched = FetchObjects(session, flags, asked);
    if (!fetched) return fetched.error();
    for (const Json& object : *fetched) keys.push_back(KeyOf(*asked.kind, object));
  }
  return keys;
}

api::ObjectKey KeyOf(const Kind& kind, const Json& object) {
  const Json* namespace_ = kind.is_namespaced ? object.At({"metadata", "namespace"}) : nullptr;
  const Json* name = object.At({"metadata", "name"});
  return {kind.resource(), namespace_ ? namespace_->StringOr("") : "", name ? name->StringOr("") : ""};
}

}  // namespace heroctl
