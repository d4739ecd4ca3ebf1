#include "server/plan.h"

#include <cstdint>
#include <utility>

namespace server {

using api::Json;

Json PlanDocument(const reconciler::PlanReport& report) {
  Json::Array steps;
  for (const reconciler::PlannedStep& step : report.steps)
    steps.push_back(Json::Of({{"controller", step.controller},
                              {"object", ToString(step.object)},
                              {"chain", static_cast<std::int64_t>(step.chain)},
                              {"guarded", step.is_guarded},
                              {"verb", step.text.verb},
                              {"target", step.text.target},
                              {"reason", step.text.reason},
                              {"desired", step.text.desired}}));
  Json::Array approvals;
  for (const reconciler::PlannedApproval& approval : report.approvals)
    approvals.push_back(Json::Of({{"controller", approval.controller},
                                  {"object", ToString(approval.object)},
                                  {"hash", approval.hash},
                                  {"steps", static_cast<std::int64_t>(approval.steps)}}));
  Json::Array problems;
  for (const reconciler::PlannedProblem& problem : report.problems)
    problems.push_back(Json::Of({{"controller", problem.controller},
                                 {"object", ToString(problem.object)},
                                 {"reason", problem.error.reason},
                                 {"message", problem.error.message}}));
  return Json::Of({{"kind", "Plan"},
                   {"steps", std::move(steps)},
                   {"approvals", std::move(approvals)},
                   {"problems", std::move(problems)},
                   {"incomplete", report.is_incomplete}});
}

}  // namespace server
