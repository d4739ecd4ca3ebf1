#include "cmd/heroctl/team_directory.h"

#include <memory>
#include <utility>

#include "api/codec/text.h"
#include "crds/catalog.h"
#include "host/linux/files.h"
#include "reconciler/admission.h"

namespace heroctl {
namespace {

constexpr std::size_t kKeysBytesMax = 64u << 10;  // A name a line; more is another file.

api::Expected<std::set<std::string>> ReadKeys(const std::string& path) {
  auto text = host::linux::ReadFile(path, kKeysBytesMax);
  if (!text) return text.error();
  std::set<std::string> keys;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    std::string line = text->substr(begin, end - begin);
    line.resize(std::min(line.find('#'), line.size()));
    line.erase(0, std::min(line.find_first_not_of(" \t\r"), line.size()));
    line.resize(line.find_last_not_of(" \t\r") + 1);  // npos + 1 is 0.
    if (!line.empty()) keys.insert(std::move(line));
    begin = end + 1;
  }
  return keys;
}

}  // namespace

api::Expected<OfflineRules> OfflineRules::From(const Flags& flags) {
  OfflineRules offline;
  auto catalog = crds::LoadCatalog();
  if (!catalog) return catalog.error();
  // Shared with the check that is copied out of here.
  const auto kinds = std::make_shared<const api::schema::Catalog>(*std::move(catalog));
  offline.rules_ = {
      .users = {.assignable_groups = flags.groups,
                .check = [kinds](std::string_view resource,
                                 const api::Json& spec) { return reconciler::CheckSpec(*kinds, resource, spec); }},
      .manifests = {.orgs = flags.orgs}};
  if (flags.known_keys.empty()) return offline;
  auto keys = ReadKeys(flags.known_keys);
  if (!keys) return keys.error();
  offline.org_keys_ = *std::move(keys);
  return offline;
}

}  // namespace heroctl
