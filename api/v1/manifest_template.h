#pragma once

#include <string>
#include <vector>

#include "api/meta/object.h"
#include "api/v1/manifest.h"
#include "api/v1/source.h"

namespace api::v1 {

struct ManifestTemplateSpec {
  std::string role{};  ///< The file's stem; the object's name is its codec::EncodeName.
  std::string text{};  ///< The whole file: with its comments it becomes a new slot's manifest.
  std::vector<Bind> bind{};
  ClaudeChoice claude{};
  FileSource source{};

  bool operator==(const ManifestTemplateSpec&) const = default;

  static void Fields(auto& self, auto&& field) {
    field("role", self.role);
    field("text", self.text);
    field("bind", self.bind);
    field("claude", self.claude);
    field("source", self.source);
  }
};

struct ManifestTemplateStatus {
  static void Fields(auto&, auto&&) {}
};

/// What a new slot starts with, as `manifest_templates/<role>.toml` of hero_team has it. It does nothing by itself.
struct ManifestTemplate {
  static constexpr KindInfo kInfo{
      .group = "hero.dev", .version = "v1", .kind = "ManifestTemplate", .plural = "manifesttemplates"};
  ObjectMeta metadata{};
  ManifestTemplateSpec spec{};
  ManifestTemplateStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
