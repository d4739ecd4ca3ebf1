#pragma once

#include <span>

#include "api/meta/expected.h"
#include "api/schema/schema.h"
#include "crds/embedded.h"

namespace crds {

/// The kinds that the files declare, the embedded ones unless others are given. Errors: kInvalid, naming the file and
/// in it line or field; no release has such files embedded, a test sees to it.
api::Expected<api::schema::Catalog> LoadCatalog(std::span<const EmbeddedFile> files = Files());

}  // namespace crds
