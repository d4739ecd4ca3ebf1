#include "server/surface.h"

#include <string_view>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/text.h"
#include "server/delete_collection.h"
#include "server/health.h"
#include "server/impersonate.h"
#include "server/metrics.h"
#include "server/read.h"
#include "server/reviews.h"
#include "server/roles.h"
#include "server/route.h"
#include "server/status.h"
#include "server/token_requests.h"
#include "server/write.h"

namespace server {
namespace {

using api::Code;

bool IsRead(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

/// Which document of the engine a path is about: `metrics`, `plan`, `queue`, `why`; empty for other paths.
std::string_view EngineDocument(const std::vector<std::string>& segments) {
  if (segments.size() == 1 && segments[0] == "metrics") return "metrics";
  if (segments.size() != 3 || segments[0] != "hero" || segments[1] != "v1") return {};
  for (const std::string_view name : {"plan", "queue", "why"})
    if (segments[2] == name) return name;
  return {};
}

constexpr std::size_t kVerbMax = 32;  // Of a method that nobody knows.

/// As the audit names objects: `users.hero.dev/alice`, with `/status` behind it.
std::string TargetOf(const Route& route) {
  std::string target = route.kind->resource();
  for (const std::string* part : {&route.namespace_, &route.name, &route.subresource})
    if (!part->empty()) target += "/" + api::codec::Printable(*part);
  return target;
}

Response NoSuchVerb(std::string_view verb, const Route& route) {
  return Refuse(
      MethodNotAllowed(std::string(verb) + " is not supported on resources of kind \"" + route.kind->resource() + "\""),
      Subject::Of(*route.kind));
}

Response NoSuchObject(const Route& route) {
  return Refuse({Code::kNotFound, "NotFound", route.kind->resource() + " \"" + route.name + "\" not found"},
                Subject::Of(*route.kind, route.name));
}

Response ServeObjects(const Backend& backend, const Request& request, std::string_view verb, const Route& route) {
  if (route.is_everywhere && !IsRead(request)) return PageNotFound();
  if (route.kind->is_review && verb == "create" && route.name.empty()) return AnswerReview(backend, request, route);
  if (route.kind->is_review) return NoSuchVerb(verb, route);
  if (!route.subresource.empty() && (route.subresource != "status" || !route.kind->has_status))
    return NoSuchObject(route);
  const bool is_status = !route.subresource.empty();
  if (verb == "get") return Get(backend, request, route);
  if (verb == "list") return List(backend, request, route);
  if (verb == "watch") return OpenWatch(backend, request, route);
  if (verb == "create" && route.name.empty()) return Create(backend, request, route);
  if (verb == "update" || verb == "patch") {
    if (route.name.empty()) return Refuse(BadRequest("name must be provided"));
    return verb == "update" ? Replace(backend, request, route) : Patch(backend, request, route);
  }
  if (verb == "delete" && !is_status) return Delete(backend, request, route);
  if (verb == "deletecollection") return DeleteCollection(backend, request, route);
  return NoSuchVerb(verb, route);
}

}  // namespace

Surface::Surface(Backend backend, EngineView engine)
    : backend_(backend),
      engine_(std::move(engine)),
      refusals_(backend.audit, backend.clock),
      documents_(backend.catalog) {}

bool Surface::MayBlock(const Request& request) const {
  if (!IsRead(request) || !EngineDocument(request.target.segments).empty() || IsLongDocument(request)) return true;
  const auto route = FindRoute(backend_.catalog, request.target.segments);
  return route && VerbOf(request, *route) == "list";
}

Response Surface::Serve(const Request& request) {
  const auto began = backend_.clock.SteadyNow();
  const auto route = FindRoute(backend_.catalog, request.target.segments);
  Response response = Judge(request, route ? &*route : nullptr);
  times_.Count(request, route ? &*route : nullptr, backend_.clock.SteadyNow() - began);
  return response;
}

/// Finds out as whom it is to be judged.
Response Surface::Judge(const Request& request, const Route* route) {
  auto acting = ActingCaller(request);
  if (!acting) {
    if (acting.error().code == Code::kForbidden)
      refusals_.Note(request.caller, {.actor = request.caller.Actor(),
                                      .verb = "impersonate",
                                      .target = "users/" + api::codec::Printable(request.Find("impersonate-user"), 64),
                                      .outcome = acting.error().reason});
    return Refuse(acting.error(), {.plural = "users"});
  }
  if (!acting->is_operator && backend_.access.member)
    acting->is_member = acting->is_member && backend_.access.member(acting->name).has_value();
  if (acting->impersonator.empty() && acting->is_member) return ServeAs(request.caller, request, route);
  Request as_other = request;
  as_other.caller = *std::move(acting);
  return ServeAs(request.caller, as_other, route);
}

/// Judges by the request's caller, who may be a member as whom the operator at the other end, `peer`, acts.
Response Surface::ServeAs(const Caller& peer, const Request& request, const Route* route) {
  if (IsTokenPath(request.target.segments)) return ServeTokens(peer, request);
  const std::string verb = route ? VerbOf(request, *route) : "get";
  const auto allowed =
      route ? Authorize(request.caller, verb, route) : AuthorizePath(request.caller, request.target.segments);
  if (!allowed) return Deny(peer, request.caller, verb, route, allowed.error());
  if (route) return ServeObjects(backend_, request, verb, *route);
  const std::string_view document = EngineDocument(request.target.segments);
  if (document.empty()) return ServeFixed(request);
  if (!IsRead(request))
    return Refuse(MethodNotAllowed("the server does not allow this method on the requested resource"));
  return ServeEngine(document, request);
}

/// Says no, and remembers it.
Response Surface::Deny(const Caller& peer, const Caller& caller, std::string_view verb, const Route* route,
                       const api::Error& error) {
  refusals_.Note(peer, {.actor = caller.Actor(),
                        .verb = api::codec::Printable(verb, kVerbMax),
                        .target = route ? TargetOf(*route) : "path",
                        .outcome = error.reason});
  return Refuse(error, route ? Subject::Of(*route->kind, route->name) : Subject{});
}

Response Surface::ServeTokens(const Caller& peer, const Request& request) {
  auto wanted = ReadTokenRequest(backend_.access, request);
  if (!wanted) return Refuse(wanted.error());
  if (auto allowed = Authorize(request.caller, wanted->verb, &wanted->route); !allowed)
    return Deny(peer, request.caller, wanted->verb, &wanted->route, allowed.error());
  return ServeTokenRequest(backend_.access, *wanted, request.caller, peer, backend_.audit, backend_.clock);
}

/// What has no kind and is no document of the engine.
Response Surface::ServeFixed(const Request& request) {
  if (!IsProbe(request.target.segments)) {
    auto document = documents_.Serve(request);
    return document ? *std::move(document) : PageNotFound();
  }
  if (!IsRead(request))
    return Refuse(MethodNotAllowed("the server does not allow this method on the requested resource"));
  return ServeProbe(request.target, engine_.readiness());
}

Response Surface::ServeEngine(std::string_view document, const Request& request) {
  if (document == "metrics") {
    auto families = engine_.metrics();
    families.push_back(times_.Family());
    return TypedResponse(200, kMetricsType, MetricsText(families));
  }
  if (document == "queue") return JsonResponse(200, api::codec::WriteJson(QueueDocument(engine_.queues())));
  const Query& query = request.target.query;
  const reconciler::PlanQuery asked{.resource = std::string(query.Get("resource")),
                                    .namespace_ = std::string(query.Get("namespace")),
                                    .name = std::string(query.Get("name"))};
  if (asked.resource.empty() && !asked.name.empty()) return Refuse(BadRequest("a name needs its resource"));
  if (document == "why" && asked.name.empty())
    return Refuse(BadRequest("why needs the parameters resource and name: it is about one object"));
  if (!asked.resource.empty() && !backend_.catalog.FindResource(asked.resource))
    return Refuse({Code::kNotFound, "NotFound", "there is no kind " + asked.resource});
  if (document == "plan") return ServePlan(asked);
  return JsonResponse(
      200, api::codec::WriteJson(HistoryDocument(engine_.history({asked.resource, asked.namespace_, asked.name}))));
}

Response Surface::ServePlan(const reconciler::PlanQuery& asked) {
  if (!plans_.try_acquire()) return Refuse(TooManyRequests("other plans are being made, try again in a moment"));
  struct Release {
    std::counting_semaphore<kPlansMax>& plans;
    ~Release() { plans.release(); }
  } release{plans_};
  auto plan = engine_.plan(asked);
  if (!plan) return Refuse(plan.error());
  return JsonResponse(200, api::codec::WriteJson(*plan));
}

}  // namespace server
