#pragma once

#include <memory>

#include "api/meta/expected.h"
#include "cmd/config/config.h"
#include "host/accounts.h"
#include "host/archives.h"
#include "host/box_paths.h"
#include "host/clock.h"
#include "host/file_watch.h"
#include "host/homes.h"
#include "host/priv/client.h"
#include "host/sessions.h"
#include "host/work.h"

namespace herod {

/// What a box needs root for. In a rootless one we do it, below its root; in a real one herod-priv is asked.
struct HostSeams {
  std::unique_ptr<host::priv::Client> client{};  ///< Of a real box alone.
  std::unique_ptr<host::FileWatch> own_watch{};  ///< What we may watch ourselves; not used directly.
  std::unique_ptr<host::FileWatch> file_watch{};
  std::unique_ptr<host::Accounts> accounts{};
  std::unique_ptr<host::Numbers> numbers{};
  std::unique_ptr<host::Homes> homes{};
  std::unique_ptr<host::Work> work{};
  std::unique_ptr<host::Archives> archives{};
  std::unique_ptr<host::Sessions> sessions{};  ///< Of a real box alone: nobody logs in to the other.

  host::FileWatch* Watch() const { return file_watch ? file_watch.get() : own_watch.get(); }
};

/// Errors: kUnavailable. `clock` outlives the seams.
api::Expected<HostSeams> OpenHostSeams(const host::BoxPaths& paths, const AccountsSection& section,
                                       const host::Clock& clock);

}  // namespace herod
