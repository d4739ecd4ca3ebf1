#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "host/processes.h"

namespace host::linux {

/// Children by posix_spawn: the same price however large this process is. Their user is ours. A child that made a
/// session of its own leaves the process group and is not killed with it.
class SpawnedProcesses final : public Processes {
 public:
  api::Expected<Finished> Run(const Command& command, std::stop_token stop) override;
};

/// The path of a program that is installed beside this one.
std::string ProgramBesideUs(std::string_view name);

}  // namespace host::linux
