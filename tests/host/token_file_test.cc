#include "host/linux/token_file.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;

TEST_CASE("[SEC-41][SEC-44] token file: one line that nobody else can read; anything else is refused with what to do") {
  tests::TempDir dir;
  const std::string path = dir.Write("token", "s3cret\n");
  const auto refusal = [&] {
    const auto read = host::linux::ReadTokenFile(path);
    if (read) return std::string("read");
    CHECK(read.error().code == api::Code::kForbidden);
    CHECK(read.error().message.find(path) != std::string::npos);
    CHECK(read.error().message.find("s3cret") == std::string::npos);
    return read.error().message;
  };
  fs::permissions(path, fs::perms(0600));
  CHECK(host::linux::ReadTokenFile(path).value_or("") == "s3cret");
  fs::permissions(path, fs::perms(0400));
  CHECK(host::linux::ReadTokenFile(path).value_or("") == "s3cret");
  for (const int mode : {0644, 0640, 0604, 0660}) {
    fs::permissions(path, static_cast<fs::perms>(mode));
    CHECK(refusal().find("chmod 600") != std::string::npos);
  }
  fs::permissions(path, fs::perms(0600));
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("s3cret more\n"), std::string("s3cret\ns3cret\n"),
        std::string("s3cret\0", 7), std::string(5000, 's')}) {
    dir.Write("token", text);
    CHECK(refusal().find("one line") != std::string::npos);
  }
  fs::remove(path);
  CHECK(refusal().find("write the forge's token to it") != std::string::npos);
  dir.Write("other", "s3cret\n");
  fs::permissions(dir / "other", fs::perms(0600));
  fs::create_symlink(dir / "other", path);
  CHECK(refusal() != "read");
  fs::remove(path);
  dir.MakeDirectory("token");
  fs::permissions(path, fs::perms(0700));
  CHECK(refusal() != "read");
}

}  // namespace
