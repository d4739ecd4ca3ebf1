#include "cmd/herod/host_seams.h"

#include <utility>

#include "host/libarchive/work.h"
#include "host/linux/file_watch.h"
#include "host/linux/kept_archives.h"
#include "host/passwd/accounts.h"
#include "host/passwd/numbers.h"
#include "host/passwd/sandbox_homes.h"
#include "host/priv/seams.h"
#include "host/priv/watch.h"

namespace herod {

api::Expected<HostSeams> OpenHostSeams(const host::BoxPaths& paths, const AccountsSection& section,
                                       const host::Clock& clock) {
  HostSeams seams;
  auto own_watch = host::linux::InotifyWatch::Create();
  if (!own_watch) return own_watch.error();
  seams.own_watch = *std::move(own_watch);
  if (!paths.root.empty()) {
    seams.accounts = std::make_unique<host::passwd::FileAccounts>(
        paths.etc, clock,
        host::passwd::AccountsOptions{.rules = {.assignable_groups = section.groups}, .makes_missing_files = true});
    seams.homes = std::make_unique<host::passwd::SandboxHomes>(paths.root);
    seams.work = std::make_unique<host::libarchive::LibWork>(paths.root);
  } else {
    seams.client = std::make_unique<host::priv::Client>(paths.priv_socket);
    auto file_watch = host::priv::PrivWatch::Create(*seams.own_watch, *seams.client);
    if (!file_watch) return file_watch.error();
    seams.file_watch = *std::move(file_watch);
    seams.accounts = std::make_unique<host::priv::PrivAccounts>(*seams.client);
    seams.homes = std::make_unique<host::priv::PrivHomes>(*seams.client);
    seams.work = std::make_unique<host::priv::PrivWork>(*seams.client);
    seams.sessions = std::make_unique<host::priv::PrivSessions>(*seams.client);
  }
  seams.numbers = std::make_unique<host::passwd::FileNumbers>(paths.etc);
  seams.archives = std::make_unique<host::linux::KeptArchives>(paths.archive, *seams.work);
  return seams;
}

}  // namespace herod
