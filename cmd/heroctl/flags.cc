#include "cmd/heroctl/flags.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include <CLI/CLI.hpp>

#include "cmd/heroctl/completion.h"

namespace heroctl {
namespace {

constexpr int kUsageError = 1;  // 2 means `plan` found changes, so a mistyped flag must not look like it.

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 an error, or a wait that was not met in time; 2 `plan` found something to do, `validate` something wrong.\n"
    "Names may be written with _ for -. Colours only in a terminal, and not with NO_COLOR set.\n";

/// It becomes a line of the request: nothing that could end that line, and nothing that the server would refuse.
std::string IsMemberName(const std::string& name) {
  constexpr std::string_view kOthers = "_-.@";
  const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
  return is_name ? "" : "a member's name has letters, digits and . _ - @ alone";
}

CLI::App* AddCommand(CLI::App& app, Flags& flags, Command command, const std::string& name, const std::string& help) {
  CLI::App* added = app.add_subcommand(name, help);
  added->fallthrough();  // --socket may stand behind the command.
  added->callback([&flags, command] { flags.command = command; });
  return added;
}

void AddObjects(CLI::App& command, Flags& flags, const std::string& help) {
  command.add_option("objects", flags.objects, help);
  command.add_option("-n,--namespace", flags.namespace_, "Namespace of namespaced kinds")->capture_default_str();
}

/// Of commands that work on many: by name, by label, or all.
void AddChoice(CLI::App& command, Flags& flags) {
  AddObjects(command, flags, "KIND NAME... or KIND/NAME...");
  command.add_option("-l,--selector", flags.selector, "Label selector");
  command.add_flag("--all", flags.is_all, "Every object of the kind that there is now");
  command.add_flag("-A,--all-namespaces", flags.is_everywhere, "All namespaces");
}

void AddFiles(CLI::App& command, Flags& flags) {
  command.add_option("-f,--filename", flags.files,
                     "File, folder (its .yaml, .yml and .json files), or - for standard input");
  command.add_flag("-R,--recursive", flags.is_recursive, "Folders in folders too");
}

void AddDryRun(CLI::App& command, Flags& flags) {
  command.add_option("--dry-run", flags.dry_run, "server: all checks, no change")
      ->check(CLI::IsMember({"none", "server"}))
      ->capture_default_str();
}

void AddGet(CLI::App& app, Flags& flags) {
  CLI::App* get =
      AddCommand(app, flags, Command::kGet, "get",
                 "Show objects\n"
                 "  heroctl get users\n  heroctl get user alice -o yaml\n  heroctl get teams,users -A -o wide\n"
                 "  heroctl get queue    # What every controller has to do and is doing");
  AddObjects(*get, flags, "KIND [NAME...], KIND/NAME..., or KIND,KIND");
  get->add_option("-o,--output", flags.output, "wide, yaml, json, name, jsonpath=TEMPLATE");
  get->add_option("-l,--selector", flags.selector, "Label selector: a=b,c!=d,e in (f,g)");
  get->add_flag("-A,--all-namespaces", flags.is_everywhere, "All namespaces");
  get->add_flag("-w,--watch", flags.is_watch, "Then show what changes");
  get->add_flag("--no-headers", flags.has_no_headers, "Without the line of column names");
}

void AddDescribe(CLI::App& app, Flags& flags) {
  CLI::App* describe =
      AddCommand(app, flags, Command::kDescribe, "describe", "Show objects in full, with their events");
  AddObjects(*describe, flags, "KIND [NAME...] or KIND/NAME...");
  describe->add_option("-l,--selector", flags.selector, "Label selector");
  describe->add_flag("-A,--all-namespaces", flags.is_everywhere, "All namespaces");
}

void AddEvents(CLI::App& app, Flags& flags) {
  CLI::App* events = AddCommand(app, flags, Command::kEvents, "events",
                                "Show what happened, oldest first\n"
                                "  heroctl events --for user/alice\n  heroctl events --types=Warning -w");
  events->add_option("-n,--namespace", flags.namespace_, "Namespace; that of cluster-scoped objects is default")
      ->capture_default_str();
  events->add_flag("-A,--all-namespaces", flags.is_everywhere, "All namespaces");
  events->add_option("--for", flags.about, "KIND/NAME: only of that object");
  events->add_option("--types", flags.types, "Normal, Warning, or both with a comma");
  events->add_option("-o,--output", flags.output, "yaml, json, name");
  events->add_flag("-w,--watch", flags.is_watch, "Then show what comes");
  events->add_flag("--no-headers", flags.has_no_headers, "Without the line of column names");
}

void AddApply(CLI::App& app, Flags& flags) {
  CLI::App* apply =
      AddCommand(app, flags, Command::kApply, "apply",
                 "Make objects as files have them; fields that a file gave up are removed, those it never had stay\n"
                 "  heroctl apply -f team.yaml -f more/\n  heroctl get user alice -o yaml | heroctl apply -f -");
  AddFiles(*apply, flags);
  apply->get_option("--filename")->required();
  apply->add_option("-n,--namespace", flags.namespace_, "Namespace of objects that name none")->capture_default_str();
  AddDryRun(*apply, flags);
  apply->add_option("--validate", flags.validation, "What an unknown field is: an error, a warning, nothing")
      ->check(CLI::IsMember({"strict", "warn", "ignore"}))
      ->capture_default_str();
}

void AddDelete(CLI::App& app, Flags& flags) {
  CLI::App* removal = AddCommand(app, flags, Command::kDelete, "delete",
                                 "Delete objects, and wait until they are gone\n"
                                 "  heroctl delete user alice bob\n  heroctl delete -f team.yaml --wait=false");
  AddChoice(*removal, flags);
  AddFiles(*removal, flags);
  AddDryRun(*removal, flags);
  removal->add_flag("--ignore-not-found", flags.is_missing_fine, "What is not there is no error");
  removal->add_flag("--wait", flags.waits_for_deletion, "Until finalizers have done their work; --wait=false does not");
  removal->add_option("--timeout", flags.timeout, "For all of them together (default: 5m)");
}

void AddWait(CLI::App& app, Flags& flags) {
  CLI::App* wait =
      AddCommand(app, flags, Command::kWait, "wait",
                 "Wait until objects are as you want them; exits 0 when they are, 1 on an error or after the timeout\n"
                 "  heroctl wait user alice --for=condition=Ready --timeout=5m");
  AddChoice(*wait, flags);
  wait->add_option("--for", flags.wait_for, "condition=TYPE[=VALUE], delete, or jsonpath={PATH}=VALUE")->required();
  wait->add_option("--timeout", flags.timeout, "For all of them together: 90s, 5m, 1h30m (default: 30s)");
}

/// What a box would know from herod.toml and its keys.
void AddTeamRules(CLI::App& command, Flags& flags) {
  command.add_option("--known-keys", flags.known_keys, "File with the names of the organisation's keys, one a line");
  command.add_option("--groups", flags.groups, "Groups that may be assigned, as [accounts].groups of herod.toml")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--orgs", flags.orgs, "Organisations that manifests may name, as [repos].orgs")
      ->delimiter(',')
      ->capture_default_str();
}

void AddTeamFiles(CLI::App& app, Flags& flags) {
  CLI::App* validate =
      AddCommand(app, flags, Command::kValidate, "validate",
                 "Check a directory with hero_team, without a box; exits 0 when all files are good, 2 when one is not, "
                 "1 on an error\n"
                 "  heroctl validate ./hero_team --known-keys keys.txt");
  validate->add_option("directory", flags.objects, "Where users/ and manifest_templates/ are (default: .)");
  AddTeamRules(*validate, flags);
  CLI::App* seed = AddCommand(app, flags, Command::kSeed, "seed",
                              "Write a hero_team from the accounts of a box that has none yet\n"
                              "  heroctl seed --passwd /etc/passwd ./hero_team");
  seed->add_option("directory", flags.objects, "The directory to write; new or empty")->required();
  seed->add_option("--passwd", flags.passwd, "passwd of that box; group, shadow and homes are looked for beside it")
      ->required();
  AddTeamRules(*seed, flags);
}

void AddBackup(CLI::App& app, Flags& flags) {
  AddCommand(app, flags, Command::kBackup, "backup",
             "Write what is in no git to a file: the numbers that members were given\n"
             "  heroctl backup /root/box.yaml")
      ->add_option("file", flags.objects, "The file to write; replaced whole")
      ->required()
      ->expected(1);
  AddCommand(app, flags, Command::kRestore, "restore",
             "Bring the numbers of a backup to a new box, before it follows hero_team (herod --observe-only)\n"
             "  heroctl restore /root/box.yaml")
      ->add_option("file", flags.objects, "A file of heroctl backup; - for standard input")
      ->required()
      ->expected(1);
}

void AddPlan(CLI::App& app, Flags& flags) {
  CLI::App* plan =
      AddCommand(app, flags, Command::kPlan, "plan",
                 "Show what herod would do now, and change nothing; exits 0 when there is nothing to do, 2 when "
                 "there is, 1 on an error\n"
                 "  heroctl plan\n  heroctl plan user alice\n"
                 "  heroctl plan ./hero_team                  # What its files would change, without a box\n"
                 "  heroctl plan ./hero_team --against v1.2");
  AddObjects(*plan, flags, "[KIND [NAME]], or a directory with hero_team: . or a path with /");
  plan->add_option("--against", flags.against,
                   "Compare the directory with that commit (default: where it left development)");
  AddTeamRules(*plan, flags);
  plan->add_option("-o,--output", flags.output, "json");
}

void AddWishes(CLI::App& app, Flags& flags) {
  CLI::App* reconcile = AddCommand(app, flags, Command::kReconcile, "reconcile",
                                   "Have objects looked at now\n  heroctl reconcile repository hero-team --wait");
  AddChoice(*reconcile, flags);
  reconcile->add_flag("--wait", flags.waits, "Until that was done");
  reconcile->add_option("--timeout", flags.timeout, "For all of them together (default: 5m)");
  CLI::App* suspend =
      AddCommand(app, flags, Command::kSuspend, "suspend",
                 "Stop the work on objects\n  heroctl suspend user alice --reason 'moving her home' --for 2h");
  AddChoice(*suspend, flags);
  suspend->add_option("--reason", flags.reason, "Why, for whoever finds it standing still");
  suspend->add_option("--for", flags.suspended_for, "How long: 30m, 2h; without it until it is resumed");
  AddChoice(*AddCommand(app, flags, Command::kResume, "resume", "Let the work on objects go on"), flags);
}

void AddQuestions(CLI::App& app, Flags& flags) {
  CLI::App* why = AddCommand(app, flags, Command::kWhy, "why",
                             "Show the last passes over an object: what woke it, what was done, what comes next\n"
                             "  heroctl why user alice");
  AddObjects(*why, flags, "KIND NAME or KIND/NAME");
  why->add_option("-o,--output", flags.output, "json");
  CLI::App* approve = AddCommand(app, flags, Command::kApprove, "approve",
                                 "Let held steps be done\n"
                                 "  heroctl get approvals\n  heroctl approve 1a2b3c4d    # The first 8 digits or more\n"
                                 "All 64 digits may also be given before the steps are held.");
  approve->add_option("hash", flags.objects, "Hash of the held steps")->required();
  CLI::App* kinds = AddCommand(app, flags, Command::kKinds, "kinds", "Show the kinds that there are");
  kinds->add_option("-o,--output", flags.output, "name");
  AddCommand(app, flags, Command::kVersion, "version", "Show the versions of heroctl and of the running herod")
      ->add_option("-o,--output", flags.output, "json");
}

void AddTokens(CLI::App& app, Flags& flags) {
  constexpr const char* kLife = "How long it counts: 12h, 720h (default: 24h; 2160h at most)";
  CLI::App* token = app.add_subcommand("token",
                                       "Tokens by which clients prove over the network who they are\n"
                                       "  heroctl token create --ttl 12h\n  heroctl token list\n"
                                       "  heroctl token revoke 0123456789abcdef");
  token->require_subcommand(1);
  token->fallthrough();
  CLI::App* create = AddCommand(*token, flags, Command::kTokenCreate, "create", "Make one, and show it this once");
  create->add_option("--user", flags.token_user, "For that member; operators only")->check(IsMemberName, "NAME");
  create->add_option("--ttl", flags.life, kLife);
  create->add_flag("--visitor", flags.is_visitor, "For somebody who may see what runs on the box, and no more");
  AddCommand(*token, flags, Command::kTokenList, "list", "Show your own; an operator sees all")
      ->add_option("--user", flags.token_user, "Of that user")
      ->check(IsMemberName, "NAME");
  AddCommand(*token, flags, Command::kTokenRevoke, "revoke", "End some at once")
      ->add_option("ids", flags.objects, "ID... as token list shows them")
      ->required();
  CLI::App* kubeconfig = AddCommand(app, flags, Command::kKubeconfig, "kubeconfig",
                                    "Print what kubectl and its like need to come here, with a new token in it\n"
                                    "  (umask 077; heroctl kubeconfig > ~/.kube/config)\n"
                                    "  heroctl --as alice kubeconfig");
  kubeconfig->add_option("--ttl", flags.life, kLife);
  kubeconfig->add_option("--server", flags.server, "URL by which the client comes (default: what herod says)");
}

void AddAudit(CLI::App& app, Flags& flags) {
  CLI::App* audit = app.add_subcommand("audit",
                                       "Check the audit log; exits 0 when it is whole, 1 when it was changed\n"
                                       "  heroctl audit verify\n"
                                       "  heroctl audit verify audit.log.2 audit.log.1 audit.log    # Oldest first");
  audit->require_subcommand(1);
  AddCommand(*audit, flags, Command::kAuditVerify, "verify", "Find lines that were changed, removed or put in")
      ->add_option("files", flags.objects, "The files, oldest first (default: this machine's, or $HERO_ROOT's)");
}

/// What the shells complete, read off the commands themselves.
std::vector<CommandWords> WordsOf(const CLI::App& app) {
  std::vector<CommandWords> all;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string help = command->get_description();
    CommandWords words{.name = command->get_name(), .help = help.substr(0, help.find('\n'))};
    for (const CLI::App* level : {command, &app}) {
      for (const CLI::Option* option : level->get_options()) {
        if (option->get_positional()) words.takes_objects = words.takes_objects || option->get_name() == "objects";
        for (const auto& [names, dashes] : {std::pair{option->get_snames(), "-"}, {option->get_lnames(), "--"}}) {
          for (const std::string& name : names) {
            words.options.push_back(dashes + name);
            if (option->get_items_expected_max() > 0) words.valued.push_back(dashes + name);
          }
        }
      }
    }
    all.push_back(std::move(words));
  }
  return all;
}

}  // namespace

std::variant<Flags, Finished> ParseFlags(int argc, const char* const* argv) {
  Flags flags;
  std::string shell;
  CLI::App app("heroctl looks at a Hero Team Box, changes its objects and waits for it", "heroctl");
  app.require_subcommand(1);
  app.footer(kFooter);
  app.add_option("--socket", flags.socket,
                 "Where herod listens (default: $HERO_SOCKET, $HERO_ROOT/run/hero/hero.sock, /run/hero/hero.sock)");
  app.add_option("--as", flags.act_as, "Act as that member; operators only")->check(IsMemberName, "NAME");
  AddGet(app, flags);
  AddDescribe(app, flags);
  AddEvents(app, flags);
  AddApply(app, flags);
  AddDelete(app, flags);
  AddWait(app, flags);
  AddPlan(app, flags);
  AddTeamFiles(app, flags);
  AddBackup(app, flags);
  AddWishes(app, flags);
  AddQuestions(app, flags);
  AddTokens(app, flags);
  AddAudit(app, flags);
  CLI::App* completion = app.add_subcommand("completion",
                                            "Print what makes a shell complete heroctl's words\n"
                                            "  source <(heroctl completion bash)");
  completion->add_option("shell", shell, "bash, fish, zsh")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stopped) {
    // CLI11 tells of help and of errors by an exception; this is the only file that knows.
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(stopped, out, err);
    return Finished{.exit_code = code == 0 ? 0 : kUsageError, .text = code == 0 ? out.str() : err.str()};
  }
  if (!completion->parsed()) return flags;
  const auto script = CompletionScript(shell, WordsOf(app));
  if (!script) return Finished{.exit_code = kUsageError, .text = "error: " + script.error().message + "\n"};
  return Finished{.text = *script};
}

}  // namespace heroctl
