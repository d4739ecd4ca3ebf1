#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "api/meta/expected.h"
#include "cmd/config/config.h"
#include "host/box_paths.h"

namespace herod {

/// A box: this machine, whose accounts and homes herod-priv keeps for us, or a rootless one: everything below one
/// directory, run by whoever started it. Puts the real parts together.
class Box {
 public:
  /// `root` is empty for this machine. Makes the directories, opens the store, binds the control socket. Only observed,
  /// it reports on objects and changes nothing else. Errors: kUnavailable with what to do.
  static api::Expected<std::unique_ptr<Box>> Open(const Config& config, const std::string& root,
                                                  bool is_observe_only = false);
  ~Box();

  /// Declares the team and reconciles and serves until stop is requested. Errors: those of Manager::Run.
  api::Expected<void> Run(std::stop_token stop);

  const host::BoxPaths& paths() const;

 private:
  struct Parts;
  explicit Box(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace herod
