#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// What went into an archive.
struct Packed {
  std::int64_t files = 0;                 ///< Regular files.
  std::int64_t credentials_left_out = 0;  ///< Files that were not packed for their names, see Archives::Pack.
  std::int64_t mounts_left_out = 0;       ///< Other file systems below ~/hero (FUSE, a bound directory).
  std::int64_t holed_left_out = 0;        ///< Files of so many holes that no archive can note them.

  bool operator==(const Packed&) const = default;
};

/// Where the work of removed members is kept: `<name>-<timestamp>.tar.gz`, in a directory of mode 0700. Homes are named
/// as passwd has them. Thread-safe.
class Archives {
 public:
  virtual ~Archives() = default;

  /// Whether a complete archive of that file name is there. A broken-off one has another name, so it never counts.
  virtual api::Expected<bool> Has(std::string_view file_name) const = 0;

  /// Whether there is anything to archive: `~/hero` is a directory.
  virtual api::Expected<bool> IsWorthwhile(std::string_view home) const = 0;

  /// Packs `<home>/hero` (names inside start with `hero/`; owners, modes and times kept; links kept as links; sockets,
  /// FIFOs and devices left out) into a temporary file, fsyncs and renames it. Left out, counted, and still in the home
  /// are: files that by their names hold credentials (IsCredentialName), other file systems that are mounted below (one
  /// could keep us for ever), and files with tens of thousands of holes. Holes are kept as holes, so a file takes what
  /// it takes on its disk. Takes as long as the home is large, reports no progress, ends early with kUnavailable when
  /// stop is asked for. What changes meanwhile is packed as it is when it is reached. Errors: kNotFound (nothing to
  /// archive), kForbidden (the home is a link), kInvalid (file_name), kUnavailable (`ArchiveNeedsMemory`: too many
  /// names; `ArchiveNeedsSpace`: not enough is free for all of it, so nothing was begun, or the reserve was reached
  /// while it was written; disk full, unreadable or too deep file: named).
  virtual api::Expected<Packed> Pack(std::string_view home, std::string_view file_name, std::stop_token stop) = 0;
};

/// Whether a file of that name is taken for one that holds credentials (SEC-13): secrets.toml, .credentials.json,
/// private keys, and what the usual tools keep their tokens in. By the name alone: contents are not read, so a token in
/// another file is packed.
bool IsCredentialName(std::string_view name);

}  // namespace host
