#pragma once

#include <string>

#include "api/meta/object.h"

namespace api::v1 {

struct OrgKeySpec {
  std::string slot{};  ///< `ORG_CLAUDE_KEY_1`: what a member's `key_secret_name` names.

  bool operator==(const OrgKeySpec&) const = default;

  static void Fields(auto& self, auto&& field) { field("slot", self.slot); }
};

struct OrgKeyStatus {
  static void Fields(auto&, auto&&) {}
};

/// A key of the organisation that members may be assigned, by its name. The key itself is not in it.
struct OrgKey {
  static constexpr KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "OrgKey", .plural = "orgkeys"};
  ObjectMeta metadata{};
  OrgKeySpec spec{};
  OrgKeyStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
