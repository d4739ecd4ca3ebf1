#include "server/health.h"

#include <algorithm>
#include <array>
#include <string>

#include "api/codec/text.h"
#include "api/meta/words.h"
#include "server/status.h"

namespace server {
namespace {

using reconciler::HealthCheck;

constexpr std::array<std::string_view, 3> kProbes = {"healthz", "livez", "readyz"};

/// Those of a probe, in the order in which they are shown.
std::vector<HealthCheck> ChecksOf(std::string_view probe, const std::vector<HealthCheck>& readiness) {
  std::vector<HealthCheck> checks{{.name = "ping"}};
  if (probe == "readyz") checks.insert(checks.end(), readiness.begin(), readiness.end());
  return checks;
}

Response OneCheck(const std::vector<HealthCheck>& checks, const std::string& name) {
  const auto found =
      std::find_if(checks.begin(), checks.end(), [&](const HealthCheck& check) { return check.name == name; });
  if (found == checks.end()) return PageNotFound();
  if (found->failure.empty()) return TextResponse(200, "ok");
  return TextResponse(500, "internal server error: " + found->failure + "\n");
}

/// As Kubernetes writes it: `[+]ping ok`, `[-]store failed: …`.
std::string LineOf(const HealthCheck& check, bool is_excluded) {
  if (is_excluded) return "[+]" + check.name + " excluded: ok\n";
  if (check.failure.empty()) return "[+]" + check.name + " ok\n";
  return "[-]" + check.name + " failed: " + check.failure + "\n";
}

}  // namespace

bool IsProbe(const std::vector<std::string>& segments) {
  return !segments.empty() && segments.size() <= 2 && api::HasWord(kProbes, segments.front());
}

Response ServeProbe(const Target& target, const std::vector<HealthCheck>& readiness) {
  const std::string& probe = target.segments.front();
  const auto checks = ChecksOf(probe, readiness);
  if (target.segments.size() == 2) return OneCheck(checks, target.segments[1]);
  auto excluded = target.query.GetAll("exclude");
  bool is_well = true;
  std::string lines;
  for (const HealthCheck& check : checks) {
    const bool is_excluded = std::erase(excluded, check.name) > 0;
    is_well = is_well && (is_excluded || check.failure.empty());
    lines += LineOf(check, is_excluded);
  }
  if (!excluded.empty())
    lines += "warn: some health checks cannot be excluded: no matches for \"" +
             api::codec::Printable(excluded.front(), 64) + "\"\n";
  if (!is_well) return TextResponse(500, lines + probe + " check failed\n");
  return TextResponse(200, target.query.IsTrue("verbose") ? lines + probe + " check passed\n" : "ok");
}

}  // namespace server
