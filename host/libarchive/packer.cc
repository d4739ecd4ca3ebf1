#include "host/libarchive/packer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <map>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include "api/codec/text.h"
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

/// A path as errors show it: a member chose its bytes.
std::string Shown(std::string_view path) { return api::codec::Printable(path, 512); }

api::Error Unavailable(std::string_view path, std::string_view why) {
  return {.code = Code::kUnavailable,
          .reason = "ArchiveFailed",
          .message = "pack " + Shown(path) + ": " + std::string(why)};
}

/// True when something went, or became a link or another kind, between being listed and being opened.
bool IsGone(const api::Error& error) { return error.code == Code::kNotFound || error.code == Code::kForbidden; }

}  // namespace

/// libarchive's side: headers and bytes of entries into the file.
class Packer::Writer {
 public:
  Writer(int descriptor, std::stop_token stop)
      : descriptor_(descriptor), stop_(std::move(stop)), archive_(archive_write_new()) {
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
  api::Expected<void> Begin(const std::string& path, const struct stat& status, const std::string& link) {
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
    }
    return Checked(path, archive_write_header(archive_.get(), entry.get()));
  }

  api::Expected<void> Append(const std::string& path, std::string_view bytes) {
    const la_ssize_t written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    return Checked(path, written < 0 ? ARCHIVE_FATAL : ARCHIVE_OK);
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
    if (appended) return static_cast<la_ssize_t>(size);
    writer.error_ = appended.error();
    archive_set_error(archive, EIO, "%s", appended.error().message.c_str());
    return -1;
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
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
  std::optional<api::Error> error_;  // Of the file behind.
  bool is_over_ = false;
  ArchiveWriter archive_;  // Last, for its end still writes.
};

Packer::Packer(int descriptor, std::stop_token stop)
    : stop_(std::move(stop)), writer_(std::make_unique<Writer>(descriptor, stop_)) {}

Packer::~Packer() = default;

api::Expected<Packed> Packer::Pack(int directory, const std::string& name) {
  if (auto opened = writer_->Open(); !opened) return opened.error();
  if (auto added = Add(directory, name, name, 1); !added) return added.error();
  if (auto closed = writer_->Close(); !closed) return closed.error();
  return packed_;
}

api::Expected<void> Packer::Add(int parent, const std::string& name, const std::string& path, int depth) {
  if (stop_.stop_requested()) return Unavailable(path, "we are stopping");
  if (depth > kDepthMax || path.size() > kPathBytesMax) {
    return Unavailable(path, "deeper than " + std::to_string(kDepthMax) + " directories or longer than " +
                                 std::to_string(kPathBytesMax) + " bytes; move it up");
  }
  const auto status = linux::StatEntry(parent, name, Shown(path));
  if (!status && IsGone(status.error())) return {};
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
  const auto directory = linux::OpenBeneath(parent, name, O_RDONLY | O_DIRECTORY, Shown(path));
  if (!directory && IsGone(directory.error())) return {};
  if (!directory) return directory.error();
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return linux::SystemError("pack " + Shown(path), errno);
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
  const auto file = linux::OpenBeneath(parent, name, O_RDONLY, Shown(path));
  if (!file && IsGone(file.error())) return {};
  if (!file) return file.error();
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return linux::SystemError("pack " + Shown(path), errno);
  if (!S_ISREG(status.st_mode)) return {};
  const std::string first_name = writer_->FirstNameOf(status, path);
  if (auto begun = writer_->Begin(path, status, first_name); !begun) return begun;
  ++packed_.files;
  if (!first_name.empty()) return {};
  auto left = static_cast<std::size_t>(status.st_size);
  while (left > 0) {
    if (stop_.stop_requested()) return Unavailable(path, "we are stopping");
    const auto bytes = linux::ReadUpTo(file->get(), std::min(left, kChunkBytes), Shown(path));
    if (!bytes) return bytes.error();
    if (bytes->empty()) break;  // Shorter than it was.
    if (auto appended = writer_->Append(path, *bytes); !appended) return appended;
    left -= bytes->size();
  }
  return writer_->Finish(path);
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
  constexpr std::uint64_t kBlockBytes = 512;  // Of st_blocks, whatever the disk's own are.
  std::uint64_t bytes = 0;
  std::vector<linux::Fd> open;  // The directories on the way down; each is closed when its entries are counted.
  std::vector<std::pair<std::size_t, std::string>> waiting{{0, name}};  // With the depth of the directory it is in.
  while (!waiting.empty()) {
    if (stop.stop_requested()) return Unavailable(name, "we are stopping");
    const auto [depth, entry] = std::move(waiting.back());
    waiting.pop_back();
    open.resize(std::min(open.size(), depth));
    const int parent = depth == 0 ? directory : open.back().get();
    const auto status = linux::StatEntry(parent, entry, Shown(entry));
    if (!status) continue;
    bytes += static_cast<std::uint64_t>(status->st_blocks) * kBlockBytes;
    if (!S_ISDIR(status->st_mode) || depth >= Packer::kDepthMax) continue;
    auto below = linux::OpenBeneath(parent, entry, O_RDONLY | O_DIRECTORY, Shown(entry));
    const auto names = below ? linux::ListNames(below->get(), Shown(entry)) : below.error();
    if (!names) continue;
    open.push_back(*std::move(below));
    for (const std::string& one : *names) waiting.emplace_back(open.size(), one);
  }
  return bytes;
}

}  // namespace host::libarchive
