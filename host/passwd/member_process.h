#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "host/linux/files.h"
#include "host/passwd/member_owner.h"
#include "host/processes.h"

/// What is done in a home is done by a process that has become its member, so that whatever path the member makes of
/// it leads nowhere that he could not go himself (SEC-14, SEC-15). Both ends of it are here: we call, herod-home and
/// herod-pack work.
namespace host::passwd {

struct MemberCall {
  std::string program{};  ///< The path of herod-home or herod-pack.
  std::string task{};     ///< What it is to do.
  Owner owner{};
  std::string home{};  ///< As errors call it.
  int directory = -1;  ///< The home, opened; the process starts there and goes nowhere else. -1: it needs none.
  std::string content{};
  int output = -1;                                                ///< What its standard output is, unless -1.
  std::chrono::milliseconds deadline = std::chrono::seconds(30);  ///< A member can stop his process, or have a disk
                                                                  ///< that hangs; writing 64 KiB takes milliseconds.
};

/// Has the member do it; what the task said. Errors: those of the task; kTimeout after the deadline, kUnavailable when
/// the program is missing or was killed, or stop was asked for.
api::Expected<std::string> RunAsMember(Processes& processes, const MemberCall& call, const std::stop_token& stop = {});

/// A task of a program, done as the member: `PROGRAM NAME UID GID HOME`, started in the home.
struct MemberTask {
  std::string_view name{};
  bool needs_home = true;        ///< Refused unless the directory that it was started in is the member's.
  bool is_out_of_reach = false;  ///< The member's processes may not kill it, though it may kill them.
  /// What it says is the answer. `input` is what came on standard input before the process became the member.
  std::function<api::Expected<std::string>(const linux::Fd& home, const std::string& shown, const std::string& input)>
      run{};
};

/// The program's main. Becomes the member for good, does the task, and says on its standard error what came of it.
int MemberMain(int argc, char** argv, std::span<const MemberTask> tasks);

}  // namespace host::passwd
