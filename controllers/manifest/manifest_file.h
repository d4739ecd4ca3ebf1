#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/codec/toml.h"
#include "api/meta/expected.h"
#include "api/v1/manifest.h"

namespace controllers {

/// What a manifest may say on this box.
struct ManifestRules {
  std::vector<std::string> orgs{};  ///< Of repositories that it may name ([repos].orgs of herod.toml).
  bool may_have_state = false;      ///< `[state.*]`: tools write it into a member's manifest; a template has none.
};

struct ManifestFile {
  api::v1::Manifest manifest{};
  api::codec::TomlDocument document{};  ///< For places in the file.
};

/// Reads `[[bind]]` and `[claude]`: a template, or a member's dev_manifest.toml, which is untrusted input (SEC-49).
/// Errors: kInvalid `InvalidFile` with path, line, column and what is allowed: what no TOML is, an unknown key, a wrong
/// type, a service that is none or whose short name (without `hero_`) another one has, a repository that is not
/// org/name of an org of the box, a branch that git would not take, `from` that is none, a hash without `from =
/// "hash"` or none with it, a need that no row names.
api::Expected<ManifestFile> ReadManifestFile(std::string_view text, const std::string& path,
                                             const ManifestRules& rules);

/// `slides` of `hero_slides`: what URLs and sockets are called after.
std::string_view ShortNameOf(std::string_view service);

}  // namespace controllers
