#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/meta/object.h"
#include "reconciler/plan.h"

namespace reconciler {

/// What one reconcile came to, as far as the object's conditions tell it.
struct Verdict {
  std::optional<api::Error> error{};         ///< What decides the retry; the worst of all.
  std::string failures{};                    ///< Every failed step and problem, in words.
  bool is_retry_under_way = false;           ///< What failed before is being tried again; its end will tell.
  bool is_broken = false;                    ///< It failed so often in a row that it is now tried rarely.
  std::string held_reason{};                 ///< Why steps are held, in one word; empty: none is.
  std::string held{};                        ///< Those steps and what to do about them, in words.
  std::string open_steps{};                  ///< Steps that wait for long work, in words; upkeep left out.
  std::vector<api::Condition> conditions{};  ///< What the controller says beside Ready.
};

/// The error that has to be acted on first: the one that a retry may mend before those that wait for a person or a
/// change.
const api::Error& Deciding(const api::Error& left, const api::Error& right);

/// The conditions and observedGeneration after a reconcile. Pure; a condition's time moves only with its status.
api::CommonStatus NextStatus(const api::CommonStatus& before, api::Generation generation, const Verdict& verdict,
                             api::Time now);

}  // namespace reconciler
