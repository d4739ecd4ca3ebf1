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
  bool is_private = false;             ///< Mode 0700 and, on a real box, owned by the member.
  bool has_keys_file = false;          ///< A regular file, ~/.ssh/authorized_keys.
  std::string authorized_keys{};       ///< Its bytes. Foreign bytes: compare, never show.
  bool is_keys_file_replaced = false;  ///< A link, FIFO or socket stands in its place, or whatever is no directory in
                                       ///< that of .ssh: writing puts the file there instead, renames such a .ssh to
                                       ///< .ssh.set-aside, and does nothing to what a link names.
  bool is_keys_file_exposed = false;  ///< Others can or could read or change it: .ssh is not 0700, the file is not 0600
                                      ///< or has a second name or, on a real box, one is not the member's.

  bool operator==(const HomeState&) const = default;
};

/// The homes of members, each named as passwd has it (`/home/alice`, without the box's root). No link is followed on
/// the way or in them (D-09). Thread-safe.
class Homes {
 public:
  virtual ~Homes() = default;

  /// Errors: kUnavailable when it cannot be read; kForbidden when a part of the way to the home is a link or no
  /// directory, naming which and what to do. In the place of the key file only a directory is refused.
  virtual api::Expected<HomeState> Look(std::string_view home) const = 0;

  /// Makes the home with mode 0700 for the account, on a real box with a copy of /etc/skel; mends mode and owner when
  /// it exists. Never touches what is inside. Errors also: kForbidden when a real box has another account for that
  /// home.
  virtual api::Expected<void> EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) = 0;

  /// Replaces ~/.ssh/authorized_keys whole (write, fsync, rename; .ssh is 0700, the file 0600). The previous one is
  /// kept if anything fails. Errors also: kNotFound without a home, kInvalid for more than 64 KiB.
  virtual api::Expected<void> WriteAuthorizedKeys(std::string_view home, std::string_view content) = 0;
};

}  // namespace host
