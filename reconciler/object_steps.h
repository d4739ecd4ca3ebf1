#pragma once

#include <vector>

#include "reconciler/client.h"
#include "reconciler/informer.h"
#include "reconciler/plan.h"

namespace reconciler {

/// Runs the object steps of plans, for real or, with a dry run, to see what they would leave behind. Run twice equals
/// run once.
api::Expected<Written> ApplyPut(Client& client, const PutObject& put, const WriteOptions& options);
/// What a put makes of what is there now: an object for Client::WriteAll. Errors: those of Client::Get.
api::Expected<api::Object> ObjectOf(const Client& client, const PutObject& put);
api::Expected<Written> ApplyRemove(Client& client, const RemoveObject& remove, const WriteOptions& options);

/// What an object that is being deleted owns, of the kinds that somebody watches.
struct Children {
  std::vector<Chain> removals{};  ///< Of those that nobody has deleted yet, one chain each.
  bool is_any_left = false;       ///< The object has to wait for them.
};
Children ChildrenOf(const api::Object& object, const Informers& informers);

}  // namespace reconciler
