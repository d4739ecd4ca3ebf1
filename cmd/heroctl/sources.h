#pragma once

#include <vector>

#include "client/documents.h"
#include "cmd/heroctl/session.h"

namespace heroctl {

/// The documents of all that -f names, in that order; of a folder its .yaml, .yml and .json files by name. What cannot
/// be read is a document with the reason. Errors: UsageError when nothing is in any of it.
api::Expected<std::vector<client::Document>> ReadSources(const Session& session, const Flags& flags);

}  // namespace heroctl
