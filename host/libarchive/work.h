#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "host/linux/files.h"
#include "host/work.h"

namespace host::libarchive {

struct WorkOptions {
  /// Stays free for everybody else: an archive is not begun when its disk could have less than this after it, and is
  /// given up when it has less.
  std::uint64_t reserve_bytes = 64u << 20;
};

/// Packs `hero` of a home that is open. `shown` is the home as errors call it. Errors: as Work::Pack; also
/// kUnavailable (`ArchiveNeedsMemory`) when this process may take no more memory.
api::Expected<Packed> PackWork(const linux::Fd& home, const std::string& shown, int descriptor,
                               const std::stop_token& stop, WorkOptions options = {});

/// The work in homes below a box's root, which are found without following links, read as whoever we are.
class LibWork final : public Work {
 public:
  /// `root` is empty for the machine's own.
  explicit LibWork(std::string root, WorkOptions options = {}) : root_(std::move(root)), options_(options) {}

  api::Expected<bool> IsThere(std::string_view home) const override;
  api::Expected<Packed> Pack(std::string_view home, int descriptor, std::stop_token stop) override;

 private:
  api::Expected<linux::Fd> OpenHome(std::string_view home) const;

  // Constant after construction.
  std::string root_;
  WorkOptions options_;
};

}  // namespace host::libarchive
