#include "tests/simulation/sim_disk.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <sqlite3.h>

namespace tests {
namespace {

constexpr std::int64_t kSector = 512;
constexpr int kPathMax = 512;

SimDisk* disk = nullptr;

/// SQLite's handle of an open file.
struct Handle {
  sqlite3_file base;
  std::string* path;
};

SimDisk::File& FileOf(sqlite3_file* file) { return disk->Of(*reinterpret_cast<Handle*>(file)->path); }

void Put(std::string& content, std::int64_t at, std::string_view bytes) {
  const auto end = static_cast<std::size_t>(at) + bytes.size();
  if (content.size() < end) content.resize(end);
  content.replace(static_cast<std::size_t>(at), bytes.size(), bytes);
}

void Apply(std::string& content, const SimDisk::File::Write& write) {
  if (write.is_truncation)
    content.resize(std::min(content.size(), static_cast<std::size_t>(write.at)));
  else
    Put(content, write.at, write.bytes);
}

int Close(sqlite3_file* file) {
  delete reinterpret_cast<Handle*>(file)->path;
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
  const std::string& content = FileOf(file).seen;
  const auto begin = std::min(static_cast<std::size_t>(at), content.size());
  const auto here = std::min(static_cast<std::size_t>(count), content.size() - begin);
  std::memcpy(to, content.data() + begin, here);
  if (here == static_cast<std::size_t>(count)) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + here, 0, static_cast<std::size_t>(count) - here);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
  if (disk->is_full) return SQLITE_FULL;
  if (disk->fibers().is_in_fiber() && disk->fibers().Chance(16)) disk->fibers().Yield();
  SimDisk::File& content = FileOf(file);
  content.unsynced.push_back({at, std::string(static_cast<const char*>(from), static_cast<std::size_t>(count))});
  Apply(content.seen, content.unsynced.back());
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  SimDisk::File& content = FileOf(file);
  content.unsynced.push_back({.at = size, .is_truncation = true});
  Apply(content.seen, content.unsynced.back());
  return SQLITE_OK;
}

/// What was written before it began is durable when it ends, and not before.
int Sync(sqlite3_file* file, int) {
  Fibers& fibers = disk->fibers();
  if (fibers.is_in_fiber()) {
    fibers.Yield();
    if (disk->sync_takes_most.count() > 0) fibers.Sleep(fibers.RandomTime(disk->sync_takes_most));
  }
  if (!disk->is_syncing) return SQLITE_OK;
  SimDisk::File& content = FileOf(file);
  for (const SimDisk::File::Write& write : content.unsynced) Apply(content.durable, write);
  content.unsynced.clear();
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(FileOf(file).seen.size());
  return SQLITE_OK;
}

// A killed process leaves no lock, and the simulation starts no two at once.
int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReservedLock(sqlite3_file*, int* is_locked) {
  *is_locked = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return kSector; }
int DeviceCharacteristics(sqlite3_file*) { return 0; }

constexpr sqlite3_io_methods kMethods = {.iVersion = 1,
                                         .xClose = Close,
                                         .xRead = Read,
                                         .xWrite = Write,
                                         .xTruncate = Truncate,
                                         .xSync = Sync,
                                         .xFileSize = FileSize,
                                         .xLock = Lock,
                                         .xUnlock = Lock,
                                         .xCheckReservedLock = CheckReservedLock,
                                         .xFileControl = FileControl,
                                         .xSectorSize = SectorSize,
                                         .xDeviceCharacteristics = DeviceCharacteristics,
                                         .xShmMap = nullptr,
                                         .xShmLock = nullptr,
                                         .xShmBarrier = nullptr,
                                         .xShmUnmap = nullptr,
                                         .xFetch = nullptr,
                                         .xUnfetch = nullptr};

int Open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  auto* handle = new (file) Handle{};
  handle->path = new std::string(name != nullptr ? name : "temporary");
  handle->base.pMethods = &kMethods;
  disk->Of(*handle->path);
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* name, int) {
  disk->Remove(name);
  return SQLITE_OK;
}

int Access(sqlite3_vfs*, const char* name, int, int* result) {
  *result = disk->Has(name) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int count, char* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<char>(disk->fibers().Random(256));
  return count;
}

int Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int CurrentTime(sqlite3_vfs*, sqlite3_int64* now) {
  *now = 0;
  return SQLITE_OK;
}

sqlite3_vfs& FileSystem() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs made{};
    made.iVersion = 2;
    made.szOsFile = sizeof(Handle);
    made.mxPathname = kPathMax;
    made.zName = "simulated";
    made.xOpen = Open;
    made.xDelete = Delete;
    made.xAccess = Access;
    made.xFullPathname = FullPathname;
    made.xRandomness = Randomness;
    made.xSleep = Sleep;
    made.xCurrentTimeInt64 = CurrentTime;
    return made;
  }();
  return vfs;
}

}  // namespace

SimDisk::SimDisk(Fibers& fibers) : fibers_(fibers) {
  disk = this;
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);  // Fails once SQLite is in use, and is no matter then.
  sqlite3_vfs_register(&FileSystem(), 1);
}

SimDisk::~SimDisk() { sqlite3_vfs_unregister(&FileSystem()); }

void SimDisk::CutPower() {
  for (auto& [path, file] : files_) {
    for (const File::Write& write : file.unsynced) {
      if (write.is_truncation) {
        if (fibers_.Chance(2)) Apply(file.durable, write);
        continue;
      }
      const auto size = static_cast<std::int64_t>(write.bytes.size());
      for (std::int64_t done = 0; done < size;) {
        const std::int64_t part = std::min(size - done, kSector - (write.at + done) % kSector);
        if (fibers_.Chance(2))
          Put(file.durable, write.at + done,
              std::string_view(write.bytes).substr(static_cast<std::size_t>(done), static_cast<std::size_t>(part)));
        done += part;
      }
    }
    file.unsynced.clear();
    file.seen = file.durable;
  }
}

}  // namespace tests
