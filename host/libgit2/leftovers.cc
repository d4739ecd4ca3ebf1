#include "host/libgit2/leftovers.h"

#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace host::libgit2 {

namespace fs = std::filesystem;

void RemoveLeftovers(const std::string& repository, api::Time now, std::chrono::milliseconds age_max) {
  const auto remove_if_stale = [&](const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return;
    const api::Time changed(std::chrono::seconds(status.st_mtim.tv_sec));
    if (now - changed >= age_max) ::unlink(path.c_str());
  };
  std::error_code error;  // What cannot be read git will say.
  for (fs::directory_iterator entry(repository, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".lock") remove_if_stale(entry->path());
  }
  for (fs::recursive_directory_iterator entry(repository + "/refs", error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".lock") remove_if_stale(entry->path());
  }
  for (fs::directory_iterator entry(repository + "/objects/pack", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("tmp_") || name.ends_with(".keep")) remove_if_stale(entry->path());
  }
}

}  // namespace host::libgit2
