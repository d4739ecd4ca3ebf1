#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stop_token>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "host/libarchive/work.h"
#include "host/passwd/member_process.h"
#include "host/passwd/member_work.h"

namespace {

using host::passwd::MemberTask;

/// Below MemoryMax= of herod-priv.service, so that a home of too many names ends with a reason (`ArchiveNeedsMemory`)
/// and not by the kernel's choice of a process. One name takes some 350 bytes at most: room for a million in one
/// directory.
constexpr rlim_t kMemoryBytesMax = 384u << 20;

/// Bounds what this process can allocate from now on, beyond what is mapped already: a sanitizer's shadow is terabytes.
/// False when the kernel does not let it. Never raises a bound that it was started with.
bool LimitMemory() {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;  // Total, resident, shared, text, library, then what RLIMIT_DATA counts.
  for (int field = 0; field < 6; ++field) statm >> pages;
  rlimit limit{};
  if (!statm || ::getrlimit(RLIMIT_DATA, &limit) != 0) return false;
  const rlim_t most = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + kMemoryBytesMax;
  limit.rlim_cur = std::min(limit.rlim_cur, most);
  limit.rlim_max = std::min(limit.rlim_max, most);
  return ::setrlimit(RLIMIT_DATA, &limit) == 0;
}

/// Beside herod-home, for what loads libarchive: writing keys is to cost a process, not its libraries.
const std::array<MemberTask, 1> kTasks = {{{.name = "pack",
                                            .run = [](const host::linux::Fd& home, const std::string& shown,
                                                      const std::string&) -> api::Expected<std::string> {
                                              const auto packed = host::libarchive::PackWork(home, shown, STDOUT_FILENO,
                                                                                             std::stop_token());
                                              if (!packed) return packed.error();
                                              return host::passwd::TextOf(*packed);
                                            }}}};

}  // namespace

int main(int argc, char** argv) {
  if (!LimitMemory()) {
    std::perror("cannot bound its memory");
    std::_Exit(1);
  }
  std::_Exit(host::passwd::MemberMain(argc, argv, kTasks));
}
