#include <array>
#include <cstdlib>
#include <stop_token>
#include <string>
#include <unistd.h>

#include "host/libarchive/work.h"
#include "host/passwd/member_process.h"
#include "host/passwd/member_work.h"

namespace {

using host::passwd::MemberTask;

/// Beside herod-home, for what loads libarchive: writing keys is to cost a process, not its libraries.
const std::array<MemberTask, 1> kTasks = {{{.name = "pack",
                                            .run = [](const host::linux::Fd& home, const std::string& shown,
                                                      const std::string&) -> api::Expected<std::string> {
                                              const auto packed = host::libarchive::PackWork(home, shown, STDOUT_FILENO,
                                                                                             std::stop_token());
                                              if (!packed) return packed.error();
                                              return host::passwd::TextOf(*packed);
                                            }}}};

}  // namespace

int main(int argc, char** argv) { std::_Exit(host::passwd::MemberMain(argc, argv, kTasks)); }
