#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/log.h"

namespace tests {

/// Keeps what is logged while it lives, as `warning message key=value`. Thread-safe but for its own beginning and end.
class RecordedLog {
 public:
  RecordedLog() { host::log::SetSink(std::make_unique<Sink>(*this)); }
  RecordedLog(const RecordedLog&) = delete;
  RecordedLog& operator=(const RecordedLog&) = delete;
  ~RecordedLog() { host::log::SetSink(nullptr); }

  /// The lines in which all of the parts stand.
  std::size_t Count(std::initializer_list<std::string_view> parts) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return std::all_of(parts.begin(), parts.end(),
                         [&](std::string_view part) { return line.find(part) != std::string::npos; });
    }));
  }

 private:
  class Sink final : public host::log::Sink {
   public:
    explicit Sink(RecordedLog& log) : log_(log) {}
    void Write(host::log::Level level, std::string_view message, std::span<const host::log::Field> fields,
               const std::source_location&) override {
      constexpr const char* kLevels[] = {"info ", "warning ", "error "};
      std::string line = kLevels[static_cast<std::size_t>(level)] + std::string(message);
      for (const host::log::Field& field : fields) line += " " + std::string(field.key) + "=" + field.value;
      const std::lock_guard lock(log_.mutex_);
      log_.lines_.push_back(std::move(line));
    }

   private:
    RecordedLog& log_;
  };

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;  // Guarded by mutex_.
};

}  // namespace tests
