#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/meta/expected.h"
#include "reconciler/snapshot.h"

namespace reconciler {

/// One row of the log: the state that a key got at a revision.
struct LogRow {
  api::ObjectKey key{};
  std::int64_t revision = 0;
  bool is_removal = false;
  std::string text{};
};

/// What goes to disk in one commit.
struct LogBatch {
  std::vector<LogRow> rows{};
  std::vector<std::int64_t> dropped{};  ///< Revisions that no watch and no restart needs any more.
  std::int64_t floor = 0;               ///< History is complete above this revision.
};

/// The store's file: an append-only log of states in SQLite, WAL, synchronous=FULL. One thread at a time.
class Database {
 public:
  /// Errors: kUnavailable: another process holds it, it is from a newer version, it is damaged or not ours (each says
  /// what to do; the file is left as it is).
  static api::Expected<std::unique_ptr<Database>> Open(const std::string& path);
  ~Database();

  /// Every row in order of revision, then the floor.
  api::Expected<std::int64_t> Load(const std::function<void(LogRow)>& each);

  /// All of the batch or, with an error (disk full, broken disk), nothing of it. Durable when it returns.
  api::Expected<void> Write(const LogBatch& batch);

  /// Gives some of the file's free pages back to the disk, and once there are none to spare, the write-ahead log's.
  /// True when there is more to give. Some 10 ms; changes nothing that is read.
  api::Expected<bool> GiveBack();

  /// Of the database and its write-ahead log; 0 in memory.
  std::int64_t FileBytes() const;

 private:
  struct Handles;
  Database(std::string path, std::unique_ptr<Handles> handles);

  const std::string path_;
  std::unique_ptr<Handles> handles_;
  bool has_log_to_give_ = true;  // The write-ahead log has grown since GiveBack emptied it.
};

}  // namespace reconciler
