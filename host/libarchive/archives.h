#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "host/archives.h"
#include "host/box_paths.h"
#include "host/linux/files.h"

namespace host::libarchive {

/// Archives in BoxPaths::archive, of mode 0600 in a directory of mode 0700. Homes are found below the box's root
/// without following links.
class LibArchives final : public Archives {
 public:
  explicit LibArchives(BoxPaths paths) : paths_(std::move(paths)) {}

  api::Expected<bool> Has(std::string_view file_name) const override;
  api::Expected<bool> IsWorthwhile(std::string_view home) const override;
  api::Expected<void> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) override;

 private:
  api::Expected<linux::Fd> OpenHome(std::string_view home) const;

  // Constant after construction.
  BoxPaths paths_;
};

}  // namespace host::libarchive
