#include "reconciler/database.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include <sqlite3.h>

namespace reconciler {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::int64_t kFormat = 1;  // Of the tables below; a newer herod's file is left alone.

template <auto Free>
struct Deleter {
  void operator()(auto* pointer) const noexcept { Free(pointer); }
};
using Connection = std::unique_ptr<sqlite3, Deleter<sqlite3_close_v2>>;
using Statement = std::unique_ptr<sqlite3_stmt, Deleter<sqlite3_finalize>>;

/// True for a full disk, and for a quota or a limit on file sizes, of which SQLite says no more than "disk I/O error".
bool IsFull(sqlite3* connection) {
  const int code = sqlite3_errcode(connection) & 0xff;
  if (code != SQLITE_IOERR) return code == SQLITE_FULL;
  for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
    sqlite3_file* file = nullptr;
    int reason = 0;
    if (sqlite3_file_control(connection, "main", which, &file) != SQLITE_OK || file == nullptr ||
        file->pMethods == nullptr || file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &reason) != SQLITE_OK)
      continue;
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) return true;
  }
  return false;
}

Error Damaged(const std::string& path, const std::string& why) {
  return {Code::kUnavailable, "StoreDamaged",
          path + " is no database or is damaged (" + why + "); move it away, and herod makes a new one from git"};
}

Error Failed(sqlite3* connection, std::string_view what) {
  const char* path = sqlite3_db_filename(connection, "main");
  const std::string file = path != nullptr ? path : "the store";
  const std::string why = std::string(what) + ": " + sqlite3_errmsg(connection);
  const int code = sqlite3_errcode(connection) & 0xff;
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return Damaged(file, why);
  if (IsFull(connection))
    return {
        Code::kUnavailable, "DiskFull",
        "no space for " + file + ": nothing was written; make room on its disk, then writes work again (" + why + ")"};
  return {Code::kUnavailable, "StoreFailed", file + ": " + why};
}

Expected<void> Execute(sqlite3* connection, const char* sql) {
  if (sqlite3_exec(connection, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Failed(connection, sql);
  return {};
}

Expected<Statement> Prepare(sqlite3* connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    return Failed(connection, sql);
  return Statement(statement);
}

void BindText(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::string ColumnText(sqlite3_stmt* statement, int index) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, index));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, index))) : std::string();
}

/// Runs a statement that gives no rows, and makes it ready for the next time.
Expected<void> Run(sqlite3* connection, sqlite3_stmt* statement, std::string_view what) {
  const int code = sqlite3_step(statement);
  auto result = code == SQLITE_DONE ? Expected<void>() : Expected<void>(Failed(connection, what));
  sqlite3_reset(statement);
  return result;
}

Expected<std::int64_t> ReadNumber(sqlite3* connection, std::string_view sql) {
  auto statement = Prepare(connection, sql);
  if (!statement) return statement.error();
  if (sqlite3_step(statement->get()) != SQLITE_ROW) return Failed(connection, sql);
  return std::int64_t{sqlite3_column_int64(statement->get(), 0)};
}

Error TooNew(const std::string& path, std::int64_t format) {
  return {Code::kUnavailable, "StoreTooNew",
          path + " has format " + std::to_string(format) + ", this herod reads up to " + std::to_string(kFormat) +
              "; run the newer herod, or move the file away"};
}

/// Looks at the head of a file before SQLite does, which writes beside and into whatever it opens.
Expected<void> CheckHead(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 64> head{};
  file.read(head.data(), head.size());
  if (file.gcount() == 0) return {};  // There is none yet, or it is empty.
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  if (file.gcount() != head.size() || std::string_view(head.data(), kMagic.size()) != kMagic)
    return Damaged(path, "it does not begin like one");
  std::int64_t format = 0;  // The user_version: four bytes at 60, the highest first.
  for (std::size_t i = 60; i < 64; ++i) format = format << 8 | static_cast<unsigned char>(head[i]);
  if (format > kFormat) return TooNew(path, format);
  return {};
}

Expected<void> CreateTables(sqlite3* connection) {
  return Execute(connection,
                 "BEGIN IMMEDIATE;"
                 "CREATE TABLE log(revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL,"
                 " name TEXT NOT NULL, is_removal INTEGER NOT NULL, text BLOB NOT NULL);"
                 "CREATE TABLE history(floor INTEGER NOT NULL);"
                 "INSERT INTO history VALUES(0);"
                 "PRAGMA user_version=1;"
                 "COMMIT");
}

/// A killed process may have written what it did not come to sync. We would read that from the kernel's memory and show
/// it, and a power cut would take it back.
Expected<void> SyncLog(sqlite3* connection) {
  sqlite3_file* log = nullptr;
  if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || log == nullptr ||
      log->pMethods == nullptr)
    return {};
  if (const int code = log->pMethods->xSync(log, SQLITE_SYNC_FULL); code != SQLITE_OK)
    return Error{Code::kUnavailable, "StoreFailed",
                 std::string(sqlite3_db_filename(connection, "main")) + "-wal cannot be synced: " +
                     sqlite3_errstr(code) + "; nothing is read from it that a power cut could take back"};
  return {};
}

/// Locks the file, and looks at what it is before anything is written to it. The lock is SQLite's own exclusive one:
/// held to the end of the process, gone with a crash.
Expected<void> SetUp(sqlite3* connection, const std::string& path) {
  if (auto done = Execute(connection, "PRAGMA locking_mode=EXCLUSIVE"); !done) return done;
  auto format = ReadNumber(connection, "PRAGMA user_version");
  if (!format) return format.error();
  if (*format > kFormat) return TooNew(path, *format);
  const bool is_new = *format == 0;
  if (is_new) {
    auto tables = ReadNumber(connection, "SELECT count(*) FROM sqlite_schema");
    if (!tables) return tables.error();
    if (*tables > 0) return Damaged(path, "it is a database of another program");
    // Silently ignored unless it comes before journal_mode=wal.
    if (auto done = Execute(connection, "PRAGMA auto_vacuum=INCREMENTAL"); !done) return done;
  }
  // 4 MiB of write-ahead log is where SQLite checkpoints anyway.
  for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=OFF",
                             "PRAGMA journal_size_limit=4194304"})
    if (auto done = Execute(connection, pragma); !done) return done;
  return is_new ? CreateTables(connection) : SyncLog(connection);
}

}  // namespace

struct Database::Handles {
  Connection connection;
  Statement begin, commit, rollback, insert, drop, set_floor;
};

Database::Database(std::string path, std::unique_ptr<Handles> handles)
    : path_(std::move(path)), handles_(std::move(handles)) {}
Database::~Database() = default;

Expected<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  if (auto known = CheckHead(path); !known) return known.error();
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  auto handles = std::make_unique<Handles>();
  handles->connection.reset(raw);
  if (code != SQLITE_OK)
    return Error{Code::kUnavailable, "StoreFailed", "cannot open " + path + ": " + sqlite3_errstr(code)};
  if (auto done = SetUp(raw, path); !done) {
    const int why = sqlite3_errcode(raw) & 0xff;
    if (why == SQLITE_BUSY || why == SQLITE_LOCKED)
      return Error{Code::kUnavailable, "StoreLocked", path + " is held by another process; stop the other herod first"};
    return done.error();
  }

  const std::pair<Statement*, std::string_view> wanted[] = {
      {&handles->begin, "BEGIN IMMEDIATE"},
      {&handles->commit, "COMMIT"},
      {&handles->rollback, "ROLLBACK"},
      {&handles->insert, "INSERT INTO log VALUES(?,?,?,?,?,?)"},
      {&handles->drop, "DELETE FROM log WHERE revision=?"},
      {&handles->set_floor, "UPDATE history SET floor=?"},
  };
  for (const auto& [place, sql] : wanted) {
    auto statement = Prepare(raw, sql);
    if (!statement) return statement.error();
    *place = *std::move(statement);
  }
  return std::unique_ptr<Database>(new Database(path, std::move(handles)));
}

Expected<std::int64_t> Database::Load(const std::function<void(LogRow)>& each) {
  sqlite3* connection = handles_->connection.get();
  auto statement =
      Prepare(connection, "SELECT revision,resource,namespace,name,is_removal,text FROM log ORDER BY revision");
  if (!statement) return statement.error();
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement->get())) == SQLITE_ROW) {
    sqlite3_stmt* row = statement->get();
    each({.key = {ColumnText(row, 1), ColumnText(row, 2), ColumnText(row, 3)},
          .revision = sqlite3_column_int64(row, 0),
          .is_removal = sqlite3_column_int(row, 4) != 0,
          .text = ColumnText(row, 5)});
  }
  if (code != SQLITE_DONE) return Failed(connection, "reading the log");
  return ReadNumber(connection, "SELECT floor FROM history");
}

Expected<void> Database::Write(const LogBatch& batch) {
  sqlite3* connection = handles_->connection.get();
  has_log_to_give_ = true;
  auto write = [&]() -> Expected<void> {
    if (auto done = Run(connection, handles_->begin.get(), "begin"); !done) return done;
    for (const LogRow& row : batch.rows) {
      sqlite3_stmt* insert = handles_->insert.get();
      sqlite3_bind_int64(insert, 1, row.revision);
      BindText(insert, 2, row.key.resource);
      BindText(insert, 3, row.key.namespace_);
      BindText(insert, 4, row.key.name);
      sqlite3_bind_int(insert, 5, row.is_removal ? 1 : 0);
      sqlite3_bind_blob64(insert, 6, row.text.data(), row.text.size(), SQLITE_STATIC);
      if (auto done = Run(connection, insert, "insert"); !done) return done;
    }
    for (const std::int64_t revision : batch.dropped) {
      sqlite3_bind_int64(handles_->drop.get(), 1, revision);
      if (auto done = Run(connection, handles_->drop.get(), "drop"); !done) return done;
    }
    if (!batch.dropped.empty()) {
      sqlite3_bind_int64(handles_->set_floor.get(), 1, batch.floor);
      if (auto done = Run(connection, handles_->set_floor.get(), "set floor"); !done) return done;
    }
    return Run(connection, handles_->commit.get(), "commit");
  };
  auto done = write();
  // SQLite rolls some errors back by itself; autocommit says whether a transaction is still open.
  if (!done && sqlite3_get_autocommit(connection) == 0)
    if (auto undone = Run(connection, handles_->rollback.get(), "rollback"); !undone) return undone;
  return done;
}

Expected<bool> Database::GiveBack() {
  // A slice of 100 pages takes some 10 ms. The next writes would take a spare MiB of pages back at once.
  constexpr std::int64_t kSparePages = 256;
  sqlite3* connection = handles_->connection.get();
  auto free_pages = ReadNumber(connection, "PRAGMA freelist_count");
  if (!free_pages) return free_pages.error();
  if (*free_pages > kSparePages) {
    if (auto done = Execute(connection, "PRAGMA incremental_vacuum(100)"); !done) return done.error();
    has_log_to_give_ = true;
    return true;
  }
  if (!std::exchange(has_log_to_give_, false)) return false;
  // Only this moves the end of the database file: until then the given pages are a note in the write-ahead log.
  if (auto done = Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)"); !done) return done.error();
  return false;
}

std::int64_t Database::FileBytes() const {
  std::int64_t bytes = 0;
  for (const std::string& path : {path_, path_ + "-wal"}) {
    std::error_code failure;
    const auto size = std::filesystem::file_size(path, failure);
    if (!failure) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

}  // namespace reconciler
