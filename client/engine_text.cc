#include "client/engine_text.h"

#include <chrono>
#include <utility>
#include <vector>

#include "api/codec/json_at.h"
#include "api/codec/text.h"
#include "api/meta/words.h"
#include "client/text_table.h"

namespace client {
namespace {

using api::Error;
using api::Expected;
using api::Json;
using api::codec::ArrayAt;
using api::codec::IntegerAt;
using api::codec::PrintableAt;

/// `  failed   write keys /home/a: is missing (3ms): DiskFull: no space`
std::string StepLine(const Json& step) {
  std::string line = "  " + PrintableAt(step, {"state"});
  constexpr std::size_t kStateWidth = 11;  // The longest state is `pending`, `skipped`; then a gap.
  line.append(line.size() < kStateWidth ? kStateWidth - line.size() : 1, ' ');
  line += PrintableAt(step, {"step"});
  if (const std::string took = PrintableAt(step, {"took"}); !took.empty()) line += " (" + took + ")";
  if (const std::string reason = PrintableAt(step, {"reason"}); !reason.empty())
    line += ": " + reason + ": " + PrintableAt(step, {"message"});
  return line + "\n";
}

std::string PassText(const Json& pass, api::Time now) {
  const std::string began = PrintableAt(pass, {"began"});
  const auto time = api::codec::ParseTime(began);
  std::string text = began;
  if (time)
    text += " (" + api::codec::FormatAge(std::chrono::duration_cast<std::chrono::seconds>(now - *time)) + " ago)";
  text += "  " + PrintableAt(pass, {"controller"}) + ": " + PrintableAt(pass, {"outcome"}) + " in " +
          PrintableAt(pass, {"took"});
  if (const std::int64_t rounds = IntegerAt(pass, {"rounds"}).value_or(0); rounds > 0)
    text += ", " + api::Counted(rounds, "round");
  text += "\n";
  std::string causes;
  for (const Json& cause : ArrayAt(pass, {"causes"}))
    causes += (causes.empty() ? "" : ", ") + api::codec::Printable(cause.StringOr(""));
  if (!causes.empty()) text += "  woken by " + causes + "\n";
  for (const Json& step : ArrayAt(pass, {"steps"})) text += StepLine(step);
  if (const std::string failures = PrintableAt(pass, {"failures"}); !failures.empty())
    text += "  because " + failures + "\n";
  if (const std::int64_t repeated = IntegerAt(pass, {"repeated"}).value_or(0); repeated > 0)
    text +=
        "  and " + std::to_string(repeated) + (repeated == 1 ? " pass" : " passes") + " after it found nothing to do\n";
  if (const std::string next = PrintableAt(pass, {"nextIn"}); !next.empty())
    text += "  looked at again within " + next + "\n";
  return text;
}

/// For a table: whole seconds from one second on.
std::string Rounded(const std::string& length) {
  const auto exact = api::codec::ParseDuration(length);
  if (!exact || *exact < std::chrono::seconds(1)) return length;
  return api::codec::FormatAge(std::chrono::round<std::chrono::seconds>(*exact));
}

Error Malformed(std::string_view what) {
  return {api::Code::kInternal, "MalformedAnswer", "the server sent no " + std::string(what)};
}

}  // namespace

Expected<std::string> FormatHistory(const Json& history, api::Time now) {
  const Json* passes = history.Find("passes");
  if (!passes || !passes->array()) return Malformed("history");
  std::string text;
  for (const Json& pass : *passes->array()) text += (text.empty() ? "" : "\n") + PassText(pass, now);
  return text;
}

Expected<std::string> FormatQueue(const Json& queue, bool has_header) {
  const Json* controllers = queue.Find("controllers");
  if (!controllers || !controllers->array()) return Malformed("queue");
  std::vector<std::vector<std::string>> rows;
  if (has_header) rows.push_back({"CONTROLLER", "OBJECT", "STATE", "PRIORITY", "AGE", "READY IN", "FAILURES"});
  const std::size_t headers = rows.size();
  for (const Json& controller : *controllers->array())
    for (const Json& key : ArrayAt(controller, {"keys"}))
      rows.push_back({PrintableAt(controller, {"controller"}), PrintableAt(key, {"object"}),
                      PrintableAt(key, {"state"}), PrintableAt(key, {"priority"}), Rounded(PrintableAt(key, {"age"})),
                      Rounded(PrintableAt(key, {"readyIn"})),
                      std::to_string(IntegerAt(key, {"failures"}).value_or(0))});
  return rows.size() == headers ? std::string() : AlignColumns(rows);
}

}  // namespace client
