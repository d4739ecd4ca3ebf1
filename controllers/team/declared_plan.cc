#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "api/codec/text.h"
#include "api/v1/account_ids.h"
#include "controllers/team/team_controller.h"
#include "controllers/team/team_labels.h"

/// What the Team puts and removes: templates, numbers, users.
namespace controllers {
namespace {

using api::Code;
using api::v1::kMemberIds;
using api::v1::ManifestTemplate;
using api::v1::Team;
using api::v1::UidReservation;
using api::v1::User;
using api::v1::UserSpec;
using reconciler::Chain;
using reconciler::Plan;

/// Gives numbers: the lowest above all that were ever given, so that none is given twice, that nobody on the box has.
class Numbers {
 public:
  explicit Numbers(const TeamState& state) {
    for (const auto& [name, reservation] : state.reservations) Take(reservation.spec.uid);
    for (const auto& [name, user] : state.users)
      if (user.status.uid) Take(*user.status.uid);
    for (const host::NumberHolder& holder : state.holders) held_.insert(holder.id);
  }

  /// No value: all are given or had.
  std::optional<std::int64_t> Next() {
    auto next = FreeFrom(given_.empty() ? kMemberIds.first : *given_.rbegin() + 1);
    if (!next) next = FreeFrom(kMemberIds.first);  // What was left out below was never a member's.
    if (next) Take(*next);
    return next;
  }

 private:
  void Take(std::int64_t uid) {
    if (kMemberIds.Contains(uid)) given_.insert(uid);
  }
  std::optional<std::int64_t> FreeFrom(std::int64_t from) const {
    for (std::int64_t id = from; id <= kMemberIds.last; ++id)
      if (!given_.contains(id) && !held_.contains(id)) return id;
    return std::nullopt;
  }

  std::set<std::int64_t> given_;
  std::set<std::int64_t> held_;  // By accounts and groups of the box, whoever made them.
};

/// Whether somebody else of the box has a number that is reserved for this user.
bool IsHeldByAnother(const TeamState& state, const UidReservation& reservation) {
  return std::any_of(state.holders.begin(), state.holders.end(), [&](const host::NumberHolder& holder) {
    return holder.id == reservation.spec.uid && holder.name != reservation.spec.user;
  });
}

/// The number of a user. An account that was there before keeps its own, and the reservation follows it. A number that
/// somebody took between its reservation and the account is given up: no account of ours ever had it.
std::optional<std::int64_t> NumberOf(const TeamState& state, const UserSpec& spec, const User* have, Numbers& numbers) {
  const auto found = state.reservations.find(spec.name);
  const auto own = have ? have->status.uid : std::nullopt;
  const bool was_never_made = have && !own;
  if (was_never_made && found != state.reservations.end() && IsHeldByAnother(state, found->second))
    return numbers.Next();
  if (found != state.reservations.end() && !(spec.adopt && own)) return found->second.spec.uid;
  return own ? own : numbers.Next();
}

template <class Kind>
const Kind* Find(const std::map<std::string, Kind>& objects, const std::string& name) {
  const auto found = objects.find(name);
  return found == objects.end() ? nullptr : &found->second;
}

Chain PlanUser(const Team& team, const TeamState& state, UserSpec spec, Numbers& numbers, Plan& plan) {
  Chain chain;
  const User* have = Find(state.users, spec.name);
  spec.uid = NumberOf(state, spec, have, numbers);
  if (!spec.uid) {
    plan.Blocked({Code::kForbidden, "UidRangeUsedUp",
                  "there is no number left for " + spec.name + ": " + std::to_string(kMemberIds.first) + " to " +
                      std::to_string(kMemberIds.last) + " were all given, and none is given twice"});
    return chain;
  }
  const std::string name = api::codec::ObjectNameOf(spec.name);
  const UidReservation reservation{.metadata = {.name = name}, .spec = {.uid = *spec.uid, .user = spec.name}};
  // The number first: an account whose number nobody noted could share it with another one later.
  chain.Put(reservation, Find(state.reservations, spec.name));
  chain.Put(User{.metadata = {.name = name, .labels = LabelsOf(team)}, .spec = std::move(spec)}, have);
  return chain;
}

/// What is in force, with what is wrong with its file now.
template <class Spec>
Spec Marked(Spec spec, const std::string& problem) {
  spec.source.problem = api::codec::Printable(problem);
  return spec;
}

void PlanUsers(const Team& team, const TeamState& state, Plan& plan) {
  Numbers numbers(state);
  for (const auto& [stem, declaration] : state.declared.users) {
    const User* have = Find(state.users, stem);
    if (declaration.spec) {
      plan.Add(PlanUser(team, state, *declaration.spec, numbers, plan));
      continue;
    }
    plan.Blocked(declaration.spec.error());
    if (have && !have->metadata.is_deleting())
      plan.Add(PlanUser(team, state, Marked(have->spec, declaration.spec.error().message), numbers, plan));
  }
}

void PlanTemplates(const Team& team, const TeamState& state, Plan& plan) {
  for (const auto& [role, declaration] : state.declared.templates) {
    const ManifestTemplate* have = Find(state.templates, role);
    if (!declaration.spec) plan.Blocked(declaration.spec.error());
    if (!declaration.spec && !have) continue;
    Chain chain;
    chain.Put(ManifestTemplate{.metadata = {.name = api::codec::EncodeName(role), .labels = LabelsOf(team)},
                               .spec = declaration.spec ? *declaration.spec
                                                        : Marked(have->spec, declaration.spec.error().message)},
              have);
    plan.Add(std::move(chain));
  }
}

/// What is there and no file declares any more.
template <class Kind, class Declared>
void PlanRemovals(const std::map<std::string, Kind>& have, const Declared& declared, Plan& plan) {
  for (const auto& [name, object] : have) {
    if (declared.contains(name) || object.metadata.is_deleting()) continue;
    Chain chain;
    chain.Remove(object, object.spec.source.path + " is gone from hero_team");
    plan.Add(std::move(chain));
  }
}

}  // namespace

void PlanDeclared(const Team& team, const TeamState& state, Plan& plan) {
  PlanTemplates(team, state, plan);  // Before the users that name them.
  PlanUsers(team, state, plan);
  PlanRemovals(state.users, state.declared.users, plan);
  PlanRemovals(state.templates, state.declared.templates, plan);
}

}  // namespace controllers
