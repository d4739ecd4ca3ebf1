#pragma once

#include <string>
#include <string_view>

#include "host/homes.h"

namespace host::passwd {

/// The homes of a rootless box, below its root, owned by whoever started it: no owner is changed. Every part of a path
/// is opened from the root on without following a link (D-09), so a home, .ssh or a key file that is one is refused.
class SandboxHomes final : public Homes {
 public:
  /// `root` is the box's root, which exists.
  explicit SandboxHomes(std::string root) : root_(std::move(root)) {}

  api::Expected<HomeState> Look(std::string_view home) const override;
  api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) override;
  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override;

 private:
  // Constant after construction.
  std::string root_;
};

}  // namespace host::passwd
