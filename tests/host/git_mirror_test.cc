// Mirrors that broke, and origins that break while they are read. Real repositories, made by the real git.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/host/git_world.h"
#include "tests/support/file_size_limit.h"

namespace {

namespace fs = std::filesystem;
using api::Code;
using tests::Branches;
using tests::CodeOf;
using World = tests::GitWorld;
using namespace std::chrono_literals;

std::vector<fs::path> FilesBelow(const std::string& directory, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && entry.path().extension() == extension) files.push_back(entry.path());
  return files;
}

void Overwrite(const fs::path& path, const std::string& content) {
  fs::permissions(path, fs::perms::owner_all);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

TEST_CASE("[SEC-60] git: a mirror that broke is replaced by the next fetch, and its branches are all there again") {
  struct Row {
    const char* name;
    std::function<void(const World&)> harm;
  };
  const Row rows[] = {
      {"a branch is an empty file, as a power cut leaves it",
       [](const World& world) { world.dir.Write("mirror.git/refs/heads/main", ""); }},
      {"a branch's commit is missing",
       [](const World& world) { world.dir.Write("mirror.git/refs/heads/main", std::string(40, '1') + "\n"); }},
      {"all packs are gone", [](const World& world) { fs::remove_all(world.mirror + "/objects/pack"); }},
      {"a pack is cut short",
       [](const World& world) {
         for (const fs::path& pack : FilesBelow(world.mirror, ".pack")) fs::resize_file(pack, fs::file_size(pack) / 2);
       }},
      {"a pack's index is empty",
       [](const World& world) {
         for (const fs::path& index : FilesBelow(world.mirror, ".idx")) Overwrite(index, "");
       }},
      {"packed-refs is garbage",
       [](const World& world) { world.dir.Write("mirror.git/packed-refs", std::string("\0\0garbage\n", 10)); }},
      {"the configuration is garbage", [](const World& world) { world.dir.Write("mirror.git/config", "[core\n"); }},
      {"HEAD is empty", [](const World& world) { world.dir.Write("mirror.git/HEAD", ""); }},
      {"a killed rebuild left its half",
       [](const World& world) {
         world.dir.Write("mirror.git.new/HEAD", "x");
         world.dir.Write("mirror.git/refs/heads/main", "");
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    World world;
    world.Push("main", {{"a", "1"}});
    world.Push("feature/x", {{"b", "1"}});
    REQUIRE(world.Fetch());
    row.harm(world);
    world.Push("main", {{"a", "2"}});
    const auto fetched = world.Fetch();
    INFO((fetched ? "" : fetched.error().message));
    REQUIRE(fetched);
    const Branches heads = world.HeadsOf(world.mirror);
    CHECK(heads == world.HeadsOf(world.origin));
    for (const auto& [branch, commit] : heads) CHECK(world.git.ListTree(world.mirror, commit, ""));
    CHECK_FALSE(fs::exists(world.mirror + ".new"));
  }
}

TEST_CASE("[SEC-60] git: a broken mirror stays until there is a whole one to put in its place") {
  World world;
  world.Push("main", {{"a", "1"}});
  world.Push("other", {{"a", "1"}});
  REQUIRE(world.Fetch());
  const std::string other = world.HeadsOf(world.mirror).at("other");
  world.dir.Write("mirror.git/refs/heads/main", "");
  fs::rename(world.origin, world.origin + ".away");
  CHECK(CodeOf(world.Fetch()) == Code::kUnavailable);
  CHECK(world.git.ListTree(world.mirror, other, ""));
  CHECK_FALSE(fs::exists(world.mirror + ".new"));
  fs::rename(world.origin + ".away", world.origin);
  CHECK(world.Fetch());
}

TEST_CASE("[SEC-60] git: a disk that is full fails the fetch, changes no branch and leaves nothing behind") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  const Branches before = world.HeadsOf(world.mirror);
  std::string noise;  // git shall not make it small.
  for (unsigned value = 1; noise.size() < 400'000; value = value * 1664525u + 1013904223u)
    noise += static_cast<char>(value >> 24);
  world.Push("main", {{"large", noise}});
  world.Push("more", {});
  {
    const tests::FileSizeLimit full(100'000);
    const auto failed = world.Fetch();
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == Code::kUnavailable);
  }
  CHECK(world.HeadsOf(world.mirror) == before);
  REQUIRE(world.Fetch());
  CHECK(world.HeadsOf(world.mirror) == world.HeadsOf(world.origin));
}

TEST_CASE("[SEC-53] git: packs that a killed fetch had not finished are removed once nobody can be at them") {
  World world;
  world.Push("main", {{"a", "1"}});
  REQUIRE(world.Fetch());
  const std::vector<std::string> left = {"mirror.git/objects/pack/tmp_pack_AbCdEf", "mirror.git/objects/pack/tmp_idx_x",
                                         "mirror.git/objects/pack/pack-1.keep"};
  for (const std::string& file : left) world.dir.Write(file, "half");
  REQUIRE(world.Fetch());
  for (const std::string& file : left) CHECK(fs::exists(world.dir / file));  // Another git may be at work.
  for (const std::string& file : left) fs::last_write_time(world.dir / file, fs::file_time_type::clock::now() - 1h);
  REQUIRE(world.Fetch());
  for (const std::string& file : left) CHECK_FALSE(fs::exists(world.dir / file));
}

TEST_CASE("[SEC-60] git: an origin that lost objects fails the fetch, and no branch goes") {
  World world;
  world.Push("main", {{"a", "1"}});
  world.Push("other", {{"b", "1"}});
  REQUIRE(world.Fetch());
  const Branches before = world.HeadsOf(world.mirror);
  const std::string head = world.Push("main", {{"a", "2"}});
  const std::string tree = world.Git({"rev-parse", head + "^{tree}"});
  REQUIRE(fs::remove(world.origin + "/objects/" + tree.substr(0, 2) + "/" + tree.substr(2)));
  CHECK(CodeOf(world.Fetch()) == Code::kUnavailable);
  CHECK(world.HeadsOf(world.mirror) == before);
}

}  // namespace
