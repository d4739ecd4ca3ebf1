#include "server/caller.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <vector>

namespace server {
namespace {

constexpr std::size_t kEntryBytesMax = 1u
                                       << 20;  // A group of all members of a large box; a passwd line is below 1 KiB.
constexpr int kGroupsMax = 65536;              // The kernel's bound, NGROUPS_MAX.

struct Account {
  std::string name{};
  gid_t gid = 0;
};

std::optional<Account> FindAccount(uid_t uid) {
  std::vector<char> buffer(1024);
  passwd entry{};
  passwd* found = nullptr;
  while (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < kEntryBytesMax)
    buffer.resize(buffer.size() * 2);
  return found ? std::optional<Account>({found->pw_name, found->pw_gid}) : std::nullopt;
}

std::optional<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(1024);
  group entry{};
  group* found = nullptr;
  while (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < kEntryBytesMax)
    buffer.resize(buffer.size() * 2);
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

bool IsMember(const Account& account, const std::string& group) {
  const auto wanted = FindGroup(group);
  if (!wanted) return false;
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) < 0) {
    if (count > kGroupsMax) return false;
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), *wanted) != groups.end();
}

}  // namespace

std::string PlaceOf(const Caller& peer) {
  if (peer.address.empty())
    return "control socket, uid " + std::to_string(peer.uid) + ", pid " + std::to_string(peer.pid);
  return peer.name.empty() ? peer.address : peer.address + ", as " + peer.name;
}

Caller Identify(const Peer& peer, const Operators& operators) {
  const auto account = FindAccount(peer.uid);
  const bool is_root = peer.uid == 0 || peer.uid == operators.daemon;
  return {.uid = peer.uid,
          .gid = peer.gid,
          .pid = peer.pid,
          .name = account ? account->name : "uid:" + std::to_string(peer.uid),
          .is_operator = is_root || (account && IsMember(*account, operators.group))};
}

}  // namespace server
