#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

#include "api/meta/expected.h"
#include "host/linux/files.h"

namespace host::libarchive {

/// A file or directory that is open to be read. Of a real box we pack as its member, who may have closed something of
/// the own to everybody (mode 0000): as root that would not matter, and here it may not keep the work from being
/// archived. Such an entry is opened to its owner for as long as this lives, and then has the mode that it had.
class Readable {
 public:
  /// As linux::OpenBeneath, and never into another file system.
  static api::Expected<Readable> Open(int parent, const std::string& name, int flags, std::string_view shown);

  Readable(Readable&& other) noexcept
      : entry_(std::move(other.entry_)), fd_(std::move(other.fd_)), mode_(other.mode_) {}
  Readable& operator=(Readable&&) = delete;
  ~Readable();

  int get() const { return fd_.get(); }
  mode_t mode() const { return mode_; }  ///< With the kind of the entry, as in stat; whatever it is meanwhile.

 private:
  Readable(linux::Fd entry, mode_t mode) : entry_(std::move(entry)), mode_(mode) {}

  linux::Fd entry_;  // Of an entry whose mode is to be given back.
  linux::Fd fd_{};
  mode_t mode_ = 0;
};

}  // namespace host::libarchive
