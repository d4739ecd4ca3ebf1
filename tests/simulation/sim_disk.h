#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/fibers.h"

namespace tests {

/// A disk below SQLite that forgets what was not synced when the power goes: in any part, down to a sector. One in a
/// process, for SQLite's default file system is replaced by it.
class SimDisk {
 public:
  /// One file. What was written and not synced yet is known apart.
  struct File {
    struct Write {
      std::int64_t at = 0;
      std::string bytes{};
      bool is_truncation = false;  ///< To `at`.
    };
    std::string seen{};     ///< By whoever reads.
    std::string durable{};  ///< What a power cut leaves for sure.
    std::vector<Write> unsynced{};
  };

  /// Registers it with SQLite. `fibers` outlives it.
  explicit SimDisk(Fibers& fibers);
  ~SimDisk();

  /// The power went: of each unsynced write some sectors came to the disk, or none.
  void CutPower();

  Fibers& fibers() { return fibers_; }
  File& Of(const std::string& path) { return files_[path]; }
  bool Has(const std::string& path) const { return files_.contains(path); }
  void Remove(const std::string& path) { files_.erase(path); }

  bool is_full = false;                    ///< No write finds room.
  bool is_syncing = true;                  ///< False: who syncs is killed before it has come to that.
  Fibers::Nanoseconds sync_takes_most{0};  ///< A sync takes up to this.

 private:
  Fibers& fibers_;
  std::map<std::string, File> files_;
};

}  // namespace tests
