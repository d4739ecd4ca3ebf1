#pragma once

#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace tests {

/// A FUSE file system whose server never answers: whoever asks it anything waits until this ends. To be made in
/// WithOwnMounts. Not mounted where the machine has no FUSE.
class HungMount {
 public:
  HungMount(const TempDir& root, const std::string& path) {
    const std::string device = root / ("fuse-of-" + std::to_string(::getpid()));
    constexpr unsigned kMajor = 10;
    constexpr unsigned kMinor = 229;  // Documentation/admin-guide/devices.txt of the kernel.
    if (::mknod(device.c_str(), S_IFCHR | 0600, makedev(kMajor, kMinor)) != 0) return;
    server_ = ::open(device.c_str(), O_RDWR | O_CLOEXEC);
    ::unlink(device.c_str());
    if (server_ < 0) return;
    const std::string options = "fd=" + std::to_string(server_) + ",rootmode=40000,user_id=0,group_id=0";
    is_mounted_ = ::mount("hung", path.c_str(), "fuse.hung", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    path_ = path;
  }
  HungMount(const HungMount&) = delete;
  HungMount& operator=(const HungMount&) = delete;
  ~HungMount() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    if (server_ >= 0) ::close(server_);  // Lets go whoever waits.
  }

  bool is_mounted() const { return is_mounted_; }

 private:
  int server_ = -1;
  bool is_mounted_ = false;
  std::string path_;
};

}  // namespace tests
