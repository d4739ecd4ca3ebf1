// How long a change by hand stands: the whole herod on a rootless box, its members changed one after the other. From
// the end of the change to the moment in which the file is as declared again.
//   drift_bench DIR
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include "tests/bench/bench.h"
#include "tests/bench/daemon.h"
#include "tests/support/team_forge.h"

namespace {

namespace fs = std::filesystem;

constexpr int kMembers = 100;
constexpr int kRounds = 50;  // Of each kind of change.

std::string NameOf(int i) { return "member" + std::to_string(i); }

/// One kind of change by hand, and whether it is undone.
struct Change {
  const char* name;
  std::function<void(const std::string& member)> make;
  std::function<bool(const std::string& member)> is_undone;
  std::function<std::string(const std::string& member)> directory;
};

class Box {
 public:
  explicit Box(const std::string& directory)
      : root_(directory + "/box"),
        forge_(directory),
        daemon_({"herod", "--root", root_, "--config", Prepare(directory)}, directory + "/herod.log") {
    for (int i = 0; i < kMembers; ++i) {
      const std::string name = NameOf(i);
      if (!bench::Await(root_, [&] { return fs::exists(root_ + "/home"); }) ||
          !bench::Await(root_ + "/home", [&] { return fs::exists(InSsh(name, "")); }) ||
          !bench::Await(InSsh(name, ""), [&] { return HasGoodKeys(name); }))
        throw std::runtime_error("herod does not make its members; see " + directory + "/herod.log");
    }
  }

  std::vector<Change> Changes() {
    const auto ssh = [this](const std::string& member) { return InSsh(member, ""); };
    const auto keys_are_good = [this](const std::string& member) { return HasGoodKeys(member); };
    const auto etc = [this](const std::string&) { return root_ + "/etc"; };
    return {
        {"key-added",
         [this](const std::string& member) {
           std::ofstream(Keys(member), std::ios::app) << "ssh-ed25519 AAAA somebody else\n";
         },
         keys_are_good, ssh},
        {"mode-opened", [this](const std::string& member) { ::chmod(Keys(member).c_str(), 0666); }, keys_are_good, ssh},
        {"keys-removed", [this](const std::string& member) { fs::remove(Keys(member)); }, keys_are_good, ssh},
        {"group-left",
         [this](const std::string& member) {
           Edit("group", [&](std::string& text) {
             const std::size_t line = text.find("\ndevelopers:");
             const std::size_t at = text.find(member, line);
             text.replace(at, member.size(), "nobody");
           });
         },
         [this](const std::string& member) {
           const std::string text = bench::ReadAll(root_ + "/etc/group");
           const std::string line = text.substr(text.find("\ndevelopers:") + 1);
           return (line.substr(0, line.find('\n')) + ",").find("," + member + ",") != std::string::npos;
         },
         etc},
        {"shell-changed",
         [this](const std::string& member) {
           Edit("passwd", [&](std::string& text) {
             const std::size_t line = text.find("\n" + member + ":");
             text.replace(text.find("/bin/bash", line), 9, "/bin/evil");
           });
         },
         [this](const std::string&) {
           return bench::ReadAll(root_ + "/etc/passwd").find("/bin/evil") == std::string::npos;
         },
         etc},
    };
  }

 private:
  /// Writes the team before the daemon starts. Returns its configuration.
  std::string Prepare(const std::string& directory) {
    for (int i = 0; i < kMembers; ++i) forge_.WriteUser(NameOf(i));
    forge_.Push();
    fs::create_directories(root_);
    std::string config = directory + "/herod.toml";
    std::ofstream(config) << "[team]\nurl = \"" << forge_.url() << "\"\n";
    return config;
  }
  std::string InSsh(const std::string& member, const std::string& path) const {
    return root_ + "/home/" + member + "/.ssh" + (path.empty() ? "" : "/" + path);
  }
  std::string Keys(const std::string& member) const { return InSsh(member, "authorized_keys"); }
  bool HasGoodKeys(const std::string& member) const {
    struct stat status {};
    if (::lstat(Keys(member).c_str(), &status) != 0 || (status.st_mode & 07777) != 0600) return false;
    const std::string text = bench::ReadAll(Keys(member));
    return text.ends_with(" " + member + "@laptop\n") && std::count(text.begin(), text.end(), '\n') == 2;
  }
  /// As an editor does: a new file in the place of the old one.
  void Edit(const std::string& file, const std::function<void(std::string&)>& edit) const {
    std::string text = bench::ReadAll(root_ + "/etc/" + file);
    edit(text);
    std::ofstream(root_ + "/etc/edited") << text;
    fs::rename(root_ + "/etc/edited", root_ + "/etc/" + file);
  }

  const std::string root_;
  const tests::TeamForge forge_;
  const bench::Daemon daemon_;
};

int Measure(const std::string& directory) {
  Box box(directory);
  std::vector<double> all;
  for (const Change& change : box.Changes()) {
    std::vector<double> took;
    for (int i = 0; i < kRounds; ++i) {
      const std::string member = NameOf(i * 7 % kMembers);
      change.make(member);
      const auto began = bench::Clock::now();
      if (!bench::Await(change.directory(member), [&] { return change.is_undone(member); })) {
        std::fprintf(stderr, "drift_bench: %s of %s was not undone\n", change.name, member.c_str());
        return 1;
      }
      took.push_back(bench::MillisecondsSince(began));
    }
    bench::Print(("hand-edit-" + std::string(change.name) + "-p50").c_str(), bench::Percentile(took, 0.5), "ms");
    all.insert(all.end(), took.begin(), took.end());
  }
  bench::Print("hand-edit-undone-p50", bench::Percentile(all, 0.5), "ms");
  bench::Print("hand-edit-undone", bench::Percentile(all, 1), "ms");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = fs::absolute(argv[1]);
  fs::remove_all(directory);
  fs::create_directories(directory);
  try {
    return Measure(directory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drift_bench: %s\n", error.what());
    return 1;
  }
}
