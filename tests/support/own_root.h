#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/mount.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "tests/support/needs.h"
#include "tests/support/temp_dir.h"

namespace tests {

/// In WithOwnRoot the folder of the programs under test, herod-home among them.
inline constexpr const char* kOwnPrograms = "/opt/hero";

namespace detail {

inline void Bind(const std::string& from, const std::string& to, unsigned long flags = 0) {
  std::filesystem::create_directories(to);
  REQUIRE_MESSAGE(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0, from);
  // As the root of a user namespace this may be refused: the machine's own files are closed to us there anyway.
  if (flags != 0) ::mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr);
}

inline void WriteText(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

/// The accounts of a box on which nobody was made yet, and what libc and the shadow tools want to read beside them.
inline void FillEtc(const std::string& etc) {
  WriteText(etc + "/passwd", "root:x:0:0:root:/root:/bin/bash\n");
  WriteText(etc + "/group", "root:x:0:\nsudo:x:27:\n");
  WriteText(etc + "/shadow", "root:*:20777:0:99999:7:::\n");
  WriteText(etc + "/gshadow", "root:*::\nsudo:*::\n");
  WriteText(etc + "/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\ngshadow: files\n");
  WriteText(etc + "/login.defs", "UID_MIN 1000\nUID_MAX 59999\nGID_MIN 1000\nGID_MAX 59999\nENCRYPT_METHOD SHA512\n");
  WriteText(etc + "/skel/.profile", "umask 022\n");
  std::filesystem::permissions(etc + "/shadow", std::filesystem::perms(0640));
  std::filesystem::permissions(etc + "/gshadow", std::filesystem::perms(0640));
}

inline void FillRoot(const std::string& root) {
  namespace fs = std::filesystem;
  for (const char* name : {"home", "root", "run", "tmp", "var/mail", "dev"}) fs::create_directories(root + "/" + name);
  FillEtc(root + "/etc");
  WriteText(root + "/dev/null", "");  // A file: only those who open it for reading or throw words away come here.
  Bind("/usr", root + "/usr", MS_RDONLY);
  Bind("/proc", root + "/proc");
  Bind(fs::read_symlink("/proc/self/exe").parent_path(), root + kOwnPrograms, MS_RDONLY);
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const std::string here = std::string("/") + name;
    if (fs::is_symlink(here))
      fs::copy_symlink(here, root + here);
    else if (fs::exists(here))
      Bind(here, root + here, MS_RDONLY);
  }
}

}  // namespace detail

/// Runs `body` in a thread whose / is a root of its own: /etc, /home, /tmp and /var are in memory, programs and
/// libraries the machine's. Accounts are then the real ones to libc and to every tool, and nobody else sees them.
inline void WithOwnRoot(const std::function<void()>& body) {
  const TempDir place;  // Outside, so that it is empty when it is removed.
  WithOwnMounts([&] {
    const std::string& root = place.Path();
    MountMemory(root, "mode=0755");
    detail::FillRoot(root);
    REQUIRE(::chroot(root.c_str()) == 0);  // Of this thread alone, and of its children.
    REQUIRE(::chdir("/") == 0);
    body();
  });
}

}  // namespace tests
