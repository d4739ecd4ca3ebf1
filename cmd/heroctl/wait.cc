#include "client/wait.h"

#include "cmd/heroctl/commands.h"
#include "cmd/heroctl/objects.h"

namespace heroctl {
int RunWait(const Session& session, const Flags& flags) {
  const auto wait = client::ParseWaitFor(flags.wait_for);
  if (!wait) return Fail(session, wait.error());
  const auto timeout = ReadTimeout(flags, "30s");
  if (!timeout) return Fail(session, timeout.error());
  const auto objects = ReadObjects(session, flags);
  if (!objects) return Fail(session, objects.error());
  const auto keys = ReadKeys(session, flags, *objects);
  if (!keys) return Fail(session, keys.error());
  const bool is_deletion = wait->what == client::WaitFor::What::kDeletion;
  if (keys->empty() && !is_deletion) return Fail(session, UsageError("no matching resources found"));
  const auto met = [&](const api::ObjectKey& key) {
    session.out << NameLine(*objects->kinds->FindResource(key.resource), key.name)
                << (is_deletion ? " deleted" : " condition met") << std::endl;
  };
  const auto waited = client::WaitUntil(session.client, *keys, *wait, *timeout, session.clock, {}, met);
  return waited ? 0 : Fail(session, waited.error());
}

}  // namespace heroctl
