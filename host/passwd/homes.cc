#include "host/passwd/homes.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "host/passwd/home_files.h"
#include "host/passwd/member_owner.h"
#include "host/passwd/member_process.h"

namespace host::passwd {

namespace {

namespace fs = std::filesystem;
using api::Code;
using linux::Fd;
using linux::SystemError;

constexpr std::string_view kHomes = "/home/";
constexpr mode_t kPrivateDirectory = 0700;
constexpr int kDirectory = O_PATH | O_DIRECTORY;

/// /home, in which nobody but us may make, rename or remove anything: all that follows relies on it.
api::Expected<Fd> OpenHomes(const std::string& root) {
  auto top = linux::Open(root, kDirectory);
  if (!top) return api::Error{Code::kUnavailable, "BoxRootUnavailable", top.error().message};
  auto homes = MakeDirectory(*top, "home", 0755, kDirectory, "/home");
  if (!homes) return homes;
  struct stat status {};
  if (::fstat(homes->get(), &status) != 0) return SystemError("stat /home", errno);
  if (status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return homes;
  return api::Error{Code::kForbidden, "UnsafeHomes", "/home can be written to by others; give it to root, mode 0755"};
}

/// Copies the skeleton, each copy given to the owner. Both trees are root's alone meanwhile, so paths do.
api::Expected<void> CopySkeleton(const std::string& skeleton, const fs::path& to, uid_t uid, gid_t gid) {
  std::error_code error;
  if (!fs::exists(skeleton, error)) return {};
  fs::copy(skeleton, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  for (auto entry = fs::recursive_directory_iterator(to, error); !error && entry != fs::recursive_directory_iterator();
       entry.increment(error)) {
    if (::lchown(entry->path().c_str(), uid, gid) != 0) return SystemError("chown a copy of " + skeleton, errno);
  }
  if (!error) return {};
  return SystemError("copy " + skeleton + " to a new home", error.value());
}

/// Whose a directory is that stands in /home under the member's own name, or under the one that it is made by.
api::Expected<uid_t> HolderOf(const Fd& directory, const std::string& shown) {
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return SystemError("stat " + shown, errno);
  return status.st_uid;
}

/// Makes group and mode of the member's directory what they have to be, through the descriptor. Whose it is, is never
/// changed: what somebody else made under a name is not for whoever gets that name.
api::Expected<void> Mend(const Fd& home, const Owner& owner, const std::string& shown) {
  struct stat status {};
  if (::fstat(home.get(), &status) != 0) return SystemError("stat " + shown, errno);
  if (status.st_uid != owner.uid) {
    return ForeignHome(shown, "it is here already and belongs to uid " + std::to_string(status.st_uid) +
                                  "; if it is this member's, chown it to " + std::to_string(owner.uid) +
                                  ", else move it away or choose another name for the member");
  }
  if (status.st_gid != owner.gid && ::fchownat(home.get(), "", static_cast<uid_t>(-1), owner.gid, AT_EMPTY_PATH) != 0) {
    return SystemError("chgrp " + shown, errno);
  }
  return SetMode(home, kPrivateDirectory, shown);
}

/// A new home beside its place: root's until it is whole, so nobody sees half of it or can meddle, and then the
/// member's before it has its name, so a home is never in place and another's. What a killed run left there is the
/// member's and whole, or root's and thrown away. A member's name begins with a letter, so the name is nobody's.
api::Expected<void> MakeAside(const Fd& homes, const std::string& making, const HomesOptions& options,
                              const Owner& owner) {
  const std::string shown = std::string(kHomes) + making;
  const fs::path path = fs::path(options.root) / "home" / making;
  std::error_code error;
  if (const auto left = OpenDirectory(homes, making, kDirectory, shown)) {
    const auto holder = HolderOf(*left, shown);
    if (!holder) return holder.error();
    if (*holder == owner.uid) return {};
    if (*holder != ::geteuid())
      return ForeignHome(shown, "it belongs to uid " + std::to_string(*holder) + "; move it away");
    fs::remove_all(path, error);
  } else if (left.error().code != Code::kNotFound) {
    return left.error();
  }
  const auto made = MakeDirectory(homes, making, kPrivateDirectory, kDirectory, shown);
  if (!made) return made.error();
  if (auto copied = CopySkeleton(options.skeleton, path, owner.uid, owner.gid); !copied) {
    fs::remove_all(path, error);
    return copied;
  }
  if (::fchownat(made->get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0)
    return SystemError("chown " + shown, errno);
  return {};
}

}  // namespace

api::Expected<HomeState> MemberHomes::Look(std::string_view home) const {
  const auto owner = OwnerOf(accounts_, home);
  if (!owner) return owner.error();
  const auto directory = OpenHome(options_.root, home);
  if (!directory && directory.error().code == Code::kNotFound) return HomeState{};
  if (!directory) return directory.error();
  if (!*owner) return HomeState{.exists = true};
  return LookAt(*directory, std::string(home), (*owner)->uid);
}

api::Expected<void> MemberHomes::EnsureHome(std::string_view home, std::int64_t uid, std::int64_t gid) {
  const auto owner = OwnerOf(accounts_, home);
  if (!owner) return owner.error();
  if (!*owner || (*owner)->uid != uid || (*owner)->gid != gid) {
    return ForeignHome(home, "the account of that name has not the number " + std::to_string(uid));
  }
  const std::string shown(home);
  const std::string name(home.substr(kHomes.size()));
  const auto homes = OpenHomes(options_.root);
  if (!homes) return homes.error();
  const auto present = OpenDirectory(*homes, name, kDirectory, shown);
  if (present) return Mend(*present, **owner, shown);
  if (present.error().code != Code::kNotFound) return present.error();
  const std::string making = "." + name + ".making";
  if (auto made = MakeAside(*homes, making, options_, **owner); !made) return made;
  if (::renameat2(homes->get(), making.c_str(), homes->get(), name.c_str(), RENAME_NOREPLACE) != 0) {
    return SystemError("make " + shown, errno);
  }
  return {};
}

api::Expected<void> MemberHomes::WriteAuthorizedKeys(std::string_view home, std::string_view content) {
  const auto owner = OwnerOf(accounts_, home);
  if (!owner) return owner.error();
  const auto directory = OpenHome(options_.root, home);
  if (!directory) return directory.error();
  if (!*owner) return ForeignHome(home, "there is no account of that name");
  const auto written = RunAsMember(processes_, {.program = options_.helper,
                                                .task = "keys",
                                                .owner = **owner,
                                                .home = std::string(home),
                                                .directory = directory->get(),
                                                .content = std::string(content)});
  if (!written) return written.error();
  return {};
}

}  // namespace host::passwd
