#pragma once

#include "server/backend.h"
#include "server/http.h"
#include "server/route.h"

namespace server {

/// Kubernetes' questions of a caller about itself: may I (SelfSubjectAccessReview, `kubectl auth can-i`), what may I
/// (SelfSubjectRulesReview, `can-i --list`), who am I (SelfSubjectReview, `auth whoami`). Answered with the object that
/// was sent and its status, by what Authorize says of the same request; nothing is stored. `route` is of a kind that
/// `is_review`.
Response AnswerReview(const Backend& backend, const Request& request, const Route& route);

}  // namespace server
