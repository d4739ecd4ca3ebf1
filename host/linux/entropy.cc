#include "host/linux/entropy.h"

#include <cerrno>
#include <sys/random.h>
#include <system_error>

namespace host::linux {

std::uint64_t SystemEntropy::Next() {
  std::uint64_t bits = 0;
  // Up to 256 bytes come whole once the pool is ready; before that the call waits and a signal can end it.
  while (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return bits;
}

}  // namespace host::linux
