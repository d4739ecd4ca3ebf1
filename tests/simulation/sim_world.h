#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "api/meta/expected.h"
#include "api/meta/json.h"
#include "reconciler/manager.h"
#include "reconciler/registry.h"
#include "reconciler/sources.h"
#include "reconciler/store.h"
#include "tests/simulation/fibers.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/sim_disk.h"

namespace tests {

/// How badly the world behaves. Each `one_in` is the chance at one call; 0: never.
struct Faults {
  std::uint64_t api_fails_one_in = 0;     ///< A write is refused, or done and its answer lost.
  std::uint64_t watch_lost_one_in = 0;    ///< A watch ends: list again.
  std::uint64_t watch_late_one_in = 0;    ///< An event comes later.
  std::uint64_t host_fails_one_in = 0;    ///< Before, after or in the middle of what was asked.
  std::uint64_t host_lies_one_in = 0;     ///< It says that it did what it did not do.
  std::uint64_t host_unknown_one_in = 0;  ///< It cannot be read.
  std::uint64_t work_hangs_one_in = 0;    ///< Long work ends only when it is asked to stop.
  Fibers::Nanoseconds host_takes_most{1'000'000};
};

/// All that outlives a process: the disk, the host, what people were shown. The host's functions are what controllers
/// call; those for hands are what people do to it.
class SimWorld {
 public:
  explicit SimWorld(Fibers& given) : fibers(given), ledger(given), disk(given) {}

  // The host: texts by `table/name`.

  api::Expected<std::optional<std::string>> Read(const std::string& path);
  api::Expected<void> Write(const std::string& path, const std::string& text);
  api::Expected<void> Erase(const std::string& path);
  /// Packs a part's value once for each life of the part.
  api::Expected<api::Json> Archive(const std::string& name, const std::string& uid, const std::stop_token& stop);
  bool IsArchived(const std::string& name, const std::string& uid) const { return archives.contains(name + " " + uid); }
  /// Long work that makes `built/name`.
  api::Expected<api::Json> Build(const std::string& name, const std::string& want, const std::stop_token& stop);
  api::Expected<void> Restart(const std::string& name, const std::string& wish);
  /// A guarded step: only with an approval that names it.
  api::Expected<void> Endanger(const std::string& name, const std::string& text);

  /// A process is gone with all that it was about to do.
  void ForgetProcess();

  Fibers& fibers;
  Ledger ledger;
  SimDisk disk;
  Faults faults;
  std::map<std::string, std::string> host;
  std::map<std::string, int> archives;              ///< `name uid`: how often.
  std::map<std::string, std::string> restarts;      ///< Of a toy: the last wish that was fulfilled.
  std::map<std::string, std::int64_t> own_writes;   ///< `actor key`: the newest acknowledged revision in this process.
  std::map<std::string, std::int64_t> generations;  ///< Of a uid: the newest that a status spoke of.
  std::map<std::string, std::string> handled;       ///< Of a uid: the restart that its status acknowledges.
  std::map<std::string, std::int64_t> statuses;     ///< Of a uid: the revision that the last write of a status gave.
  std::optional<Fibers::Nanoseconds> clock_set_at;  ///< Whoever was at work then looked at suspensions by the old one.
  std::map<std::string, std::set<std::string>> wanted_children;  ///< Of a toy: in what its last pass was shown.
  std::set<std::string> said_yes;                                ///< Approvals that an operator approved.
  std::set<std::string> big_removals;                       ///< Parts whose removal was planned with too many others.
  std::map<std::string, Fibers::Nanoseconds> silent_until;  ///< Of a resource: its watches say nothing.
  const reconciler::Store* truth = nullptr;                 ///< The present process's; null: none is up.
  const reconciler::Manager* manager = nullptr;             ///< The same.
  std::map<std::string, reconciler::Waker*> wakers;         ///< By table.
  int host_changes = 0;
  std::int64_t recorded = 0;  ///< Writes of Events, which are swept at any time.

 private:
  /// One call of a controller on one thing: no two at once, whoever they are.
  class InHand;

  std::optional<api::Error> Trouble(const std::string& what);
  bool Work(const std::stop_token& stop);
  void CheckErase(const std::string& path);

  std::set<std::string> in_hand_;
};

/// The steps of the approvals that an operator has given and that stand.
bool IsApproved(const reconciler::Store& truth, const std::string& verb, const std::string& target);

}  // namespace tests
