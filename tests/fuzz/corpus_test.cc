#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/fuzz/targets.h"

namespace {

/// The kept inputs of a target: by hand, and what `make fuzz` once found.
std::vector<std::filesystem::path> Kept(std::string_view target) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + std::string(target)))
    files.push_back(entry.path());
  return files;
}

std::string Read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("[API] fuzz: the kept inputs hold every promise, whole and cut anywhere") {
  for (const fuzz::Target& target : fuzz::Targets()) {
    CAPTURE(target.name);
    const auto files = Kept(target.name);
    CHECK_FALSE(files.empty());
    for (const std::filesystem::path& file : files) {
      CAPTURE(file.string());
      const std::string input = Read(file);
      CHECK_NOTHROW(target.run(input));
      const std::size_t step = input.size() / 64 + 1;  // All cuts of a short input, some of a long one.
      for (std::size_t size = 0; size < input.size(); size += step) CHECK_NOTHROW(target.run(input.substr(0, size)));
    }
  }
}
