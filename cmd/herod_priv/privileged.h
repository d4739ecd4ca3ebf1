#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <vector>

#include "api/meta/expected.h"
#include "host/linux/files.h"

namespace herod_priv {

struct PrivilegedOptions {
  std::string root{};                    ///< Empty: this machine.
  uid_t caller = 0;                      ///< Who may ask.
  std::vector<std::string> groups{};     ///< What may be assigned.
  std::vector<std::string> adoptable{};  ///< Accounts that herod did not make and may have.
};

/// The verbs put together with what does them: of a real box, or of one below a directory. There homes are members' own
/// when we are root, else everything is ours; sessions are never touched.
class Privileged {
 public:
  /// Errors: kUnavailable.
  static api::Expected<std::unique_ptr<Privileged>> Open(PrivilegedOptions options);
  ~Privileged();

  /// Serves until stop. Errors: those of Server::Run.
  api::Expected<void> Run(const host::linux::Fd& listener, std::stop_token stop);

 private:
  struct Parts;
  explicit Privileged(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace herod_priv
