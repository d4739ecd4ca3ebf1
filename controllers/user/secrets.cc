#include "controllers/user/secrets.h"

#include <chrono>
#include <map>
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
std::string ShareInput(const std::string& repository, const std::string& login) {
  return api::codec::Sha256Hex(repository + "\n" + login);
}

bool HasDone(const User& object, const reconciler::Reader& reader, const std::string& step, const std::string& input) {
  const auto task = reader.FindTask(object.metadata.uid, step);
  return task && task->phase == TaskState::Phase::kSucceeded && task->input == input;
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

Expected<api::Json> Share(host::Forge& forge, const std::string& repository, const std::string& login,
                          const std::string& file, const std::stop_token& stop) {
  auto shared = forge.EnsureCollaborator(repository, login, stop);
  if (shared) return api::Json();
  if (shared.error().code != Code::kNotFound) return shared.error();
  return Missing("NoForgeAccount", "the forge has no account " + login + ", or no longer the repository " + repository +
                                       "; correct forge_login in " + file);
}

}  // namespace

std::string SecretsRepositoryOf(const User& object, const std::string& private_org) {
  return private_org.empty() ? "" : private_org + "/secrets_" + object.spec.name;
}

SecretsState ObserveSecrets(const User& object, const reconciler::Reader& reader, const std::string& repository) {
  SecretsState state{.repository = object.status.secrets_repository.value_or(""),
                     .login = object.status.secrets_login.value_or("")};
  if (repository.empty()) return {};
  const bool is_noted = state.repository == repository;
  if (!is_noted && !HasDone(object, reader, std::string(kMake) + " " + repository, MakeInput(repository))) return {};
  if (!is_noted) state = {.repository = repository};
  const std::string login = object.spec.forge_login.value_or("");
  if (!login.empty() && state.login != login &&
      HasDone(object, reader, std::string(kShare) + " " + repository, ShareInput(repository, login)))
    state.login = login;
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
  const std::string login = object.spec.forge_login.value_or("");
  if (!login.empty() && (have.login != login || have.repository != repository)) {
    const TaskWish wish{
        .input = ShareInput(repository, login),
        .deadline = kForgeDeadline,
        .work = [&forge, repository, login, file = object.spec.source.path](const std::stop_token& stop) {
          return Share(forge, repository, login, file, stop);
        }};
    chain.Then({.verb = kShare, .target = repository, .reason = "with " + login, .desired = wish.input},
               [wish](reconciler::StepContext& context) { return context.Ensure(wish); });
  }
  return chain;
}

}  // namespace controllers
