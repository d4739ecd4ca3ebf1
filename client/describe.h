#pragma once

#include <string>
#include <vector>

#include "api/meta/json.h"
#include "api/meta/time.h"

namespace client {

/// An object for people: its metadata, spec and status as an outline, its conditions as a table, and at the end the
/// events that are about it, oldest first. Made fit for a terminal (SEC-57).
std::string Describe(const api::Json& object, const std::vector<api::Json>& events, api::Time now);

/// True when the event is about this very object, not about an earlier one of the same name.
bool IsAbout(const api::Json& event, const api::Json& object);

/// Oldest first: by the second of the last occurrence, and within it by the server's order of writing.
void SortEvents(std::vector<api::Json>& events);

}  // namespace client
