#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/codec/object.h"
#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "reconciler/task.h"

namespace reconciler {

/// How a step reads: `write /etc/motd: differs from the spec`. The same words stand in the plan, the event, the audit
/// line and the result on a pull request, so never put a secret or bytes of somebody's file into them.
struct StepText {
  std::string verb{};       ///< `create`, `archive`, `expire`
  std::string target{};     ///< What it is done to. Verb and target are unique in a plan and the same in every pass.
  std::string reason{};     ///< Why, in words of state: `is missing`, `differs from the spec`.
  std::string desired{};    ///< Digest of what will be written (api::codec::Sha256Hex), of a secret its version number;
                            ///< at most 64 hex digits. Empty when verb and target say it all.
  bool is_upkeep = false;   ///< Says nothing about readiness while it is pending: a poll, a sweep.
  bool is_guarded = false;  ///< Waits for an operator's approval; what else the plan has goes on.
  std::string handles{};    ///< The wish (see WishOf) that it fulfils: acknowledged in the status once it is done.
};

/// What a host step may do beside its own effect: hand long work to a task.
class StepContext {
 public:
  virtual ~StepContext() = default;

  /// Starts the step's task, or finds it running or ended. See Tasks::Ensure.
  virtual StepOutcome Ensure(TaskWish wish) = 0;
};

/// Changes the host. Ends within 1 s; captures what its step shows and host seams, nothing else.
using HostAction = std::function<StepOutcome(StepContext&)>;

/// Makes the fields in `patch` so and leaves all others alone; creates the object when it is absent.
struct PutObject {
  api::ObjectKey key{};
  std::string api_version{};
  std::string kind{};
  api::Json patch =
      api::Json::EmptyObject();  ///< RFC 7386: `spec`, and of `metadata` the labels and annotations we own.
  std::vector<api::OwnerReference> owners{};
};

/// Removes exactly that object, not one of the same name that came later.
struct RemoveObject {
  api::ObjectKey key{};
  api::Uid uid{};
};

struct Step {
  StepText text{};
  std::variant<HostAction, PutObject, RemoveObject> effect{};

  std::string id() const { return text.verb + " " + text.target; }
  std::string Sentence() const { return id() + (text.reason.empty() ? "" : ": " + text.reason); }
};

/// Steps of which each needs the ones before it. A failure ends the chain, not its neighbours.
struct Chain {
  std::vector<Step> steps{};

  /// Adds a host step. The action takes a StepContext& or nothing and returns Expected<void> or StepOutcome.
  template <class Action>
  Chain& Then(StepText text, Action action) {
    if constexpr (std::invocable<Action&>)
      steps.push_back(
          {std::move(text), [action = std::move(action)](StepContext&) -> StepOutcome { return action(); }});
    else
      steps.push_back({std::move(text), HostAction(std::move(action))});
    return *this;
  }

  /// Adds the step that makes a child's spec, labels and owners as in `want`, unless `have` (null: absent) is so
  /// already.
  template <class Kind>
  Chain& Put(const Kind& want, const Kind* have);

  /// Adds the step that removes a child.
  template <class Kind>
  Chain& Remove(const Kind& have, std::string reason);
};

/// What is to be done about one object, in full: no step means that it is as it should be.
struct Plan {
  std::vector<Chain> chains{};
  /// What stands in the way and no step of ours can mend. kInvalid waits for a change of the spec, kForbidden for a
  /// person, any other for something that will wake the object by itself.
  std::vector<api::Error> problems{};
  /// What there is to say beside Ready: type, status, reason and message of each; the engine adds the rest.
  std::vector<api::Condition> conditions{};
  bool more = false;                                         ///< What follows these steps cannot be planned yet.
  std::optional<std::chrono::milliseconds> recheck_after{};  ///< Look again by then, even if nothing wakes the object.

  bool empty() const { return chains.empty(); }

  void Add(Chain chain) {
    if (!chain.steps.empty()) chains.push_back(std::move(chain));
  }
  /// Adds a step to the last chain: for controllers that need only one.
  template <class Action>
  void Then(StepText text, Action action) {
    if (chains.empty()) chains.emplace_back();
    chains.back().Then(std::move(text), std::move(action));
  }
  void Blocked(api::Error error) { problems.push_back(std::move(error)); }
};

/// What somebody asks for by the annotation `<group>/<verb>` and no file declares: restart, rollback. The annotation's
/// value, until a step with `handles = verb` has been done for that value.
template <class Kind>
std::optional<std::string> WishOf(const Kind& object, const std::string& verb) {
  const auto& annotations = object.metadata.annotations;
  const auto wish = annotations.find(std::string(Kind::kInfo.group) + "/" + verb);
  if (wish == annotations.end()) return std::nullopt;
  const auto handled = object.common.handled.find(verb);
  if (handled != object.common.handled.end() && handled->second == wish->second) return std::nullopt;
  return wish->second;
}

/// The plan as text with one line a step: equal plans have equal bytes.
std::string Describe(const Plan& plan);

struct StepResult {
  /// kSkipped: a step before it in its chain has not ended well. kHeld: it waits for an approval, or is only observed.
  enum class State { kDone, kFailed, kPending, kSkipped, kHeld };

  std::string id{};
  std::string sentence{};
  bool is_upkeep = false;
  State state = State::kSkipped;
  std::string handles{};                 ///< StepText::handles.
  api::Error error{};                    ///< Of a failed one.
  std::chrono::milliseconds deadline{};  ///< Of a pending one.
  std::chrono::microseconds took{};
};

/// What became of the steps of a reconcile, in the order in which they were tried.
struct Results {
  std::vector<StepResult> steps{};

  const StepResult* Find(std::string_view id) const;
};

/// The reference by which a child names `owner` as its controller.
template <class Kind>
api::OwnerReference OwnerOf(const Kind& owner) {
  return {.api_version = api::codec::ApiVersionOf(Kind::kInfo),
          .kind = std::string(Kind::kInfo.kind),
          .name = owner.metadata.name,
          .uid = owner.metadata.uid,
          .is_controller = true,
          .blocks_owner_deletion = true};
}

namespace detail {

/// Whether the metadata that a parent owns (labels, annotations, owners) is in `have` as `want` has it.
bool HasMetadata(const api::ObjectMeta& have, const api::ObjectMeta& want);
/// `differs in groups, sshPubkeys`
std::string Difference(const api::Json& have, const api::Json& want);
/// Puts a null where `had` has a member, of a map say, that `want` no longer has: a merge patch removes nothing else.
void NullRemoved(const api::Json& had, api::Json& want);
/// `User alice`, `Binding alice/hero-slides`: unique in a plan.
std::string TargetOf(std::string_view kind, const api::ObjectKey& key);
Step MakePut(api::ObjectKey key, std::string api_version, std::string kind, const api::ObjectMeta& metadata,
             api::Json spec, std::string reason, bool is_new);

}  // namespace detail

template <class Kind>
Chain& Chain::Put(const Kind& want, const Kind* have) {
  if (have && have->spec == want.spec && detail::HasMetadata(have->metadata, want.metadata)) return *this;
  // Null for what is unset: a field that this parent owns and no longer wants has to go.
  api::Json spec = api::codec::Encode(want.spec, api::codec::Unset::kNull);
  std::string reason = "is missing";
  if (have) {
    const api::Json had = api::codec::Encode(have->spec, api::codec::Unset::kNull);
    reason = detail::Difference(had, spec);
    detail::NullRemoved(had, spec);
  }
  steps.push_back(detail::MakePut({api::ResourceName(Kind::kInfo), want.metadata.namespace_, want.metadata.name},
                                  api::codec::ApiVersionOf(Kind::kInfo), std::string(Kind::kInfo.kind), want.metadata,
                                  std::move(spec), std::move(reason), !have));
  return *this;
}

template <class Kind>
Chain& Chain::Remove(const Kind& have, std::string reason) {
  const api::ObjectKey key{api::ResourceName(Kind::kInfo), have.metadata.namespace_, have.metadata.name};
  steps.push_back(
      {{"remove", detail::TargetOf(Kind::kInfo.kind, key), std::move(reason)}, RemoveObject{key, have.metadata.uid}});
  return *this;
}

}  // namespace reconciler
