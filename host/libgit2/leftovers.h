#pragma once

#include <chrono>
#include <string>

#include "api/meta/time.h"

namespace host::libgit2 {

/// Removes what a killed git left in a bare repository: locks, which would stop every later one, and packs that it had
/// not finished. What a living one may hold is younger than `age_max`.
void RemoveLeftovers(const std::string& repository, api::Time now, std::chrono::milliseconds age_max);

}  // namespace host::libgit2
