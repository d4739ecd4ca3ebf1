#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "host/homes.h"
#include "host/linux/files.h"

namespace host::sandbox {

/// The homes of a rootless box, below its root, owned by whoever started it: no owner is changed. Every part of a path
/// is opened from the root on without following a link (D-09), so a home, .ssh or a key file that is one is refused.
class SandboxHomes final : public Homes {
 public:
  /// `root` is the box's root, which exists.
  explicit SandboxHomes(std::string root) : root_(std::move(root)) {}

  /// Of authorized_keys at most one byte more than kKeysBytesMax, so that a longer one differs from anything that we
  /// write.
  api::Expected<HomeState> Look(std::string_view home) const override;
  api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) override;
  /// Errors: kNotFound without a home, kInvalid for more than kKeysBytesMax, kForbidden as Look.
  api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) override;

  // What we read of a file in a home at all (D-09); a key is 0.1 to 0.8 KB.
  static constexpr std::size_t kKeysBytesMax = 64u << 10;

 private:
  api::Expected<linux::Fd> OpenHome(std::string_view home) const;

  // Constant after construction.
  std::string root_;
};

}  // namespace host::sandbox
