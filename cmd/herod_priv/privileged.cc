#include "cmd/herod_priv/privileged.h"

#include <thread>
#include <unistd.h>
#include <utility>

#include "host/libarchive/work.h"
#include "host/linux/clock.h"
#include "host/linux/file_watch.h"
#include "host/linux/processes.h"
#include "host/passwd/accounts.h"
#include "host/passwd/homes.h"
#include "host/passwd/member_sessions.h"
#include "host/passwd/member_work.h"
#include "host/passwd/name_service.h"
#include "host/passwd/sandbox_homes.h"
#include "host/priv/hints.h"
#include "host/priv/members.h"
#include "host/priv/server.h"
#include "host/priv/verbs.h"

namespace herod_priv {

struct Privileged::Parts {
  explicit Parts(PrivilegedOptions options)
      : root(std::move(options.root)),
        caller(options.caller),
        accounts(root + "/etc", clock,
                 {.rules = {.assignable_groups = std::move(options.groups)},
                  .name_service = root.empty() ? &getent : nullptr,
                  .makes_missing_files = !root.empty()}),
        members({.root = root, .adoptable = std::move(options.adoptable)}, accounts) {
    const std::string top = root.empty() ? "/" : root;
    if (root.empty() || ::geteuid() == 0) {
      homes = std::make_unique<host::passwd::MemberHomes>(
          host::passwd::HomesOptions{
              .root = top, .skeleton = root + "/etc/skel", .helper = host::linux::ProgramBesideUs("herod-home")},
          accounts, processes);
      work = std::make_unique<host::passwd::MemberWork>(top, host::linux::ProgramBesideUs("herod-pack"), accounts,
                                                        processes);
    } else {
      homes = std::make_unique<host::passwd::SandboxHomes>(root);
      work = std::make_unique<host::libarchive::LibWork>(root);
    }
    if (root.empty())
      sessions = std::make_unique<host::passwd::MemberSessions>(
          host::passwd::SessionsOptions{.helper = host::linux::ProgramBesideUs("herod-home")}, accounts, processes);
  }

  const std::string root;
  const uid_t caller;
  host::linux::SystemClock clock;
  host::linux::SpawnedProcesses processes;
  host::passwd::Getent getent{processes};
  host::passwd::FileAccounts accounts;
  host::priv::Members members;
  std::unique_ptr<host::Homes> homes;
  std::unique_ptr<host::Work> work;
  std::unique_ptr<host::Sessions> sessions;
  std::unique_ptr<host::linux::InotifyWatch> watch;
};

Privileged::Privileged(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Privileged::~Privileged() = default;

api::Expected<std::unique_ptr<Privileged>> Privileged::Open(PrivilegedOptions options) {
  auto parts = std::make_unique<Parts>(std::move(options));
  auto watch = host::linux::InotifyWatch::Create(host::linux::InotifyWatch::Links::kRefuse);
  if (!watch) return watch.error();
  parts->watch = *std::move(watch);
  return std::unique_ptr<Privileged>(new Privileged(std::move(parts)));
}

api::Expected<void> Privileged::Run(const host::linux::Fd& listener, std::stop_token stop) {
  Parts& parts = *parts_;
  host::priv::Verbs verbs({.members = parts.members,
                           .accounts = parts.accounts,
                           .homes = *parts.homes,
                           .work = *parts.work,
                           .sessions = parts.sessions.get(),
                           .caller = parts.caller});
  host::priv::Hints hints(parts.root, parts.members, *parts.watch);
  // They end with us, also when we cannot serve.
  const std::jthread telling([&hints](const std::stop_token& end) { hints.Run(end); });
  const std::jthread watching([&parts](const std::stop_token& end) { parts.watch->Run(end); });
  return host::priv::Server(verbs, hints, {.caller = parts.caller}).Run(listener, stop);
}

}  // namespace herod_priv
