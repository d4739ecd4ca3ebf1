#include "tests/crash/crash_box.h"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <poll.h>
#include <set>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/object.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kForge = "/home/driver/hero/forge/lhumina_code";

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The parts of a text, sorted: who joined first is no part of what was wished.
std::string Sorted(const std::string& text, char separator) {
  std::istringstream stream(text);
  std::multiset<std::string> parts;
  for (std::string part; std::getline(stream, part, separator);) parts.insert(part);
  std::string all;
  for (const std::string& part : parts) all += part + separator;
  return all;
}

/// `group` with its lines, and the members in each, sorted.
std::string SortedGroups(const std::string& group) {
  std::istringstream stream(group);
  std::string all;
  for (std::string line; std::getline(stream, line);) {
    const std::size_t members = line.rfind(':') + 1;
    all += line.substr(0, members) + Sorted(line.substr(members), ',') + "\n";
  }
  return Sorted(all, '\n');
}

/// Every time of the form 2026-11-20T20:58:51Z, with or without a fraction, made one word.
std::string WithoutTimes(const std::string& text) {
  std::string without;
  for (std::size_t at = 0; at < text.size();) {
    const bool is_time = at + 20 <= text.size() && text[at + 4] == '-' && text[at + 7] == '-' && text[at + 10] == 'T' &&
                         text[at + 13] == ':' && text[at + 16] == ':';
    const std::size_t end = is_time ? text.find('Z', at) : std::string::npos;
    if (end == std::string::npos) {
      without += text[at++];
    } else {
      without += "TIME";
      at = end + 1;
    }
  }
  return without;
}

/// Lines in order, each once: what is logged again after a kill says nothing new.
std::string LinesOf(const std::string& text) {
  std::istringstream stream(WithoutTimes(text));
  std::set<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  std::string all;
  for (const std::string& line : lines) all += "  " + line + "\n";
  return all;
}

/// `shadow` without the day on which a password was changed.
std::string WithoutDays(const std::string& shadow) {
  std::istringstream stream(shadow);
  std::string all;
  for (std::string line; std::getline(stream, line);) {
    const std::size_t begin = line.find(':', line.find(':') + 1) + 1;
    all += line.substr(0, begin) + line.substr(std::min(line.size(), line.find(':', begin))) + "\n";
  }
  return all;
}

void CopyTree(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::create_directories(fs::path(to).parent_path());
  pid_t pid = 0;
  std::array<std::string, 4> texts{"cp", "-a", from, to};
  std::array<char*, 5> argv{texts[0].data(), texts[1].data(), texts[2].data(), texts[3].data(), nullptr};
  int status = 1;
  if (posix_spawnp(&pid, "cp", nullptr, nullptr, argv.data(), environ) != 0 || waitpid(pid, &status, 0) != pid ||
      status != 0)
    throw std::runtime_error("cp -a " + from + " " + to);
}

std::string ProgramPath(const std::string& name) {
  return (fs::read_symlink("/proc/self/exe").parent_path() / name).string();
}

std::string MakeForgeDirectory(const std::string& root) {
  fs::create_directories(root + kForge);
  return root + kForge;
}

}  // namespace

CrashBox::CrashBox(std::string directory)
    : directory_(std::move(directory)),
      live_(directory_ + "/live"),
      root_(live_ + "/box"),
      forge_(MakeForgeDirectory(root_)),
      transport_({.socket_path = root_ + "/run/hero/hero.sock"}, clock_),
      wire_(transport_) {
  std::ofstream(live_ + "/herod.toml") << "[box]\nname = \"crash\"\n[team]\nurl = \"" << forge_.url()
                                       << "\"\ninterval = \"1s\"\n";
}

void CrashBox::Start(const std::string& place) {
  std::vector<std::string> texts{ProgramPath("herod_dying"), live_ + "/herod.toml", root_, directory_ + "/places"};
  if (!place.empty()) texts.push_back(place);
  std::vector<char*> argv;
  argv.reserve(texts.size() + 1);
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, texts[0].c_str(), nullptr, nullptr, argv.data(), environ) != 0)
    throw std::runtime_error("cannot start " + texts[0]);
}

bool CrashBox::HasDied(std::chrono::milliseconds wait) {
  if (pid_ == 0) return false;
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd polled{descriptor, POLLIN, 0};
  (void)poll(&polled, 1, static_cast<int>(wait.count()));
  close(descriptor);
  if (waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
  pid_ = 0;
  return true;
}

void CrashBox::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, 0), nullptr, 0);
}

void CrashBox::Stop() {
  kill(pid_, SIGTERM);
  waitpid(std::exchange(pid_, 0), nullptr, 0);
}

std::vector<std::string> CrashBox::TakePlaces() {
  std::ifstream file(directory_ + "/places");
  std::set<std::string> places;
  for (std::string line; std::getline(file, line);) places.insert(line);
  fs::remove(directory_ + "/places");
  return {places.begin(), places.end()};
}

void CrashBox::Keep(std::size_t number) { CopyTree(live_, directory_ + "/kept" + std::to_string(number)); }

void CrashBox::PutBack(std::size_t number) { CopyTree(directory_ + "/kept" + std::to_string(number), live_); }

bool CrashBox::Approve() {
  const auto list = wire_.List("approvals.hero.dev");
  if (!list) return false;
  const auto yes = api::Json::Of({{"spec", api::Json::Of({{"approved", true}})}});
  for (const auto& snapshot : list->items) (void)wire_.Patch(snapshot->key, yes, {.actor = "operator"});
  return true;
}

std::optional<std::string> CrashBox::End() {
  const auto plan = wire_.Fetch("/hero/v1/plan");
  if (!plan || !plan->Find("steps") || plan->Find("steps")->size() > 0) return std::nullopt;
  auto objects = Objects();
  if (!objects) return std::nullopt;
  try {
    return Files() + *objects;
  } catch (const fs::filesystem_error&) {
    return std::nullopt;  // A file went while it was looked at: it is at work.
  }
}

std::string CrashBox::Files() const {
  std::string all = "passwd\n" + Sorted(ReadAll(root_ + "/etc/passwd"), '\n') + "group\n" +
                    SortedGroups(ReadAll(root_ + "/etc/group")) + "shadow\n" +
                    Sorted(WithoutDays(ReadAll(root_ + "/etc/shadow")), '\n');
  std::map<std::string, std::string> files;
  for (const auto& home : fs::directory_iterator(root_ + "/home")) {
    if (home.path().filename() == "driver" || !home.is_directory()) continue;
    for (const auto& entry : fs::recursive_directory_iterator(home.path()))
      files[entry.path().string()] = entry.is_regular_file() ? ReadAll(entry.path()) : "";
  }
  for (const auto& [path, content] : files) all += path.substr(root_.size()) + "\n" + content;
  std::map<std::string, int> archives;  // Of whom: how many.
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/home/driver/hero/var/team_sync/archive"))
    if (entry.is_regular_file())
      ++archives[entry.path().filename().string().substr(0, entry.path().filename().string().find_first_of("-.@"))];
  for (const auto& [who, count] : archives) all += "archives of " + who + ": " + std::to_string(count) + "\n";
  std::map<std::string, std::string> repositories;
  for (const auto& org : fs::directory_iterator(root_ + "/home/driver/hero/forge")) {
    if (!org.is_directory()) continue;
    for (const auto& repository : fs::directory_iterator(org.path())) {
      if (!repository.path().string().ends_with(".git")) continue;
      std::string& text = repositories[repository.path().string().substr(root_.size())];
      for (const char* file : {"collaborators", "statuses"})
        text.append(file).append("\n").append(LinesOf(ReadAll(repository.path() / "hero" / file)));
    }
  }
  for (const auto& [path, text] : repositories) all.append(path).append("\n").append(text);
  return all;
}

std::optional<std::string> CrashBox::Objects() {
  std::string all;
  for (const char* resource : {"approvals.hero.dev", "namespaces", "repositories.hero.dev", "slots.hero.dev",
                               "teams.hero.dev", "uidreservations.hero.dev", "users.hero.dev"}) {
    const auto list = wire_.List(resource);
    if (!list) return std::nullopt;
    for (const auto& snapshot : list->items) {
      const auto object = api::codec::ParseObject(snapshot->text);
      const api::Json* spec = object->body.Find("spec");
      const api::Json* commit = object->body.At({"status", "lastSyncedCommit"});
      all += ToString(snapshot->key) + " " + WithoutTimes(spec ? api::codec::WriteJson(*spec) : "") + " " +
             (commit ? commit->StringOr("") : "") + (snapshot->is_deleting ? " deleting" : "");
      for (const api::Condition& condition : api::codec::CommonStatusOf(*object).conditions)
        all += " " + condition.type + "=" + std::string(ToString(condition.status)) + ":" + condition.reason;
      all += "\n";
    }
  }
  return all;
}

}  // namespace tests
