#pragma once

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

/// What some tests need of the machine. Where it is not there they are skipped, which counts as neither passed nor
/// failed, and the reason is said once a test.
namespace tests {

namespace detail {

inline doctest::skip SkipFor(const char* reason) {
  if (reason != nullptr) std::fprintf(stderr, "left out a test: %s\n", reason);
  return doctest::skip(reason != nullptr);
}

/// 0, or why this thread got no mounts of its own.
inline int UnshareMounts() {
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
}

}  // namespace detail

namespace detail {

/// Whether members' numbers mean something here: in a user namespace of one number they do not.
inline bool HasMembersNumbers(const char* map) {
  constexpr unsigned long kFirst = 20'000;  // kMemberIds, kGroupIds.
  constexpr unsigned long kLast = 30'999;
  std::ifstream lines(map);
  for (unsigned long inside = 0, outside = 0, count = 0; lines >> inside >> outside >> count;)
    if (inside <= kFirst && inside + count > kLast) return true;
  return false;
}

/// Null, or why this process is no root who could give a file to a member.
inline const char* WhyNoRoot() {
  if (::geteuid() != 0) return "it needs root; ctest -R own_root runs it as the root of a user namespace";
  if (!HasMembersNumbers("/proc/self/uid_map") || !HasMembersNumbers("/proc/self/gid_map"))
    return "it needs more than one number; give your account a line in /etc/subuid and /etc/subgid";
  return nullptr;
}

/// Null, or why this thread gets no mounts of its own.
inline const char* WhyNoMounts() {
  int error_number = 0;
  std::thread([&error_number] { error_number = UnshareMounts(); }).join();
  return error_number == 0 ? nullptr : "it needs mounts of its own, which this machine does not allow";
}

}  // namespace detail

/// Whether files can be given to members.
inline bool IsRoot() { return detail::WhyNoRoot() == nullptr; }

/// TEST_CASE("…" * tests::NeedsRoot())
inline doctest::skip NeedsRoot() { return detail::SkipFor(detail::WhyNoRoot()); }

/// For tests with a child that no sanitizer survives: one that gets no memory, or begins threads after a fork.
inline doctest::skip NeedsRootUnsanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return detail::SkipFor("a sanitizer does not survive it");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return detail::SkipFor("a sanitizer does not survive it");
#endif
#endif
  return NeedsRoot();
}

/// For tests whose files belong to members where we are root and to us elsewhere: root without members' numbers is
/// neither.
inline doctest::skip NeedsOwners() { return detail::SkipFor(::geteuid() == 0 ? detail::WhyNoRoot() : nullptr); }

/// Runs `body` in a thread with mounts of its own, which nobody else sees and which end with it.
inline void WithOwnMounts(const std::function<void()>& body) {
  std::exception_ptr failed;
  std::thread([&] {
    try {
      REQUIRE(detail::UnshareMounts() == 0);
      body();
    } catch (...) {  // A failed REQUIRE: it is the test's, not this thread's.
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
}

/// For tests that use WithOwnMounts.
inline doctest::skip NeedsMounts() { return detail::SkipFor(detail::WhyNoMounts()); }

/// For those of them that give files to members.
inline doctest::skip NeedsRootAndMounts() {
  const char* no_root = detail::WhyNoRoot();
  return detail::SkipFor(no_root != nullptr ? no_root : detail::WhyNoMounts());
}

/// For tests that run the shadow tools.
inline doctest::skip NeedsShadowTools() {
  const bool is_there = ::geteuid() == 0 && ::access("/usr/sbin/useradd", X_OK) == 0;
  return detail::SkipFor(is_there ? nullptr : "it needs root and the shadow tools");
}

/// An empty file system in memory at `path`, to be called in WithOwnMounts. `options` as mount(8) takes them.
inline void MountMemory(const std::string& path, const std::string& options) {
  REQUIRE(::mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0);
}

}  // namespace tests
