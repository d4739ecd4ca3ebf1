#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "host/accounts.h"
#include "host/homes.h"
#include "host/linux/files.h"
#include "host/priv/members.h"
#include "host/priv/messages.h"
#include "host/priv/socket.h"
#include "host/sessions.h"
#include "host/work.h"

namespace host::priv {

/// What the verbs are done with. All thread-safe; they outlive the verbs. Each checks again what it is asked for.
struct VerbSeams {
  const Members& members;  ///< Who may be changed at all.
  Accounts& accounts;
  Homes& homes;
  Work& work;
  Sessions* sessions = nullptr;  ///< None: a throw-away root, in which nobody logs in.
  uid_t caller = 0;              ///< Whose archives are written.
};

/// herod-priv's side of the verbs: reads a request, decides whether it may be, does it, words the answer. Of the verbs
/// about hints it knows nothing (host/priv/hints.h). Thread-safe.
class Verbs {
 public:
  explicit Verbs(const VerbSeams& seams) : seams_(seams) {}

  /// The answer's packet; none for a packet that is no request: whoever sent it is not ours to talk to. Takes what the
  /// verb takes at most (docs/herod-priv.md), less when stop is asked for.
  std::optional<std::string> Answer(const Packet& packet, const std::stop_token& stop);

 private:
  api::Expected<std::optional<Account>> Do(const FindAccount& request) const;
  api::Expected<Account> Do(const EnsureAccount& request);
  api::Expected<LookHomes::Seen> Do(const LookHomes& request);
  api::Expected<void> Do(const EnsureHome& request);
  api::Expected<void> Do(const WriteKeys& request);
  api::Expected<bool> Do(const HasWork& request);
  api::Expected<Packed> Do(const PackWork& request, const linux::Fd& archive, const std::stop_token& stop);
  api::Expected<SessionsState> Do(const LookSessions& request);
  api::Expected<void> Do(const EndSessions& request);
  api::Expected<void> Do(const DropJobs& request);

  api::Expected<std::string> HomeOf(const std::string& name) const;
  api::Expected<void> CheckArchive(const linux::Fd& archive) const;

  const VerbSeams seams_;
};

}  // namespace host::priv
