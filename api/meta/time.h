#pragma once

#include <chrono>

namespace api {

/// A point on the wall clock, UTC, in microseconds: the finest that Kubernetes writes (MicroTime). Text is api/codec's
/// matter.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace api
