#include "host/libarchive/packer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <map>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include "api/codec/text.h"
#include "host/libarchive/readable.h"
#include "host/linux/files.h"

namespace host::libarchive {

namespace {

using api::Code;

template <auto Free>
struct Deleter {
  void operator()(auto* p) const noexcept { Free(p); }
};
template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;
using ArchiveWriter = Handle<struct archive, archive_write_free>;
using ArchiveEntry = Handle<struct archive_entry, archive_entry_free>;

constexpr std::size_t kChunkBytes = 256u << 10;
constexpr std::int64_t kBlockBytes = 512;  // Of st_blocks, whatever the disk's own are.

/// Zeros for the holes, of which libarchive takes the number and reads none: no memory is ever behind them.
class Zeros {
 public:
  Zeros() : bytes_(::mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  Zeros(const Zeros&) = delete;
  Zeros& operator=(const Zeros&) = delete;
  ~Zeros() {
    if (bytes_ != MAP_FAILED) ::munmap(bytes_, kBytes);
  }

  /// At most so many of them; none when there is no address space.
  std::string_view Of(std::uint64_t count) const {
    if (bytes_ == MAP_FAILED) return {};
    return {static_cast<const char*>(bytes_), static_cast<std::size_t>(std::min<std::uint64_t>(count, kBytes))};
  }

 private:
  static constexpr std::size_t kBytes = 1u << 30;  // So 16 TB, ext4's largest file, take 16 384 calls.

  void* bytes_;
};

/// A path as errors show it: a member chose its bytes.
std::string Shown(std::string_view path) { return api::codec::Printable(path, 512); }

api::Error Unavailable(std::string_view path, std::string_view why) {
  return {.code = Code::kUnavailable,
          .reason = "ArchiveFailed",
          .message = "pack " + Shown(path) + ": " + std::string(why)};
}

std::uint64_t AsUnsigned(std::int64_t bytes) { return static_cast<std::uint64_t>(bytes); }

/// True when something went, or became a link or another kind, between being listed and being opened.
bool IsGone(const api::Error& error) { return error.code == Code::kNotFound || error.code == Code::kForbidden; }

}  // namespace

/// A part of a file that has bytes; what lies between two of them is a hole.
struct Packer::Piece {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  /// Those of a file in order. With more than `max` of them it is one, zeros and all, unless most of it would be zeros:
  /// then no value. A file system that knows no holes has one.
  static std::optional<std::vector<Piece>> Of(int file, const struct stat& status, std::size_t max) {
    const std::int64_t size = status.st_size;
    const std::int64_t allocated = status.st_blocks * kBlockBytes;
    const std::vector<Piece> whole{{0, size}};
    if (allocated >= size) return whole;
    std::vector<Piece> pieces;
    for (std::int64_t at = 0; at < size;) {
      const off_t begin = ::lseek(file, at, SEEK_DATA);
      if (begin < 0 && errno == ENXIO) break;  // A hole to the end.
      const off_t end = begin < 0 ? -1 : ::lseek(file, begin, SEEK_HOLE);
      if (end <= begin) return whole;
      if (begin >= size) break;
      if (pieces.size() == max) return size / 2 <= allocated ? std::optional(whole) : std::nullopt;
      pieces.push_back({begin, std::min<std::int64_t>(end, size)});
      at = end;
    }
    return pieces;
  }
};

/// libarchive's side: headers and bytes of entries into the file.
class Packer::Writer {
 public:
  Writer(int descriptor, std::stop_token stop, Check check)
      : descriptor_(descriptor), stop_(std::move(stop)), check_(std::move(check)), archive_(archive_write_new()) {
    // Not pax_restricted: that keeps no fractions of a second, and build tools compare them.
    archive_write_set_format_pax(archive_.get());
    archive_write_add_filter_gzip(archive_.get());
    archive_write_set_options(archive_.get(), "gzip:!timestamp");
    archive_write_set_bytes_in_last_block(archive_.get(), 1);
  }

  /// Freeing an archive that was not closed first fills the file in hand up to the length in its header, which may be
  /// hours of zeros; refusing the first block of them ends that. (archive_write_fail would leak what the filters hold.)
  ~Writer() { is_over_ = true; }

  api::Expected<void> Open() {
    return Checked("the archive", archive_write_open(archive_.get(), this, nullptr, &Writer::WriteBlock, nullptr));
  }
  api::Expected<void> Close() { return Checked("the archive", archive_write_close(archive_.get())); }

  /// Begins an entry. Only what comes back on restoring is set: with access times, device and inode no two archives
  /// were alike.
  api::Expected<void> Begin(const std::string& path, const struct stat& status, const std::string& link,
                            const std::vector<Piece>& pieces = {}) {
    const ArchiveEntry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_mode(entry.get(), status.st_mode);
    archive_entry_set_uid(entry.get(), status.st_uid);
    archive_entry_set_gid(entry.get(), status.st_gid);
    archive_entry_set_mtime(entry.get(), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    archive_entry_set_size(entry.get(), 0);
    if (S_ISLNK(status.st_mode)) {
      archive_entry_set_symlink(entry.get(), link.c_str());
    } else if (!link.empty()) {
      archive_entry_set_hardlink(entry.get(), link.c_str());
    } else if (S_ISREG(status.st_mode)) {
      archive_entry_set_size(entry.get(), status.st_size);
      for (const Piece& piece : pieces)
        archive_entry_sparse_add_entry(entry.get(), piece.begin, piece.end - piece.begin);
      if (pieces.empty() && status.st_size > 0) archive_entry_sparse_add_entry(entry.get(), 0, 0);  // One hole.
    }
    return Checked(path, archive_write_header(archive_.get(), entry.get()));
  }

  api::Expected<void> Append(const std::string& path, std::string_view bytes) {
    const la_ssize_t written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    return Checked(path, written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
  }

  /// A hole: as many zeros as libarchive has to count.
  api::Expected<void> Skip(const std::string& path, std::uint64_t count) {
    while (count > 0) {
      if (stop_.stop_requested()) return Unavailable(path, "we are stopping");
      const std::string_view zeros = zeros_.Of(count);
      if (zeros.empty()) return Unavailable(path, "there is no address space for its holes");
      if (auto appended = Append(path, zeros); !appended) return appended;
      count -= zeros.size();
    }
    return {};
  }

  /// Ends a file; what is missing to the length in its header is filled with zeros.
  api::Expected<void> Finish(const std::string& path) {
    return Checked(path, archive_write_finish_entry(archive_.get()));
  }

  /// The path under which a file with several names was packed already; remembers `path` when it was not.
  std::string FirstNameOf(const struct stat& status, const std::string& path) {
    if (status.st_nlink < 2) return {};
    const auto [entry, is_new] = first_names_.try_emplace({status.st_dev, status.st_ino}, path);
    return is_new ? std::string() : entry->second;
  }

 private:
  static la_ssize_t WriteBlock(struct archive* archive, void* self, const void* bytes, std::size_t size) {
    Writer& writer = *static_cast<Writer*>(self);
    if (writer.stop_.stop_requested() && !writer.error_) writer.error_ = Unavailable("the archive", "we are stopping");
    if (writer.is_over_ || writer.error_) return -1;
    const auto appended = linux::WriteAll(writer.descriptor_, {static_cast<const char*>(bytes), size}, "the archive");
    if (!appended) writer.error_ = appended.error();
    if (!writer.error_) writer.CheckNow(size);
    if (!writer.error_) return static_cast<la_ssize_t>(size);
    archive_set_error(archive, EIO, "%s", writer.error_->message.c_str());
    return -1;
  }

  void CheckNow(std::size_t written) {
    unchecked_bytes_ += written;
    if (unchecked_bytes_ < kCheckBytes) return;
    unchecked_bytes_ = 0;
    if (auto checked = check_(); !checked) error_ = checked.error();
  }

  /// A warning (a name that is no UTF-8) is fine: its bytes are kept.
  api::Expected<void> Checked(const std::string& path, int result) const {
    if (error_) return *error_;
    if (result >= ARCHIVE_WARN) return {};
    const char* why = archive_error_string(archive_.get());
    return Unavailable(path, api::codec::Printable(why != nullptr ? why : "failed"));
  }

  const int descriptor_;
  const std::stop_token stop_;
  const Check check_;
  const Zeros zeros_;
  std::size_t unchecked_bytes_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
  std::optional<api::Error> error_;  // Of the file behind.
  bool is_over_ = false;
  ArchiveWriter archive_;  // Last, for its end still writes.
};

Packer::Packer(int descriptor, std::stop_token stop, Check check)
    : stop_(std::move(stop)), writer_(std::make_unique<Writer>(descriptor, stop_, std::move(check))) {}

Packer::~Packer() = default;

api::Expected<Packed> Packer::Pack(int directory, const std::string& name) {
  if (auto opened = writer_->Open(); !opened) return opened.error();
  if (auto added = Add(directory, name, name, 1); !added) return added.error();
  if (auto closed = writer_->Close(); !closed) return closed.error();
  return packed_;
}

/// Whether an entry is passed over for this, and counted where it holds something.
bool Packer::IsLeftOut(const api::Error& error) {
  if (linux::IsOtherFileSystem(error)) ++packed_.mounts_left_out;
  return IsGone(error);
}

api::Expected<void> Packer::Add(int parent, const std::string& name, const std::string& path, int depth) {
  if (stop_.stop_requested()) return Unavailable(path, "we are stopping");
  if (depth > kDepthMax || path.size() > kPathBytesMax) {
    return Unavailable(path, "deeper than " + std::to_string(kDepthMax) + " directories or longer than " +
                                 std::to_string(kPathBytesMax) + " bytes; move it up");
  }
  const auto status = linux::StatBeneath(parent, name, Shown(path));
  if (!status && IsLeftOut(status.error())) return {};
  if (!status) return status.error();
  if (S_ISDIR(status->st_mode)) return AddDirectory(parent, name, path, depth);
  if (IsCredentialName(name)) {
    ++packed_.credentials_left_out;
    return {};
  }
  if (S_ISREG(status->st_mode)) return AddFile(parent, name, path);
  if (S_ISLNK(status->st_mode)) return AddLink(parent, name, path, *status);
  return {};  // A socket, FIFO or device holds no work.
}

api::Expected<void> Packer::AddDirectory(int parent, const std::string& name, const std::string& path, int depth) {
  const auto directory = Readable::Open(parent, name, O_RDONLY | O_DIRECTORY, Shown(path));
  if (!directory && IsLeftOut(directory.error())) return {};
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("pack " + Shown(path), errno);
  status.st_mode = directory->mode();
  if (auto begun = writer_->Begin(path, status, ""); !begun) return begun;
  const auto names = linux::ListNames(directory->get(), Shown(path));
  if (!names) return names.error();
  for (const std::string& entry : *names) {
    if (auto added = Add(directory->get(), entry, std::string(path).append("/").append(entry), depth + 1); !added)
      return added;
  }
  return {};
}

api::Expected<void> Packer::AddFile(int parent, const std::string& name, const std::string& path) {
  const auto file = Readable::Open(parent, name, O_RDONLY, Shown(path));
  if (!file && IsLeftOut(file.error())) return {};
  if (!file) return file.error();
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return linux::SystemError("pack " + Shown(path), errno);
  if (!S_ISREG(status.st_mode)) return {};
  status.st_mode = file->mode();
  const auto pieces = Piece::Of(file->get(), status, kPiecesMax);
  if (!pieces) {
    ++packed_.holed_left_out;
    return {};
  }
  const std::string first_name = writer_->FirstNameOf(status, path);
  if (auto begun = writer_->Begin(path, status, first_name, *pieces); !begun) return begun;
  ++packed_.files;
  if (!first_name.empty()) return {};
  std::int64_t at = 0;
  for (const Piece& piece : *pieces) {
    if (auto skipped = writer_->Skip(path, AsUnsigned(piece.begin - at)); !skipped) return skipped;
    if (auto added = AddBytes(file->get(), path, piece); !added) return added;
    at = piece.end;
  }
  if (auto skipped = writer_->Skip(path, AsUnsigned(status.st_size - at)); !skipped) return skipped;
  return writer_->Finish(path);
}

/// The bytes of a piece; zeros for those that are not there any more.
api::Expected<void> Packer::AddBytes(int file, const std::string& path, const Piece& piece) {
  if (::lseek(file, piece.begin, SEEK_SET) < 0) return linux::SystemError("read " + Shown(path), errno);
  auto left = AsUnsigned(piece.end - piece.begin);
  while (left > 0) {
    if (stop_.stop_requested()) return Unavailable(path, "we are stopping");
    const auto bytes =
        linux::ReadUpTo(file, static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunkBytes)), Shown(path));
    if (!bytes) return bytes.error();
    if (bytes->empty()) return writer_->Skip(path, left);  // Shorter than it was.
    if (auto appended = writer_->Append(path, *bytes); !appended) return appended;
    left -= bytes->size();
  }
  return {};
}

api::Expected<void> Packer::AddLink(int parent, const std::string& name, const std::string& path,
                                    const struct stat& status) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(parent, name.c_str(), target.data(), target.size());
  if (size < 0 && (errno == ENOENT || errno == EINVAL)) return {};  // Gone, or a link no longer.
  if (size < 0) return linux::SystemError("pack " + Shown(path), errno);
  return writer_->Begin(path, status, {target.data(), static_cast<std::size_t>(size)});
}

api::Expected<std::uint64_t> AllocatedBytes(int directory, const std::string& name, const std::stop_token& stop) {
  std::uint64_t bytes = 0;
  std::vector<linux::Fd> open;  // The directories on the way down; each is closed when its entries are counted.
  std::vector<std::pair<std::size_t, std::string>> waiting{{0, name}};  // With the depth of the directory it is in.
  while (!waiting.empty()) {
    if (stop.stop_requested()) return Unavailable(name, "we are stopping");
    const auto [depth, entry] = std::move(waiting.back());
    waiting.pop_back();
    open.resize(std::min(open.size(), depth));
    const int parent = depth == 0 ? directory : open.back().get();
    const auto status = linux::StatBeneath(parent, entry, Shown(entry));
    if (!status) continue;
    bytes += AsUnsigned(status->st_blocks * kBlockBytes);
    if (!S_ISDIR(status->st_mode) || depth >= Packer::kDepthMax) continue;
    auto below = linux::OpenBeneath(parent, entry, O_RDONLY | O_DIRECTORY, Shown(entry), linux::Mounts::kRefuse);
    auto names = below ? linux::ListNames(below->get(), Shown(entry)) : below.error();
    if (!names) continue;
    open.push_back(*std::move(below));
    for (std::string& one : *names) waiting.emplace_back(open.size(), std::move(one));
  }
  return bytes;
}

}  // namespace host::libarchive
