#pragma once

#include <memory>

#include "api/meta/expected.h"
#include "cmd/config/config.h"
#include "host/box_paths.h"
#include "host/clock.h"
#include "host/forge.h"
#include "host/git.h"
#include "host/libgit2/git.h"

namespace herod {

/// How git reaches the configured forge; nothing of a local one.
host::libgit2::ForgeAccess ForgeAccessOf(const ForgeSection& section);

/// The configured forge; a local one without a URL is in the driver's home. Git and clock outlive it. Errors: kInvalid.
api::Expected<std::unique_ptr<host::Forge>> OpenForge(const ForgeSection& section, const host::BoxPaths& paths,
                                                      host::Git& git, const host::Clock& clock);

}  // namespace herod
