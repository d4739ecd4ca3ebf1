#pragma once

#include "api/meta/expected.h"
#include "api/meta/json.h"

namespace api {

/// RFC 6902: `target` after the operations of `patch`, all of them or none. Numbers are equal when they mean the same
/// (`1` and `1.0`). Errors: kInvalid; reason `InvalidPatch` for what is no patch, found before anything is applied;
/// `PatchFailed` where the target has not what an operation needs, or a bound is reached: 1000 operations, pointers of
/// 1024 bytes, 64 levels in the result (what codec::ParseJson reads), 3 MiB made by copies. The message begins with
/// the operation and its pointer, `operation 2 (add /spec/keys/9): …`.
Expected<Json> JsonPatch(Json target, const Json& patch);

}  // namespace api
