// How long a change by hand stands: the whole herod on a rootless box, its members changed one after the other. From
// the end of the change to the moment in which the file is as declared again.
//   drift_bench DIR
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "host/linux/files.h"
#include "tests/bench/bench.h"
#include "tests/support/team_forge.h"

namespace {

namespace fs = std::filesystem;

constexpr int kMembers = 100;
constexpr int kRounds = 50;  // Of each kind of change.
constexpr int kPatienceMs = 20'000;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// herod as a program of its own, as long as this lives.
class Daemon {
 public:
  Daemon(const std::string& directory, const std::string& root, const std::string& url) {
    const std::string config = directory + "/herod.toml";
    std::ofstream(config) << "[team]\nurl = \"" << url << "\"\n";
    const std::string program = fs::read_symlink("/proc/self/exe").parent_path() / "herod";
    std::vector<std::string> arguments = {program, "--root", root, "--config", config};
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (directory + "/herod.log").c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + program);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_ = 0;
};

/// Waits until it is so, looking whenever something in the directory changes. False after kPatienceMs without a change.
bool Await(const std::string& directory, const std::function<bool()>& is_so) {
  const host::linux::Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(watch.get(), directory.c_str(), IN_ALL_EVENTS & ~(IN_ACCESS | IN_OPEN | IN_CLOSE_NOWRITE));
  std::array<char, 4096> events{};
  for (;;) {
    if (is_so()) return true;
    pollfd wait{watch.get(), POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) <= 0) return is_so();
    while (::read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

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
      : root_(directory + "/box"), forge_(directory), daemon_(Prepare(directory), root_, forge_.url()) {
    for (int i = 0; i < kMembers; ++i) {
      const std::string name = NameOf(i);
      if (!Await(root_, [&] { return fs::exists(root_ + "/home"); }) ||
          !Await(root_ + "/home", [&] { return fs::exists(InSsh(name, "")); }) ||
          !Await(InSsh(name, ""), [&] { return HasGoodKeys(name); }))
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
           const std::string text = ReadAll(root_ + "/etc/group");
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
         [this](const std::string&) { return ReadAll(root_ + "/etc/passwd").find("/bin/evil") == std::string::npos; },
         etc},
    };
  }

 private:
  /// Writes the team before the daemon starts. Returns the directory.
  std::string Prepare(const std::string& directory) {
    for (int i = 0; i < kMembers; ++i) forge_.WriteUser(NameOf(i));
    forge_.Push();
    fs::create_directories(root_);
    return directory;
  }
  std::string InSsh(const std::string& member, const std::string& path) const {
    return root_ + "/home/" + member + "/.ssh" + (path.empty() ? "" : "/" + path);
  }
  std::string Keys(const std::string& member) const { return InSsh(member, "authorized_keys"); }
  bool HasGoodKeys(const std::string& member) const {
    struct stat status {};
    if (::lstat(Keys(member).c_str(), &status) != 0 || (status.st_mode & 07777) != 0600) return false;
    const std::string text = ReadAll(Keys(member));
    return text.ends_with(" " + member + "@laptop\n") && std::count(text.begin(), text.end(), '\n') == 2;
  }
  /// As an editor does: a new file in the place of the old one.
  void Edit(const std::string& file, const std::function<void(std::string&)>& edit) const {
    std::string text = ReadAll(root_ + "/etc/" + file);
    edit(text);
    std::ofstream(root_ + "/etc/edited") << text;
    fs::rename(root_ + "/etc/edited", root_ + "/etc/" + file);
  }

  const std::string root_;
  const tests::TeamForge forge_;
  const Daemon daemon_;
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
      if (!Await(change.directory(member), [&] { return change.is_undone(member); })) {
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
