#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <stdlib.h>
#include <string>

namespace tests {

/// A directory of a test's own, removed with all in it at the end.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hero_test_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& Path() const { return path_; }
  /// The path of something in it, named relative to it.
  std::string operator/(const std::string& relative) const { return path_ + "/" + relative; }

  std::string MakeDirectory(const std::string& relative) const {
    std::filesystem::create_directories(*this / relative);
    return *this / relative;
  }
  /// Writes a file in place (no rename), and the directories above it.
  std::string Write(const std::string& relative, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(*this / relative).parent_path());
    std::ofstream(*this / relative, std::ios::binary | std::ios::trunc) << content;
    return *this / relative;
  }
  /// The bytes of a file; `(absent)` when it cannot be opened.
  std::string Read(const std::string& relative) const {
    std::ifstream file(*this / relative, std::ios::binary);
    if (!file) return "(absent)";
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace tests
