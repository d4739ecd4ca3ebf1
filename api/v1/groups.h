#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace api::v1 {

/// Groups that are as good as root: each reads or writes disks, memory or other people's processes, or becomes root by
/// a tool of its own. Never assigned from git, even where the box's configuration would allow them, and
/// an account in one of them is never taken over by a file in git (SEC-06).
inline constexpr std::array<std::string_view, 16> kRootEquivalentGroups = {
    "root",   "sudo", "wheel", "admin", "adm",        "docker", "lxd",         "disk",
    "shadow", "kvm",  "kmem",  "tape",  "hero-admin", "incus",  "incus-admin", "libvirt"};

inline bool IsRootEquivalent(std::string_view group) {
  return std::find(kRootEquivalentGroups.begin(), kRootEquivalentGroups.end(), group) != kRootEquivalentGroups.end();
}

}  // namespace api::v1
