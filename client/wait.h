#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "host/clock.h"
#include "reconciler/client.h"

/// Waiting until objects are as somebody wants them.
namespace client {

/// `condition=Ready`, `condition=Ready=False`, `delete`, `jsonpath={.status.phase}=Running`.
struct WaitFor {
  enum class What { kCondition, kDeletion, kPath };
  What what = What::kCondition;
  std::string path{};          ///< The condition's type, or the path.
  std::string value = "True";  ///< Compared as text; of a condition in any case.
  api::Uid uid{};              ///< Of the one that is to be gone; empty: of whichever is seen first.
};

/// Errors: kInvalid with the forms there are.
api::Expected<WaitFor> ParseWaitFor(std::string_view text);

/// Whether an object is so now. A condition counts only when it was observed for the object's present generation
/// (kstatus); null is an object that is gone.
bool IsMet(const WaitFor& wait, const api::Json* object);

/// Waits for one object after the other until all are met, by watching. `met` is called for each. What is not there yet
/// is waited for too, but for a deletion it is met. Errors: kTimeout, naming the object that is missing its condition.
api::Expected<void> WaitUntil(reconciler::Client& client, const std::vector<api::ObjectKey>& keys, const WaitFor& wait,
                              std::chrono::milliseconds timeout, const host::Clock& clock, std::stop_token stop,
                              const std::function<void(const api::ObjectKey&)>& met);

}  // namespace client
