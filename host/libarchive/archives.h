#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "host/archives.h"
#include "host/box_paths.h"
#include "host/linux/files.h"

namespace host::libarchive {

struct ArchivesOptions {
  /// Stays free for everybody else: an archive is not begun when the disk could have less than this after it.
  std::uint64_t reserve_bytes = 64u << 20;
};

/// Archives in BoxPaths::archive, of mode 0600 in a directory of mode 0700. Homes are found below the box's root
/// without following links.
class LibArchives final : public Archives {
 public:
  explicit LibArchives(BoxPaths paths, ArchivesOptions options = {}) : paths_(std::move(paths)), options_(options) {}

  api::Expected<bool> Has(std::string_view file_name) const override;
  api::Expected<bool> IsWorthwhile(std::string_view home) const override;
  api::Expected<Packed> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) override;

 private:
  api::Expected<linux::Fd> OpenHome(std::string_view home) const;
  api::Expected<void> CheckSpace(int home, int archive_directory, const std::stop_token& stop) const;

  // Constant after construction.
  BoxPaths paths_;
  ArchivesOptions options_;
};

}  // namespace host::libarchive
