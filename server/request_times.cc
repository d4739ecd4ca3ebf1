#include "server/request_times.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace server {
namespace {

constexpr std::array kBounds = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4,  0.6,  0.8,  1.0,  1.25, 1.5, 2.0,
                                3.0,   4.0,   5.0,  6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0};

/// Kubernetes' names of what a request does.
std::string_view VerbLabel(std::string_view verb) {
  constexpr std::pair<std::string_view, std::string_view> kVerbs[] = {{"get", "GET"},
                                                                      {"list", "LIST"},
                                                                      {"create", "POST"},
                                                                      {"update", "PUT"},
                                                                      {"patch", "PATCH"},
                                                                      {"delete", "DELETE"},
                                                                      {"deletecollection", "DELETECOLLECTION"}};
  const auto* found =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const auto& row) { return row.first == verb; });
  return found == std::end(kVerbs) ? "OTHER" : found->second;
}

std::string_view ScopeLabel(const Route& route) {
  if (!route.name.empty()) return "resource";
  return route.namespace_.empty() ? "cluster" : "namespace";
}

std::string_view MethodLabel(std::string_view method) {
  for (const std::string_view known : {"GET", "POST", "PUT", "PATCH", "DELETE"})
    if (method == known) return known;
  return method == "HEAD" ? "GET" : "OTHER";
}

reconciler::MetricLabels LabelsOf(const Request& request, const Route* route, std::string_view verb) {
  const auto text = [](std::string_view label) { return std::string(label); };
  const bool is_dry = request.target.query.Get("dryRun") == "All";
  const bool is_status = route && route->subresource == "status";
  return {{"component", "apiserver"},
          {"dry_run", is_dry ? "All" : ""},
          {"group", route ? route->kind->group : ""},
          {"resource", route ? route->kind->plural : ""},
          {"scope", route ? text(ScopeLabel(*route)) : ""},
          {"subresource", is_status                              ? "status"
                          : route && !route->subresource.empty() ? "other"
                                                                 : ""},
          {"verb", route ? text(VerbLabel(verb)) : text(MethodLabel(request.method))},
          {"version", route ? route->kind->version : ""}};
}

}  // namespace

void RequestTimes::Count(const Request& request, const Route* route, std::chrono::duration<double> took) {
  const std::string verb = route ? VerbOf(request, *route) : "";
  if (verb == "watch") return;
  const auto labels = LabelsOf(request, route, verb);
  const std::lock_guard lock(mutex_);
  times_.try_emplace(labels, kBounds).first->second.Count(took);
}

reconciler::MetricFamily RequestTimes::Family() const {
  reconciler::MetricFamily family{"apiserver_request_duration_seconds",
                                  "How long answers took, watches left out.",
                                  reconciler::MetricFamily::Type::kHistogram,
                                  {}};
  const std::lock_guard lock(mutex_);
  for (const auto& [labels, times] : times_) family.samples.push_back(reconciler::SampleOf(labels, times));
  return family;
}

}  // namespace server
