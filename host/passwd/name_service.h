#pragma once

#include <string>

#include "api/meta/expected.h"
#include "host/passwd/account_tables.h"
#include "host/processes.h"

namespace host::passwd {

/// The sources of names that a box has beside the files (NSS): LDAP, systemd's dynamic users. Thread-safe.
class NameService {
 public:
  virtual ~NameService() = default;

  /// An account or a group that it knows.
  struct Entry {
    std::string name{};
    std::int64_t id = 0;
  };
  struct Known {
    std::vector<Entry> accounts{};
    std::vector<Entry> groups{};
  };

  /// What it knows of these names and numbers, the files' own among it. Errors: kUnavailable when it does not answer in
  /// time.
  virtual api::Expected<Known> Ask(const Identities& asked) = 0;
};

/// Asks `getent` of this machine, which reads /etc/nsswitch.conf: a library call into a source that hangs could not be
/// ended, a child can.
class Getent final : public NameService {
 public:
  /// `processes` is thread-safe and outlives us.
  explicit Getent(Processes& processes) : processes_(processes) {}

  api::Expected<Known> Ask(const Identities& asked) override;

 private:
  api::Expected<std::vector<Entry>> AskDatabase(const char* database, const std::set<std::string>& names,
                                                const std::set<std::int64_t>& ids);

  Processes& processes_;
};

}  // namespace host::passwd
