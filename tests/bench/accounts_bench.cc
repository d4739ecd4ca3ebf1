// Accounts with uid, name, shell, home, own group, a shared group and keys, in a root that is thrown away: made from
// nothing, looked at with nothing to do, and three of them changed by hand. Beside systemd-sysusers + systemd-tmpfiles
// and a loop of useradd, where they are there. Needs root.
//   accounts_bench DIR [COUNT…]    (10 100 1000 10000)
// DIR is to be emptied by whoever calls: ext4 looks for minutes at each inode that was given back before it gives a new
// one, so that what is removed here would slow down whoever is measured next.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "host/linux/clock.h"
#include "host/linux/processes.h"
#include "host/passwd/accounts.h"
#include "host/passwd/homes.h"
#include "tests/bench/bench.h"

namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 64;  // As many users are worked on at once by the daemon.
constexpr int kUseraddUpTo = 100;
constexpr int kIdleTurns = 5;
constexpr const char* kGroup = "developers";

std::string NameOf(int i) { return "member" + std::to_string(i); }
std::string KeysOf(int i) {
  return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWccnXcv3p/yP3/8nqnIuKRqPSRRpC1FgrpY1Y" + std::to_string(i) + " laptop";
}
host::AccountWish WishFor(int i) {
  return {.name = NameOf(i),
          .uid = 20000 + i,
          .gecos = "Member",
          .home = "/home/" + NameOf(i),
          .shell = "/bin/bash",
          .groups = {kGroup},
          .managed_groups = {kGroup}};
}

void Write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << text;
}

/// An empty box below `root`.
void MakeBox(const std::string& root) {
  Write(root + "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
  Write(root + "/etc/group", "root:x:0:\n");
  Write(root + "/etc/shadow", "root:*:20777:0:99999:7:::\n");
  Write(root + "/etc/gshadow", "root:*::\n");
  fs::create_directory(root + "/home");
}

struct Box {
  explicit Box(std::string path) : root(std::move(path)) { MakeBox(root); }

  std::string root;
  host::linux::SystemClock clock;
  host::linux::SpawnedProcesses processes;
  host::passwd::FileAccounts accounts{root + "/etc", clock};
  host::passwd::MemberHomes homes{{.root = root,
                                   .skeleton = root + "/etc/skel",
                                   .helper = fs::read_symlink("/proc/self/exe").parent_path() / "herod-home"},
                                  accounts,
                                  processes};
};

bool Report(const api::Error& error) {
  std::fprintf(stderr, "accounts_bench: %s\n", error.message.c_str());
  return false;
}

/// What the controller of one user does: looks at all of it and changes what differs. False when something failed.
bool Reconcile(Box& box, int i) {
  const host::AccountWish wish = WishFor(i);
  const auto account = box.accounts.Find(wish.name);
  if (!account) return Report(account.error());
  const bool is_right = *account && (*account)->gecos == wish.gecos && (*account)->home == wish.home &&
                        (*account)->shell == wish.shell && (*account)->groups == wish.groups;
  if (!is_right) {
    if (auto made = box.accounts.Ensure(wish); !made) return Report(made.error());
  }
  const auto home = box.homes.Look(wish.home);
  if (!home) return Report(home.error());
  if (!home->is_private) {
    if (auto made = box.homes.EnsureHome(wish.home, *wish.uid, *wish.uid); !made) return Report(made.error());
  }
  if (home->is_keys_file_exposed || home->authorized_keys != KeysOf(i)) {
    if (auto written = box.homes.WriteAuthorizedKeys(wish.home, KeysOf(i)); !written) return Report(written.error());
  }
  return true;
}

/// Milliseconds until all of them are as they have to be.
double ReconcileAll(Box& box, int count, int threads) {
  const auto began = bench::Clock::now();
  std::vector<std::jthread> workers;
  workers.reserve(static_cast<std::size_t>(threads));
  for (int first = 0; first < threads; ++first) {
    workers.emplace_back([&box, first, threads, count] {
      for (int i = first; i < count; i += threads) {
        if (!Reconcile(box, i)) return;
      }
    });
  }
  workers.clear();
  return bench::MillisecondsSince(began);
}

/// One thread, right after the last write, when nothing can be told from the files' stamps yet. The median: the first
/// turn shares its core with what the kernel still does for the children that ended just now.
double MedianIdle(Box& box, int count) {
  std::vector<double> turns;
  turns.reserve(kIdleTurns);
  for (int i = 0; i < kIdleTurns; ++i) turns.push_back(ReconcileAll(box, count, 1));
  std::sort(turns.begin(), turns.end());
  return turns[kIdleTurns / 2];
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A shell, a membership and a key file.
void ChangeByHand(const std::string& root, int count) {
  std::string passwd = ReadAll(root + "/etc/passwd");
  passwd.replace(passwd.rfind("/bin/bash"), 9, "/bin/evil");
  Write(root + "/etc/passwd", passwd);
  std::string group = ReadAll(root + "/etc/group");
  const std::string member = "," + NameOf(count / 2);
  if (const std::size_t at = group.find(member + ","); at != std::string::npos) group.erase(at, member.size());
  Write(root + "/etc/group", group);
  Write(root + "/home/" + NameOf(0) + "/.ssh/authorized_keys", "ssh-ed25519 AAAA somebody else");
}

double Run(host::Processes& processes, std::vector<std::string> argv) {
  const auto began = bench::Clock::now();
  const auto finished = processes.Run({.argv = std::move(argv),
                                       .environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}},
                                       .deadline = std::chrono::minutes(2)},
                                      {});
  if (!finished) Report(finished.error());
  return finished ? bench::MillisecondsSince(began) : -1;
}

void Print(const std::string& name, double value, const char* unit) { bench::Print(name.c_str(), value, unit); }

struct Took {
  double create = 0;  // Milliseconds; -1: the tool is not there.
  double idle = 0;
  double drift = 0;
};

/// The same with systemd-sysusers and systemd-tmpfiles. Of the three changes by hand it mends the key file alone.
Took MeasureSystemd(host::Processes& processes, const std::string& root, int count) {
  MakeBox(root);
  std::ofstream users(root + "/users.conf");
  std::ofstream files(root + "/files.conf");
  users << "g " << kGroup << " 30000\n";
  for (int i = 0; i < count; ++i) {
    const std::string name = NameOf(i);
    const std::string home = "/home/" + name;
    users << "u " << name << " " << 20000 + i << " \"Member\" " << home << " /bin/bash\n";
    users << "m " << name << " " << kGroup << "\n";
    files << "d " << home << " 0700 " << name << " " << name << "\nd " << home << "/.ssh 0700 " << name << " " << name
          << "\n";
    files << "f+ " << home << "/.ssh/authorized_keys 0600 " << name << " " << name << " - " << KeysOf(i) << "\n";
  }
  users.close();
  files.close();
  const auto turn = [&] {
    const double accounts = Run(processes, {"systemd-sysusers", "--root=" + root, root + "/users.conf"});
    const double homes = Run(processes, {"systemd-tmpfiles", "--create", "--root=" + root, root + "/files.conf"});
    return accounts < 0 || homes < 0 ? -1 : accounts + homes;
  };
  Took took;
  took.create = turn();
  took.idle = turn();
  if (took.create > 0) ChangeByHand(root, count);
  took.drift = turn();
  return took;
}

double MeasureUseradd(host::Processes& processes, const std::string& root, int count) {
  MakeBox(root);
  if (Run(processes, {"groupadd", "-P", root, "-g", "30000", kGroup}) < 0) return -1;
  double took = 0;
  for (int i = 0; i < count; ++i) {
    const double one = Run(processes, {"useradd", "-P", root, "-u", std::to_string(20000 + i), "-U", "-M", "-G", kGroup,
                                       "-s", "/bin/bash", NameOf(i)});
    if (one < 0) return -1;
    took += one;
  }
  return took;
}

void Measure(const std::string& directory, int count) {
  const std::string prefix = "accounts-" + std::to_string(count);
  double created = 0;
  {
    Box box(directory + "/ours-" + std::to_string(count));
    created = ReconcileAll(box, count, kThreads);
    Print(prefix + "-create-time", created, "ms");
    Print(prefix + "-rewrites", static_cast<double>(box.accounts.Rewrites()), "");
    Print(prefix + "-idle", MedianIdle(box, count), "ms");
    ChangeByHand(box.root, count);
    Print(prefix + "-drift", ReconcileAll(box, count, 1), "ms");
    if (ReadAll(box.root + "/etc/passwd").find("/bin/evil") != std::string::npos) std::exit(1);
  }
  host::linux::SpawnedProcesses processes;
  const Took systemd = MeasureSystemd(processes, directory + "/systemd-" + std::to_string(count), count);
  if (systemd.create > 0) {
    Print("peer:sysusers+tmpfiles:" + prefix + "-create-time", systemd.create, "ms");
    Print("peer:sysusers+tmpfiles:" + prefix + "-idle", systemd.idle, "ms");
    Print("peer:sysusers+tmpfiles:" + prefix + "-drift", systemd.drift, "ms");
    if (count == 100) Print(prefix + "-create", created / systemd.create, "x");
  }
  if (count <= kUseraddUpTo) {
    const double took = MeasureUseradd(processes, directory + "/useradd-" + std::to_string(count), count);
    if (took > 0) Print("peer:useradd:" + prefix + "-create-time", took, "ms");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (::geteuid() != 0) {
    std::fprintf(stderr, "accounts_bench: left out, it needs root\n");
    return 0;
  }
  const std::string directory = fs::absolute(argv[1]);  // The tools take no other.
  fs::create_directories(directory);
  std::vector<int> counts;
  for (int i = 2; i < argc; ++i) counts.push_back(std::atoi(argv[i]));
  if (counts.empty()) counts = {10, 100, 1'000, 10'000};
  for (const int count : counts) Measure(directory, count);
}
