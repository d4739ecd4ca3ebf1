#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "host/append_log.h"
#include "host/clock.h"

/// An audit log that nobody changes unseen. Each line of JSON is numbered and carries a hash of itself and of the line
/// before it:
///   {"actor":"jo",…,"seq":17,"chain":"<SHA-256 of the chain of line 16, a line feed, and this line up to ,"chain">"}
/// A chain begins with a line of verb `begin` (which says how many bytes without a chain stand before it), goes on in
/// the next file with one of verb `rotate` (which repeats where it was), and says by one of verb `mend` that the line
/// before was cut off when the machine stopped. Who can write the file can write it all anew: keep the last hash
/// elsewhere, such as the journal, which has it whenever herod starts.
namespace reconciler {

/// Where a chain is.
struct ChainHead {
  std::int64_t seq = 0;
  std::string hash{};  ///< 64 hex digits; empty before the first line.

  bool operator==(const ChainHead&) const = default;
};

/// `line` (an object of JSON) as the next one of the chain, which then ends with it.
std::string Chained(std::string_view line, ChainHead& head);

/// Chains what is appended to another log. Thread-safe.
class ChainedLog final : public host::AppendLog {
 public:
  /// Both outlive this; nobody else appends to `log`.
  ChainedLog(host::AppendLog& log, const host::Clock& clock) : log_(log), clock_(clock) {}

  /// Goes on where the log ends. Errors: those of the log; then the next line tries again.
  api::Expected<void> Append(std::string_view line) override;
  api::Expected<host::LogEnd> End(std::size_t bytes_max) override { return log_.End(bytes_max); }

 private:
  api::Expected<void> Begin();
  api::Expected<void> Mark(std::string_view verb, std::string_view field, std::uint64_t bytes);
  api::Expected<void> Add(std::string_view line);

  host::AppendLog& log_;
  const host::Clock& clock_;

  std::mutex mutex_;
  // Guarded by mutex_.
  bool has_begun_ = false;
  ChainHead head_;
};

/// One thing that is wrong, or only worth saying.
struct ChainFinding {
  std::string file{};
  std::int64_t line = 0;  ///< From 1.
  std::string message{};
  bool is_fault = true;
};

struct ChainReport {
  std::int64_t lines = 0;  ///< Of the chain.
  ChainHead head{};
  std::vector<ChainFinding> findings{};

  bool is_good() const;
};

/// Checks files in the order in which they were written. At most kFindingsMax findings of each file are named.
class ChainCheck {
 public:
  static constexpr std::size_t kFindingsMax = 100;

  void Add(const std::string& name, std::string_view text);
  const ChainReport& report() const { return report_; }

 private:
  struct Line;
  struct File;

  void Take(File& file, const Line& line);
  void TakeBroken(File& file, const Line& line);
  void TakeFirst(File& file, const Line& line);
  void Say(File& file, std::int64_t line, std::string message, bool is_fault = true);

  ChainReport report_;
  bool is_chained_ = false;  // Some file had a line of it.
};

}  // namespace reconciler
