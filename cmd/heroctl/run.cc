#include "cmd/heroctl/commands.h"

namespace heroctl {

int Run(const Session& session, const Flags& flags) {
  switch (flags.command) {
    case Command::kApply:
      return RunApply(session, flags);
    case Command::kApprove:
      return RunApprove(session, flags);
    case Command::kAuditVerify:
      return RunAuditVerify(session, flags);
    case Command::kBackup:
      return RunBackup(session, flags);
    case Command::kRestore:
      return RunRestore(session, flags);
    case Command::kDelete:
      return RunDelete(session, flags);
    case Command::kEvents:
      return RunEvents(session, flags);
    case Command::kKinds:
      return RunKinds(session, flags);
    case Command::kKubeconfig:
      return RunKubeconfig(session, flags);
    case Command::kTokenCreate:
      return RunTokenCreate(session, flags);
    case Command::kTokenList:
      return RunTokenList(session, flags);
    case Command::kTokenRevoke:
      return RunTokenRevoke(session, flags);
    case Command::kReconcile:
      return RunReconcile(session, flags);
    case Command::kResume:
      return RunResume(session, flags);
    case Command::kSuspend:
      return RunSuspend(session, flags);
    case Command::kWhy:
      return RunWhy(session, flags);
    case Command::kGet:
      return RunGet(session, flags);
    case Command::kDescribe:
      return RunDescribe(session, flags);
    case Command::kWait:
      return RunWait(session, flags);
    case Command::kPlan:
      return RunPlan(session, flags);
    case Command::kSeed:
      return RunSeed(session, flags);
    case Command::kValidate:
      return RunValidate(session, flags);
    case Command::kVersion:
      return RunVersion(session, flags);
  }
  return 1;
}

}  // namespace heroctl
