#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "host/archives.h"
#include "host/work.h"

namespace host::linux {

/// Archives of mode 0600 in a directory of our own of mode 0700, which is made when it is absent. What goes into them
/// is read by somebody else: `work`.
class KeptArchives final : public Archives {
 public:
  /// `work` is thread-safe and outlives us.
  KeptArchives(std::string directory, Work& work) : directory_(std::move(directory)), work_(work) {}

  api::Expected<bool> Has(std::string_view file_name) const override;
  api::Expected<bool> IsWorthwhile(std::string_view home) const override { return work_.IsThere(home); }
  api::Expected<Packed> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) override;

 private:
  // Constant after construction.
  std::string directory_;
  Work& work_;
};

}  // namespace host::linux
