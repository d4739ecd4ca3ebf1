#pragma once

#include <string>
#include <utility>

#include "host/kept_text.h"

namespace host::linux {

/// In a file of mode 0600, in a directory that nobody but us and root can change.
class KeptFile final : public KeptText {
 public:
  explicit KeptFile(std::string path) : path_(std::move(path)) {}

  api::Expected<std::string> Read() override;
  api::Expected<void> Replace(std::string_view text) override;

 private:
  const std::string path_;
};

}  // namespace host::linux
