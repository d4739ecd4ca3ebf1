#pragma once

#include "cmd/heroctl/flags.h"
#include "cmd/heroctl/session.h"

/// One function per command; each returns the exit code: 0, or 1 after it has said what went wrong.
namespace heroctl {

int RunApply(const Session& session, const Flags& flags);
int RunApprove(const Session& session, const Flags& flags);
int RunAuditVerify(const Session& session, const Flags& flags);
int RunBackup(const Session& session, const Flags& flags);
int RunDelete(const Session& session, const Flags& flags);
int RunDescribe(const Session& session, const Flags& flags);
int RunEvents(const Session& session, const Flags& flags);
int RunGet(const Session& session, const Flags& flags);
int RunKinds(const Session& session, const Flags& flags);
int RunKubeconfig(const Session& session, const Flags& flags);
/// 2 when there is something to do.
int RunPlan(const Session& session, const Flags& flags);
int RunReconcile(const Session& session, const Flags& flags);
int RunRestore(const Session& session, const Flags& flags);
int RunResume(const Session& session, const Flags& flags);
int RunSeed(const Session& session, const Flags& flags);
int RunSuspend(const Session& session, const Flags& flags);
int RunTokenCreate(const Session& session, const Flags& flags);
int RunTokenList(const Session& session, const Flags& flags);
int RunTokenRevoke(const Session& session, const Flags& flags);
/// 2 when a file is wrong.
int RunValidate(const Session& session, const Flags& flags);
int RunVersion(const Session& session, const Flags& flags);
int RunWait(const Session& session, const Flags& flags);
int RunWhy(const Session& session, const Flags& flags);

/// The command that was typed.
int Run(const Session& session, const Flags& flags);

}  // namespace heroctl
