#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "api/meta/expected.h"
#include "host/processes.h"

/// What is done in a home is done by a process that has become its member, so that whatever path the member makes of
/// it leads nowhere that he could not go himself (SEC-14, SEC-15). Both ends of it are here: we call, herod-home works.
namespace host::passwd {

struct MemberCall {
  std::string helper{};  ///< The path of herod-home.
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home{};  ///< As errors call it.
  int directory = -1;  ///< The home, opened; the helper starts there and goes nowhere else.
  std::string content{};
};

/// Has the member replace ~/.ssh/authorized_keys. Errors: those of WriteKeys; kTimeout after 30 s, kUnavailable when
/// the helper is missing or was killed.
api::Expected<void> RunAsMember(Processes& processes, const MemberCall& call);

/// The helper's main: `herod-home keys UID GID HOME`, in the home, the content on its standard input. Becomes the
/// member for good, writes, and says on its standard output what went wrong.
int HelperMain(int argc, char** argv);

}  // namespace host::passwd
