#include "controllers/user/secrets.h"

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "api/codec/text.h"

namespace controllers {
namespace {

using api::Code;
using api::Error;
using api::Expected;
using api::v1::User;
using reconciler::Chain;
using reconciler::TaskState;
using reconciler::TaskWish;

constexpr const char* kMake = "make repository";
constexpr const char* kShare = "share repository";

// A few requests of at most 30 s each (host/forge.h).
constexpr std::chrono::milliseconds kForgeDeadline{std::chrono::minutes(3)};

constexpr const char* kExample =
    "# Copy this file to secrets.toml, fill in what you use, commit and push. Keys of the organisation never belong "
    "here.\n"
    "# This repository is private: its readers are you, the operators of the box and the owners of the forge.\n"
    "\n"
    "FORGEJO_TOKEN = \"\"       # Your token at the forge: for fork, and for pushing as you.\n"
    "# ANTHROPIC_API_KEY = \"\" # Keys of your own, of any provider.\n";

std::string MakeInput(const std::string& repository) { return api::codec::Sha256Hex(repository); }

/// Who is to be let in, and whom herod has let in and has to take out again; either may be empty.
struct Sharing {
  std::string login{};
  std::string taken_out{};

  bool IsNeeded() const { return !login.empty() || !taken_out.empty(); }
  std::string InputFor(const std::string& repository) const {
    return api::codec::Sha256Hex(repository + "\n" + login + (taken_out.empty() ? "" : "\n" + taken_out));
  }
};

/// What is still to be done about who is let in.
Sharing SharingFor(const User& object, const SecretsState& have) {
  const std::string wanted = object.spec.forge_login.value_or("");
  if (wanted == have.login) return {};
  return {.login = wanted, .taken_out = have.is_login_ours ? have.login : ""};
}

/// The newest task of that step, when it has done that.
std::optional<TaskState> Done(const User& object, const reconciler::Reader& reader, const std::string& step,
                              const std::string& input) {
  auto task = reader.FindTask(object.metadata.uid, step);
  if (!task || task->phase != TaskState::Phase::kSucceeded || task->input != input) return std::nullopt;
  return task;
}

/// What the forge does not have, a person has to make: that is looked at now and then, not at once again.
Error Missing(std::string reason, std::string message) {
  return {Code::kForbidden, std::move(reason), std::move(message)};
}

Expected<api::Json> Make(host::Forge& forge, const std::string& repository, const std::stop_token& stop) {
  auto made = forge.EnsurePrivateRepository(repository, {{"secrets.toml.example", kExample}}, stop);
  if (made) return api::Json();
  if (made.error().code != Code::kNotFound) return made.error();
  const std::string org = repository.substr(0, repository.find('/'));
  return Missing("NoPrivateOrg", "the forge has no organisation " + org + " to make " + repository +
                                     " in; make it there, or name another one as [forge].private_org in herod.toml");
}

/// True: the login had no access before. Who is named no longer keeps it until the new one has it.
Expected<api::Json> Share(host::Forge& forge, const std::string& repository, const Sharing& sharing,
                          const std::string& file, const std::stop_token& stop) {
  bool is_new = false;
  if (!sharing.login.empty()) {
    auto shared = forge.EnsureCollaborator(repository, sharing.login, stop);
    if (!shared && shared.error().code == Code::kNotFound)
      return Missing("NoForgeAccount", "the forge has no account " + sharing.login + ", or no longer the repository " +
                                           repository + "; correct forge_login in " + file);
    if (!shared) return shared.error();
    is_new = *shared;
  }
  if (!sharing.taken_out.empty())
    if (auto removed = forge.RemoveCollaborator(repository, sharing.taken_out, stop); !removed) return removed.error();
  return api::Json(is_new);
}

}  // namespace

std::string SecretsRepositoryOf(const User& object, const std::string& private_org) {
  return private_org.empty() ? "" : private_org + "/secrets_" + object.spec.name;
}

SecretsState ObserveSecrets(const User& object, const reconciler::Reader& reader, const std::string& repository) {
  SecretsState state{.repository = object.status.secrets_repository.value_or(""),
                     .login = object.status.secrets_login.value_or(""),
                     .is_login_ours = object.status.secrets_login_is_ours.value_or(false)};
  if (repository.empty()) return {};
  const bool is_noted = state.repository == repository;
  if (!is_noted && !Done(object, reader, std::string(kMake) + " " + repository, MakeInput(repository))) return {};
  if (!is_noted) state = {.repository = repository};
  const Sharing sharing = SharingFor(object, state);
  if (!sharing.IsNeeded()) return state;
  const auto done = Done(object, reader, std::string(kShare) + " " + repository, sharing.InputFor(repository));
  if (!done) return state;
  state.login = sharing.login;
  state.is_login_ours = done->result == api::Json(true);
  return state;
}

Chain PlanSecrets(const User& object, const SecretsState& have, const std::string& repository, host::Forge& forge) {
  Chain chain;
  if (have.repository != repository) {
    const TaskWish wish{
        .input = MakeInput(repository),
        .deadline = kForgeDeadline,
        .work = [&forge, repository](const std::stop_token& stop) { return Make(forge, repository, stop); }};
    chain.Then({.verb = kMake, .target = repository, .reason = "is not known to be there", .desired = wish.input},
               [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  }
  const Sharing sharing = SharingFor(object, have.repository == repository ? have : SecretsState{});
  if (sharing.IsNeeded()) {
    const TaskWish wish{
        .input = sharing.InputFor(repository),
        .deadline = kForgeDeadline,
        .work = [&forge, repository, sharing, file = object.spec.source.path](const std::stop_token& stop) {
          return Share(forge, repository, sharing, file, stop);
        }};
    const std::string no_longer = sharing.taken_out.empty() ? "" : "no longer with " + sharing.taken_out;
    chain.Then({.verb = kShare,
                .target = repository,
                .reason = sharing.login.empty() ? no_longer
                          : no_longer.empty()   ? "with " + sharing.login
                                                : "with " + sharing.login + ", and " + no_longer,
                .desired = wish.input},
               [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  }
  return chain;
}

}  // namespace controllers
