#include "host/linux/kept_text.h"

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using api::Code;

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  return names;
}

TEST_CASE("[SEC-44] kept text: nobody else reads it, and one that others could read is refused") {
  const tests::TempDir dir;
  host::linux::KeptFile file(dir / "tokens.json");
  CHECK(file.Read().value_or("error").empty());
  REQUIRE(file.Replace("first"));
  REQUIRE(file.Replace("second"));
  CHECK(file.Read().value_or("error") == "second");
  struct stat status {};
  REQUIRE(::stat((dir / "tokens.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  fs::permissions(dir / "tokens.json", fs::perms(0640));
  CHECK(file.Read().error().code == Code::kForbidden);
}

TEST_CASE("[SEC-46] kept text: on a full disk it is as it was, nothing half written is left, and it says which file") {
  const tests::TempDir dir;
  host::linux::KeptFile file(dir / "tokens.json");
  REQUIRE(file.Replace("before"));
  {
    const tests::FileSizeLimit full(10);
    const auto refused = file.Replace(std::string(1000, 'x'));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kUnavailable);
    CHECK(refused.error().message.find("tokens.json") != std::string::npos);
    CHECK(file.Read().value_or("error") == "before");
    CHECK(NamesIn(dir.Path()) == std::vector<std::string>{"tokens.json"});
  }
  REQUIRE(file.Replace(std::string(1000, 'x')));
  CHECK(file.Read().value_or("error") == std::string(1000, 'x'));
}

}  // namespace
