#include "client/plan_text.h"

#include <set>
#include <string_view>

#include "api/codec/text.h"

namespace client {
namespace {

using api::Json;

std::string TextAt(const Json& json, std::string_view key) {
  const Json* found = json.Find(key);
  return found ? api::codec::Printable(found->StringOr("")) : "";
}

std::string Counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

/// `write /etc/motd: differs from the spec`
std::string Sentence(const Json& step) {
  std::string sentence = TextAt(step, "verb") + " " + TextAt(step, "target");
  if (const std::string reason = TextAt(step, "reason"); !reason.empty()) sentence += ": " + reason;
  const Json* guarded = step.Find("guarded");
  return guarded && *guarded == Json(true) ? sentence + " [waits for approval]" : sentence;
}

}  // namespace

api::Expected<PlanText> FormatPlan(const Json& plan) {
  const Json* steps = plan.Find("steps");
  const Json* problems = plan.Find("problems");
  const Json* incomplete = plan.Find("incomplete");
  if (!steps || !steps->array() || !problems || !problems->array())
    return api::Error{api::Code::kInternal, "MalformedAnswer", "the server sent no plan"};

  PlanText result{.has_changes = steps->size() > 0, .has_problems = problems->size() > 0};
  std::set<std::string> objects;
  std::string heading;
  for (const Json& step : *steps->array()) {
    const std::string object = TextAt(step, "object");
    if (object != heading) result.text += object + "\n";
    heading = object;
    objects.insert(object);
    result.text += "  " + Sentence(step) + "\n";
  }
  for (const Json& problem : *problems->array())
    result.text += TextAt(problem, "object") + "\n  cannot plan: " + TextAt(problem, "message") + "\n";
  if (const Json* approvals = plan.Find("approvals"); approvals && approvals->array())
    for (const Json& approval : *approvals->array())
      result.text +=
          TextAt(approval, "object") + " waits for an operator: heroctl approve " + TextAt(approval, "hash") + "\n";
  if (incomplete && incomplete->boolean() && *incomplete->boolean())
    result.text += "More will follow that cannot be planned before this is done.\n";

  std::string last = result.has_changes ? Counted(steps->size(), "step") + " for " + Counted(objects.size(), "object")
                                        : "Nothing to do";
  if (result.has_problems) last += ", " + Counted(problems->size(), "problem");
  result.text += last + ".\n";
  return result;
}

}  // namespace client
