#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/meta/object.h"
#include "reconciler/plan.h"

namespace reconciler {

/// One reconcile of one object: why, what was done, and what comes next. The answer to "why did this happen".
struct PassRecord {
  std::string controller{};
  api::ObjectKey object{};
  api::Time began{};
  std::chrono::microseconds took{};
  std::vector<std::string> causes{};  ///< What woke it: `spec changed`, `/etc/passwd changed`.
  int rounds = 0;                     ///< Looks that led to steps.
  std::vector<StepResult> steps{};
  std::string outcome{};  ///< `done`, `pending`, `held`, `retry`, `stalled`, `suspended`, `gone`.
  std::string failures{};
  std::optional<std::chrono::milliseconds> next{};  ///< It is looked at again by then.
  int repeated = 0;  ///< Passes after it that found nothing to do either; `began` is the last one's.
};

struct JournalOptions {
  std::size_t per_object_max = 16;  ///< As many as a person reads.
  std::size_t records_max = 4096;   ///< Of all objects, some 2 MB; beyond it the oldest go.
};

/// The newest passes, in memory. Thread-safe.
class Journal {
 public:
  explicit Journal(JournalOptions options = {}) : options_(options) {}

  /// A pass that found nothing to do, after another one, is only counted.
  void Note(PassRecord record);

  /// Of that object, oldest first.
  std::vector<PassRecord> Find(const api::ObjectKey& object) const;

 private:
  const JournalOptions options_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<api::ObjectKey, std::deque<PassRecord>> records_;
  std::deque<api::ObjectKey> order_;  // Of records_, oldest first.
};

}  // namespace reconciler
