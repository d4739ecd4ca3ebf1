#pragma once

#include <functional>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "reconciler/planner.h"

/// GET /hero/v1/plan?resource=users.hero.dev&name=alice: what the controllers would do now, without doing it. Both
/// parameters are optional; `name` needs `resource`, `namespace` says which one of a namespaced kind.
///
/// The answer:
///   {"kind":"Plan",
///    "steps":[{"controller":"user","object":"users.hero.dev/alice","chain":0,"guarded":false,"verb":"create account",
///              "target":"alice","reason":"is missing","desired":"…"}],
///    "approvals":[{"controller":"team","object":"teams.hero.dev/team","hash":"…","steps":2}],
///    "problems":[{"controller":"user","object":"users.hero.dev/bob","reason":"InvalidKey","message":"…"}],
///    "incomplete":false}
///
/// Steps stand in the order in which the engine would run them, those of one object together. Steps of one `chain` wait
/// for each other; `desired` is a digest, never content. `guarded` ones wait until an operator has approved the hash of
/// `approvals`, which counts them. `problems` are objects whose plan could not be made.
/// `incomplete` says that more steps will follow which can only be planned once these are done.
namespace server {

/// Answers with the document above. Errors: kNotFound. Thread-safe.
using PlanFunction = std::function<api::Expected<api::Json>(const reconciler::PlanQuery&)>;

/// The engine's report as that document.
api::Json PlanDocument(const reconciler::PlanReport& report);

}  // namespace server
