#include "cmd/herod/box.h"

#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "api/v1/team.h"
#include "cmd/herod/forge.h"
#include "cmd/herod/host_seams.h"
#include "cmd/herod/network.h"
#include "controllers/repository/repository_controller.h"
#include "controllers/team/team_controller.h"
#include "controllers/user/user_controller.h"
#include "crds/catalog.h"
#include "host/libgit2/git.h"
#include "host/linux/append_log.h"
#include "host/linux/clock.h"
#include "host/linux/entropy.h"
#include "host/linux/processes.h"
#include "host/linux/team_sync.h"
#include "host/log.h"
#include "reconciler/admission.h"
#include "reconciler/audit_chain.h"
#include "reconciler/embedded.h"
#include "reconciler/typed.h"
#include "server/listener.h"
#include "server/surface.h"

namespace herod {
namespace {

using api::Code;
using api::Error;
using api::Expected;

/// Users are many, and their account changes join one rewrite of the account files: so many at a time. They wait for
/// the disk and for members' processes, not for a core.
constexpr int kUserWorkers = 64;

Expected<void> MakeDirectory(const std::string& path, std::filesystem::perms mode) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) std::filesystem::permissions(path, mode, error);
  if (error)
    return Error{Code::kUnavailable, "NoDirectory",
                 "cannot make " + path + ": " + error.message() + "; mend its permissions, or choose another --root"};
  return {};
}

Expected<void> MakeDirectories(const host::BoxPaths& paths) {
  using std::filesystem::perms;
  const perms open = perms::owner_all | perms::group_read | perms::group_exec | perms::others_read | perms::others_exec;
  const std::string run = paths.control_socket.substr(0, paths.control_socket.rfind('/'));
  std::vector<std::pair<std::string, perms>> wanted;
  // Those of a real box are there, and root's (packaging/).
  if (!paths.root.empty()) wanted = {{paths.etc, open}, {paths.Inside("/home"), open}, {run, open}};
  for (const std::string& own :
       {paths.driver_home, paths.state, paths.mirrors, paths.team_sync, paths.archive, paths.forge})
    wanted.emplace_back(own, perms::owner_all);
  for (const auto& [path, mode] : wanted)
    if (auto made = MakeDirectory(path, mode); !made) return made;
  return {};
}

/// The configured name of the machine, else its host name.
std::string BoxName(const BoxSection& box) {
  if (!box.name.empty()) return box.name;
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "box";
  return name.data();
}

/// A thread that hangs cannot be ended; what it left half done is found by the next start.
void EndWhole(const std::string& stuck) {
  host::log::Error("did not stop in time, ending all the same", {{"stuck", stuck}});
  std::_Exit(EXIT_FAILURE);
}

/// What hero_team may ask for. The catalog outlives the rules.
controllers::TeamRules TeamRulesOf(const Config& config, const api::schema::Catalog& catalog) {
  return {
      .users = {.assignable_groups = config.accounts.groups,
                .reserved_names = {config.box.driver},
                .check = [&catalog](std::string_view resource,
                                    const api::Json& spec) { return reconciler::CheckSpec(catalog, resource, spec); }},
      .manifests = {.orgs = config.repos.orgs.value_or(std::vector{config.forge.code_org})},
      .signers = config.team.signers};
}

}  // namespace

struct Box::Parts {
  Parts(host::BoxPaths box_paths, Config read) : paths(std::move(box_paths)), config(std::move(read)) {}

  const host::BoxPaths paths;
  const Config config;
  host::linux::SystemClock clock;
  host::linux::SystemEntropy entropy;
  host::linux::SpawnedProcesses processes;
  HostSeams host;
  host::linux::AppendFile audit_file{paths.state + "/audit.log"};
  reconciler::ChainedLog audit_log{audit_file, clock};
  host::libgit2::LibGit2Git git{processes, clock, ForgeAccessOf(config.forge)};
  std::unique_ptr<host::Forge> forge;
  host::linux::TeamSyncFiles team_sync{paths.team_sync};
  std::unique_ptr<reconciler::Embedded> engine;
  std::unique_ptr<Network> network;  // None: the control socket alone is served.
  std::unique_ptr<server::Surface> surface;
  std::unique_ptr<server::Listener> listener;

  Expected<void> Listen();
};

/// Opens what requests come in by. The engine is there.
Expected<void> Box::Parts::Listen() {
  const server::Operators operators{.daemon = getuid()};
  server::Access access{.member = MembersOf(engine->client())};
  server::TcpOptions tcp;
  if (!config.serve.tls_address.value_or("").empty()) {
    auto opened = Network::Open(config.serve, paths.state, BoxName(config.box),
                                {clock, entropy, engine->audit(), access.member, operators});
    if (!opened) return opened.error();
    network = *std::move(opened);
    access = network->access();
    tcp = network->options();
  }
  reconciler::Manager& manager = engine->manager();
  surface = std::make_unique<server::Surface>(
      server::Backend{engine->client(), engine->catalog(), clock, engine->audit(), std::move(access),
                      [this] { return engine->revision(); }},
      server::EngineView{.plan = [&manager](const reconciler::PlanQuery& query) -> Expected<api::Json> {
                           auto report = manager.Plan(query);
                           if (!report) return report.error();
                           return server::PlanDocument(*report);
                         },
                         .queues = [&manager] { return manager.Queues(); },
                         .history = [&manager](const api::ObjectKey& object) { return manager.History(object); },
                         .metrics = [&manager] { return manager.Metrics(); },
                         .readiness = [&manager] { return manager.Readiness(); }});
  auto opened = server::Listener::Open(
      {.socket_path = paths.control_socket, .operators = operators, .tcp = std::move(tcp)},
      {.serve = [this](const server::Request& request) { return surface->Serve(request); },
       .may_block = [this](const server::Request& request) { return surface->MayBlock(request); },
       .identify = [this](const server::Proof& proof) { return network->Identify(proof); }});
  if (!opened) return opened.error();
  listener = *std::move(opened);
  if (network) network->SetPort(listener->tcp_port());
  return {};
}

Box::Box(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Box::~Box() = default;

const host::BoxPaths& Box::paths() const { return parts_->paths; }

Expected<std::unique_ptr<Box>> Box::Open(const Config& config, const std::string& root, bool is_observe_only) {
  const std::string top = root.empty() ? "" : std::filesystem::absolute(root).lexically_normal().string();
  auto parts = std::make_unique<Parts>(host::PathsOf(top, config.box.driver), config);
  if (auto made = MakeDirectories(parts->paths); !made) return made.error();
  auto forge = OpenForge(config.forge, parts->paths, parts->git, parts->clock);
  if (!forge) return forge.error();
  parts->forge = *std::move(forge);
  auto seams = OpenHostSeams(parts->paths, config.accounts, parts->clock);
  if (!seams) return seams.error();
  parts->host = *std::move(seams);

  auto catalog = crds::LoadCatalog();
  if (!catalog) return catalog.error();
  auto engine = reconciler::Embedded::Open({.path = parts->paths.state + "/store.db"}, *std::move(catalog),
                                           {.clock = parts->clock,
                                            .entropy = parts->entropy,
                                            .file_watch = parts->host.Watch(),
                                            .audit_log = &parts->audit_log},
                                           {.is_observe_only = is_observe_only, .on_stuck = EndWhole});
  if (!engine) return engine.error();
  parts->engine = *std::move(engine);
  if (auto prepared = parts->engine->PrepareToServe(); !prepared) return prepared.error();

  if (auto listening = parts->Listen(); !listening) return listening.error();
  return std::unique_ptr<Box>(new Box(std::move(parts)));
}

Expected<void> Box::Run(std::stop_token stop) {
  Parts& parts = *parts_;
  const std::vector<std::string>& groups = parts.config.accounts.groups;
  reconciler::Manager& manager = parts.engine->manager();
  manager.Add(
      std::make_unique<controllers::TeamController>(
          controllers::TeamSeams{
              .git = parts.git, .sync = parts.team_sync, .numbers = *parts.host.numbers, .forge = parts.forge.get()},
          parts.paths, TeamRulesOf(parts.config, parts.engine->catalog())),
      {.name = "team", .workers = 1, .has_finalizer = false});
  manager.Add(std::make_unique<controllers::RepositoryController>(
                  parts.git, parts.paths,
                  controllers::RepositoryOptions{.interval = RepositoryInterval(parts.config),
                                                 .jitter_percent = JitterPercent(parts.config)}),
              {.name = "repository"});
  manager.Add(std::make_unique<controllers::UserController>(
                  controllers::UserSeams{*parts.host.accounts, *parts.host.homes, *parts.host.archives,
                                         parts.forge.get(), parts.host.sessions.get()},
                  parts.paths,
                  controllers::UserOptions{.managed_groups = groups,
                                           .claims = {.never_adopted = {parts.config.box.driver}},
                                           .box = BoxName(parts.config.box),
                                           .private_org = parts.config.forge.private_org}),
              {.name = "user", .workers = kUserWorkers});
  manager.AddRunnable("server", [&parts](std::stop_token own) { parts.listener->Run(own); });

  const TeamSection& team = parts.config.team;
  const api::v1::Team declared{.metadata = {.name = "team"},
                               .spec = {.url = team.url, .branch = team.branch, .interval = team.interval}};
  if (auto put = reconciler::Put(parts.engine->client(), declared, {.actor = "system:config"}); !put)
    return put.error();
  return manager.Run(stop);
}

}  // namespace herod
