#include "cmd/config/driver.h"

#include <array>
#include <pwd.h>
#include <string>

namespace herod {

api::Expected<uid_t> DriverNumber(const BoxSection& box) {
  std::array<char, 16384> buffer{};  // An entry is some hundred bytes.
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(box.driver.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return api::Error{api::Code::kNotFound, "NoDriver",
                      "there is no account " + box.driver +
                          ", which herod runs as ([box].driver); run systemd-sysusers, or name another one"};
  }
  if (found->pw_uid != 0) return found->pw_uid;
  return api::Error{api::Code::kForbidden, "RootDriver",
                    "[box].driver is " + box.driver + ", which is root; herod must not be: name another account"};
}

}  // namespace herod
