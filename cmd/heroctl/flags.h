#pragma once

#include <string>
#include <variant>
#include <vector>

namespace heroctl {

enum class Command {
  kApply,
  kApprove,
  kAuditVerify,
  kBackup,
  kDelete,
  kDescribe,
  kEvents,
  kGet,
  kKinds,
  kKubeconfig,
  kPlan,
  kReconcile,
  kRestore,
  kResume,
  kSeed,
  kSuspend,
  kTokenCreate,
  kTokenList,
  kTokenRevoke,
  kValidate,
  kVersion,
  kWait,
  kWhy,
};

/// What was typed, not yet looked at.
struct Flags {
  Command command = Command::kVersion;
  std::vector<std::string> objects{};  ///< `users alice`, `teams,users`, `user/alice`
  std::vector<std::string> files{};    ///< -f
  std::string socket{};                ///< Empty: client::FindSocket decides.
  std::string act_as{};                ///< --as
  std::string namespace_ = "default";
  std::string output{};                                   ///< -o
  std::string selector{};                                 ///< -l
  std::string wait_for{};                                 ///< wait --for
  std::string timeout{};                                  ///< Empty: the command's own.
  std::string about{};                                    ///< events --for
  std::string types{};                                    ///< events --types
  std::string reason{};                                   ///< suspend --reason
  std::string suspended_for{};                            ///< suspend --for
  std::string against{};                                  ///< plan --against
  std::string known_keys{};                               ///< validate, plan --known-keys
  std::string passwd{};                                   ///< seed --passwd
  std::string token_user{};                               ///< token create, list --user
  std::string life{};                                     ///< token create, kubeconfig --ttl
  std::string server{};                                   ///< kubeconfig --server
  std::vector<std::string> groups{"developers", "hero"};  ///< validate, plan, seed --groups: as [accounts].groups
  std::vector<std::string> orgs{"lhumina_code"};          ///< validate, plan, seed --orgs: as [repos].orgs
  std::string dry_run = "none";                           ///< `none`, `server`
  std::string validation = "strict";                      ///< `strict`, `warn`, `ignore`
  bool is_everywhere = false;                             ///< -A
  bool is_watch = false;                                  ///< -w
  bool is_recursive = false;                              ///< -R
  bool has_no_headers = false;
  bool is_all = false;             ///< --all
  bool waits = false;              ///< reconcile --wait
  bool waits_for_deletion = true;  ///< delete --wait
  bool is_missing_fine = false;    ///< delete --ignore-not-found
  bool is_visitor = false;         ///< token create --visitor
};

/// Nothing is left to do: help was asked for, or what was typed cannot be understood.
struct Finished {
  int exit_code = 0;
  std::string text{};  ///< For standard output when the code is 0, else for standard error.
};

/// Reads the command line. Never exits by itself.
std::variant<Flags, Finished> ParseFlags(int argc, const char* const* argv);

}  // namespace heroctl
