#pragma once

#include <string>
#include <string_view>

namespace host {

/// Where things are on a box (design: names and places). All absolute, below the box's root when it has one.
struct BoxPaths {
  std::string root{};  ///< Empty on a real box, else without a final slash.
  std::string etc{};   ///< passwd, group, shadow.
  std::string driver_home{};
  std::string state{};           ///< <driver>/hero/var/herod: store and mirrors, 0700.
  std::string mirrors{};         ///< Below state.
  std::string team_sync{};       ///< <driver>/hero/var/team_sync
  std::string archive{};         ///< Below team_sync, 0700.
  std::string forge{};           ///< The local forge's default folder: <driver>/hero/forge
  std::string control_socket{};  ///< /run/hero/hero.sock
  std::string priv_socket{};     ///< /run/herod-priv.sock; of a real box alone.

  /// For a path as the box's own files name it (`/home/alice`): where this process finds it.
  std::string Inside(std::string_view path) const;
  /// The mirror of a repository object.
  std::string Mirror(std::string_view object_name) const { return mirrors + "/" + std::string(object_name) + ".git"; }
};

/// `root` is empty for the real box; `driver` is the account that owns the daemon's state.
BoxPaths PathsOf(std::string_view root, std::string_view driver);

}  // namespace host
