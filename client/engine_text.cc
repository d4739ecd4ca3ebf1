#include "client/engine_text.h"

#include <chrono>
#include <utility>
#include <vector>

#include "api/codec/text.h"
#include "client/text_table.h"

namespace client {
namespace {

using api::Error;
using api::Expected;
using api::Json;

std::string TextAt(const Json& json, std::string_view key) {
  const Json* found = json.Find(key);
  return found ? api::codec::Printable(found->StringOr("")) : "";
}

std::int64_t NumberAt(const Json& json, std::string_view key) {
  const Json* found = json.Find(key);
  return found && found->integer() ? *found->integer() : 0;
}

/// The elements of an array; none when it is no array.
const Json::Array& ArrayAt(const Json& json, std::string_view key) {
  static const Json::Array kNone;
  const Json* found = json.Find(key);
  return found && found->array() ? *found->array() : kNone;
}

/// `  failed   write keys /home/a: is missing (3ms): DiskFull: no space`
std::string StepLine(const Json& step) {
  std::string line = "  " + TextAt(step, "state");
  constexpr std::size_t kStateWidth = 11;  // The longest state is `pending`, `skipped`; then a gap.
  line.append(line.size() < kStateWidth ? kStateWidth - line.size() : 1, ' ');
  line += TextAt(step, "step");
  if (const std::string took = TextAt(step, "took"); !took.empty()) line += " (" + took + ")";
  if (const std::string reason = TextAt(step, "reason"); !reason.empty())
    line += ": " + reason + ": " + TextAt(step, "message");
  return line + "\n";
}

std::string PassText(const Json& pass, api::Time now) {
  const std::string began = TextAt(pass, "began");
  const auto time = api::codec::ParseTime(began);
  std::string text = began;
  if (time)
    text += " (" + api::codec::FormatAge(std::chrono::duration_cast<std::chrono::seconds>(now - *time)) + " ago)";
  text += "  " + TextAt(pass, "controller") + ": " + TextAt(pass, "outcome") + " in " + TextAt(pass, "took");
  if (const std::int64_t rounds = NumberAt(pass, "rounds"); rounds > 0)
    text += ", " + std::to_string(rounds) + (rounds == 1 ? " round" : " rounds");
  text += "\n";
  std::string causes;
  for (const Json& cause : ArrayAt(pass, "causes"))
    causes += (causes.empty() ? "" : ", ") + api::codec::Printable(cause.StringOr(""));
  if (!causes.empty()) text += "  woken by " + causes + "\n";
  for (const Json& step : ArrayAt(pass, "steps")) text += StepLine(step);
  if (const std::string failures = TextAt(pass, "failures"); !failures.empty()) text += "  because " + failures + "\n";
  if (const std::int64_t repeated = NumberAt(pass, "repeated"); repeated > 0)
    text +=
        "  and " + std::to_string(repeated) + (repeated == 1 ? " pass" : " passes") + " after it found nothing to do\n";
  if (const std::string next = TextAt(pass, "nextIn"); !next.empty()) text += "  looked at again within " + next + "\n";
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
    for (const Json& key : ArrayAt(controller, "keys"))
      rows.push_back({TextAt(controller, "controller"), TextAt(key, "object"), TextAt(key, "state"),
                      TextAt(key, "priority"), Rounded(TextAt(key, "age")), Rounded(TextAt(key, "readyIn")),
                      std::to_string(NumberAt(key, "failures"))});
  return rows.size() == headers ? std::string() : AlignColumns(rows);
}

}  // namespace client
