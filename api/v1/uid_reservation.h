#pragma once

#include <cstdint>
#include <string>

#include "api/meta/object.h"

namespace api::v1 {

struct UidReservationSpec {
  std::int64_t uid = 0;
  std::string user{};  ///< The Linux account.

  bool operator==(const UidReservationSpec&) const = default;

  static void Fields(auto& self, auto&& field) {
    field("uid", self.uid);
    field("user", self.user);
  }
};

struct UidReservationStatus {
  static void Fields(auto&, auto&&) {}
};

/// A number that was given to a user once and for all: files of a removed member never belong to somebody else. Named
/// as its User; never deleted.
struct UidReservation {
  static constexpr KindInfo kInfo{
      .group = "hero.dev", .version = "v1", .kind = "UidReservation", .plural = "uidreservations"};
  ObjectMeta metadata{};
  UidReservationSpec spec{};
  UidReservationStatus status{};
  CommonStatus common{};
};

}  // namespace api::v1
