#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/object.h"
#include "host/clock.h"
#include "reconciler/client.h"
#include "reconciler/controller.h"

namespace reconciler {

/// A step that waits for approval, as people and the hash see it.
struct HeldStep {
  std::string controller{};
  std::string kind{};  ///< Of the object that it is planned for.
  std::string name{};
  std::string verb{};
  std::string target{};
  std::string desired{};
  std::string reason{};  ///< For people: not in the hash.

  bool operator==(const HeldStep&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("controller", self.controller);
    field("kind", self.kind);
    field("name", self.name);
    field("verb", self.verb);
    field("target", self.target);
    field("desired", self.desired);
    field("reason", self.reason);
  }
};

/// What an approval names: the SHA-256, in 64 hex digits, of the steps' canonical JSON. Equal for equal steps in any
/// order, at any time and on any machine.
std::string HashOf(const std::vector<HeldStep>& steps);

struct ApprovalSpec {
  std::string controller{};  ///< Empty in an approval that was given before the steps were planned here.
  std::string object{};      ///< `Team team`; empty when the steps are for no object.
  std::string reason{};
  std::vector<HeldStep> steps{};
  bool approved = false;
  /// When the engine first saw that it was approved, RFC 3339; empty before.
  std::string approved_seen{};

  bool operator==(const ApprovalSpec&) const = default;
  static void Fields(auto& self, auto&& field) {
    field("controller", self.controller);
    field("object", self.object);
    field("reason", self.reason);
    field("steps", self.steps);
    field("approved", self.approved);
    field("approvedSeen", self.approved_seen);
  }
};

/// A question of the engine to an operator, or its answer: may these steps run? Its name is their hash.
struct Approval {
  static constexpr api::KindInfo kInfo{.group = "hero.dev", .version = "v1", .kind = "Approval", .plural = "approvals"};

  api::ObjectMeta metadata{};
  ApprovalSpec spec{};
  NoStatus status{};
  api::CommonStatus common{};
};

/// Asks for approvals and looks for them. Thread-safe.
class Approvals {
 public:
  /// Both are thread-safe and outlive this.
  Approvals(Client& client, const host::Clock& clock) : client_(client), clock_(clock) {}

  /// Whether these steps may run now: an operator approved exactly them, or approved them together with others that
  /// have run since. Otherwise they are asked for, and what was asked or approved before for the same object is void.
  /// `object` is `Team team`. Errors: those of the client.
  api::Expected<bool> May(std::string_view controller, std::string_view object, const std::vector<HeldStep>& steps,
                          std::string_view reason);

  /// Whether May would say yes now. Changes nothing: for a plan. Errors: those of the client.
  api::Expected<bool> IsApproved(std::string_view controller, std::string_view object,
                                 const std::vector<HeldStep>& steps) const;

  /// Nothing of this object waits any more: what was asked or approved for it goes.
  api::Expected<void> Settle(std::string_view controller, std::string_view object);

 private:
  /// What there is about some steps; null: nothing.
  struct Found {
    const Approval* given = nullptr;
    const Approval* asked = nullptr;
  };

  api::Expected<std::vector<Approval>> All() const;
  Found FindIn(const std::vector<Approval>& all, std::string_view controller, std::string_view object,
               const std::vector<HeldStep>& steps) const;
  bool IsLapsed(const Approval& approval) const;
  api::Expected<void> Remove(const Approval& approval, std::string_view controller);

  Client& client_;
  const host::Clock& clock_;
};

}  // namespace reconciler
