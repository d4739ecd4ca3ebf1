#pragma once

#include <optional>
#include <string>

#include "api/meta/object.h"
#include "api/v1/user.h"

namespace api::v1 {

struct SlotSpec {
  std::string user{};               ///< The Linux account whose slot it is.
  std::string box{};                ///< The machine that it is on (D-02).
  std::string manifest_template{};  ///< That seeds a new slot; `template` in text.
  bool deactivated = false;         ///< The user's: a parent speaks to its children by fields of their specs.
  std::optional<UserLimits> limits{};

  bool operator==(const SlotSpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("user", self.user);
    field("box", self.box);
    field("template", self.manifest_template);
    field("deactivated", self.deactivated);
    field("limits", self.limits);
  }
};

struct SlotStatus {
  bool operator==(const SlotStatus&) const = default;
  static void Fields(auto&, auto&&) {}
};

/// A member's place on one box: ~/hero and all that runs in it.
struct Slot {
  static constexpr KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "Slot", .plural = "slots"};

  ObjectMeta metadata{};
  SlotSpec spec{};
  SlotStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
