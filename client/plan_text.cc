#include "client/plan_text.h"

#include <set>
#include <string_view>

#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "api/meta/words.h"

namespace client {
namespace {

using api::Json;
using api::codec::PrintableAt;

/// `write /etc/motd: differs from the spec`
std::string Sentence(const Json& step) {
  std::string sentence = PrintableAt(step, {"verb"}) + " " + PrintableAt(step, {"target"});
  if (const std::string reason = PrintableAt(step, {"reason"}); !reason.empty()) sentence += ": " + reason;
  return api::codec::IsTrueAt(step, {"guarded"}) ? sentence + " [waits for approval]" : sentence;
}

}  // namespace

api::Expected<PlanText> FormatPlan(const Json& plan) {
  const Json* steps = plan.Find("steps");
  const Json* problems = plan.Find("problems");
  if (!steps || !steps->array() || !problems || !problems->array())
    return api::Error{api::Code::kInternal, "MalformedAnswer", "the server sent no plan"};

  PlanText result{.has_changes = steps->size() > 0, .has_problems = problems->size() > 0};
  std::set<std::string> objects;
  std::string heading;
  for (const Json& step : *steps->array()) {
    const std::string object = PrintableAt(step, {"object"});
    if (object != heading) result.text += object + "\n";
    heading = object;
    objects.insert(object);
    result.text += "  " + Sentence(step) + "\n";
  }
  for (const Json& problem : *problems->array())
    result.text += PrintableAt(problem, {"object"}) + "\n  cannot plan: " + PrintableAt(problem, {"message"}) + "\n";
  for (const Json& approval : api::codec::ArrayAt(plan, {"approvals"}))
    result.text += PrintableAt(approval, {"object"}) + " waits for an operator: heroctl approve " +
                   PrintableAt(approval, {"hash"}) + "\n";
  if (api::codec::IsTrueAt(plan, {"incomplete"}))
    result.text += "More will follow that cannot be planned before this is done.\n";

  std::string last = result.has_changes ? api::Counted(std::ssize(*steps), "step") + " for " +
                                              api::Counted(std::ssize(objects), "object")
                                        : "Nothing to do";
  if (result.has_problems) last += ", " + api::Counted(std::ssize(*problems), "problem");
  result.text += last + ".\n";
  return result;
}

}  // namespace client
