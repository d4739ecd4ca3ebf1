#include <array>
#include <cstdlib>
#include <string>

#include "host/passwd/home_files.h"
#include "host/passwd/member_process.h"
#include "host/passwd/member_sessions.h"

namespace {

using host::linux::Fd;
using host::passwd::MemberTask;

/// What came of a task that says nothing.
api::Expected<std::string> Done(const api::Expected<void>& result) {
  if (!result) return result.error();
  return std::string();
}

const std::array<MemberTask, 2> kTasks = {
    {{.name = "keys",
      .run = [](const Fd& home, const std::string& shown,
                const std::string& input) { return Done(host::passwd::WriteKeys(home, shown, input)); }},
     {.name = "end",
      .needs_home = false,
      .is_out_of_reach = true,
      .run = [](const Fd&, const std::string&, const std::string&) { return Done(host::passwd::KillAllOfOurs()); }}}};

}  // namespace

/// Ends at once: nothing is left to clean up, and what would do it may not trust this process any more.
int main(int argc, char** argv) { std::_Exit(host::passwd::MemberMain(argc, argv, kTasks)); }
