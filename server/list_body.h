#pragma once

#include <memory>
#include <vector>

#include "api/meta/json.h"
#include "api/schema/schema.h"
#include "reconciler/snapshot.h"
#include "server/http.h"
#include "server/paging.h"

namespace server {

/// As lists of every form have it.
api::Json ListMetaJson(const ListMeta& meta);

/// The text of a list: the objects' own texts, joined. Nothing is parsed, and the whole is never in memory.
std::unique_ptr<BodySource> MakeListBody(const api::schema::Kind& kind, const ListMeta& meta,
                                         std::vector<reconciler::SnapshotPtr> items);

}  // namespace server
