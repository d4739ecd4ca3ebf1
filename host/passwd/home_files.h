#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "host/homes.h"
#include "host/linux/files.h"

/// What every backend of homes does with descriptors: each part of a path is opened from the one before, without
/// following a link and, below a home, without going into another file system (D-09).
namespace host::passwd {

// What we read of a file in a home at all (D-09); a key is 0.1 to 0.8 KB.
inline constexpr std::size_t kKeysBytesMax = 64u << 10;

/// The parts of a home's path. Errors: kInvalid when it is not absolute or has `.` or `..`.
api::Expected<std::vector<std::string>> PartsOf(std::string_view home);

/// A directory below `parent`. Errors: kNotFound; kForbidden naming what stands there instead.
api::Expected<linux::Fd> OpenDirectory(const linux::Fd& parent, const std::string& name, int flags,
                                       const std::string& shown, linux::Mounts mounts = linux::Mounts::kCross);

/// The directory below `parent`, made when it is absent.
api::Expected<linux::Fd> MakeDirectory(const linux::Fd& parent, const std::string& name, mode_t mode, int flags,
                                       const std::string& shown, linux::Mounts mounts = linux::Mounts::kCross);

/// Gives what `fd` names this mode, if it has another. Also of an O_PATH descriptor.
api::Expected<void> SetMode(const linux::Fd& fd, mode_t mode, const std::string& shown);

/// The home below the box's root, to go on from (O_PATH). Errors: kNotFound without a home; kUnavailable without the
/// root: nothing is known of the home then.
api::Expected<linux::Fd> OpenHome(const std::string& root, std::string_view home);

/// What is in an opened home. `owner`: whose all of it has to be; none: whoever's it is, as on a rootless box. Of
/// authorized_keys at most one byte more than kKeysBytesMax is read, so that a longer one differs from anything that we
/// write.
api::Expected<HomeState> LookAt(const linux::Fd& home, const std::string& shown, std::optional<uid_t> owner);

/// Replaces ~/.ssh/authorized_keys as whoever we are. A .ssh that is no directory of ours is set aside. Errors:
/// kInvalid for more than kKeysBytesMax, kForbidden as Homes::Look.
api::Expected<void> WriteKeys(const linux::Fd& home, const std::string& shown, std::string_view content);

}  // namespace host::passwd
