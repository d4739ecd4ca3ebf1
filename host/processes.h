#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "api/meta/expected.h"

namespace host {

struct Command {
  std::vector<std::string> argv{};                   ///< argv[0] is looked up in PATH of this process. Never a shell.
  std::map<std::string, std::string> environment{};  ///< The whole of it; nothing is inherited.
  std::string directory{};                           ///< Empty: `/`.
  std::string input{};                               ///< What it reads from its standard input.
  int output = -1;                                   ///< A descriptor to be its standard output; -1: kept for `out`.
  std::chrono::milliseconds deadline{0};             ///< Required, above 0.
  std::size_t output_bytes_max = 64u << 10;          ///< Of each stream the last so many bytes are kept.
};

struct Finished {
  int exit_code = 0;  ///< -1 when a signal ended it.
  int signal = 0;
  std::string out{};
  std::string err{};
};

/// Children of this process. Each has its own session and closed file descriptors beside 0-2. Thread-safe.
class Processes {
 public:
  virtual ~Processes() = default;

  /// Runs a command to its end; what it leaves running in its process group is killed then. Errors: kInvalid (no name,
  /// no deadline, a zero byte in a text), kNotFound (no such program), kTimeout (its whole process group was killed),
  /// kUnavailable (stop was asked for; killed as well, or it cannot be started).
  virtual api::Expected<Finished> Run(const Command& command, std::stop_token stop) = 0;
};

}  // namespace host
