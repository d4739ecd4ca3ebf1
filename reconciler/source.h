#pragma once

#include "api/meta/expected.h"
#include "api/meta/object.h"
#include "api/schema/schema.h"
#include "reconciler/store.h"

namespace reconciler {

/// Whether a client may make this of an object whose kind is declared in git (Kind::declared_by). `before` null: it is
/// created; `next` null: it is deleted. What the file says and whose it is stay: spec but for `suspend`, labels, and
/// annotations but for those of the kind's own group, which are wishes. Finalizers and owners are housekeeping. As long
/// as nobody declares anything, because there is no such repository, all is allowed. Errors: kForbidden with
/// repository, branch and file.
api::Expected<void> CheckSource(const Store& store, const api::schema::Catalog& catalog, const api::schema::Kind& kind,
                                const api::Object* before, const api::Object* next);

}  // namespace reconciler
