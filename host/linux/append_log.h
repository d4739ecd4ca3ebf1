#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "host/append_log.h"
#include "host/linux/files.h"

namespace host::linux {

/// Lines in a file of mode 0600 that only grows. Opened anew when it was moved away, so that logrotate can do its work.
class AppendFile final : public AppendLog {
 public:
  explicit AppendFile(std::string path) : path_(std::move(path)) {}

  api::Expected<void> Append(std::string_view line) override;
  api::Expected<LogEnd> End(std::size_t bytes_max) override;

 private:
  api::Expected<void> OpenIfMoved();

  const std::string path_;

  std::mutex mutex_;
  Fd file_;  // Guarded by mutex_.
};

}  // namespace host::linux
