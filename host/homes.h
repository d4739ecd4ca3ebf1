#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// What is in a member's home of the things that we keep there.
struct HomeState {
  bool exists = false;
  bool is_private = false;        ///< Mode 0700 and, on a real box, owned by the member.
  bool has_keys_file = false;     ///< A regular file, ~/.ssh/authorized_keys.
  std::string authorized_keys{};  ///< Its bytes. Foreign bytes: compare, never show.

  bool operator==(const HomeState&) const = default;
};

/// The homes of members, each named as passwd has it (`/home/alice`, without the box's root). No link is followed on
/// the way or in them (D-09). Thread-safe.
class Homes {
 public:
  virtual ~Homes() = default;

  /// Errors: kUnavailable when it cannot be read; kForbidden when a part of the path is a link or no regular file or
  /// directory, naming which and what to do.
  virtual api::Expected<HomeState> Look(std::string_view home) const = 0;

  /// Makes the home with mode 0700 for the account; mends the mode when it exists. Never touches what is inside.
  virtual api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) = 0;

  /// Replaces ~/.ssh/authorized_keys whole (write, fsync, rename; .ssh is 0700, the file 0600).
  virtual api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) = 0;
};

}  // namespace host
