#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include "api/meta/expected.h"
#include "host/archives.h"

namespace host::libarchive {

/// Writes one directory as tar.gz, in the order of its names and without the time of packing: the same tree gives the
/// same bytes. What vanishes or turns into something else while it is read is left out; a file that changes its length
/// is cut or filled up with zeros to the length it had at first. Holes stay holes. No link is followed, and no other
/// file system entered. What Archives::Pack leaves out is left out. Use once.
class Packer {
 public:
  /// Asked every kCheckBytes of the archive whether it may go on; its error ends the packing.
  using Check = std::function<api::Expected<void>()>;

  /// `descriptor` is an empty file, open for writing; it outlives this.
  Packer(int descriptor, std::stop_token stop, Check check);
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;
  ~Packer();

  /// Packs what `directory` names as `name/…`. Errors: kUnavailable (stop, disk full, unreadable, too deep), naming the
  /// path.
  api::Expected<Packed> Pack(int directory, const std::string& name);

  // An installed program's tree is some 30 deep. Each level holds a descriptor open, of usually 1024.
  static constexpr int kDepthMax = 200;
  // A disk is written at some 100 MB/s, so this is asked several times a second.
  static constexpr std::size_t kCheckBytes = 16u << 20;
  // Each takes 20 bytes of the archive's header, which is held in memory. A disk image or a database has hundreds.
  static constexpr std::size_t kPiecesMax = 20'000;
  // PATH_MAX is 4096: what is longer could be packed, but tar could not restore it.
  static constexpr std::size_t kPathBytesMax = 4000;

 private:
  class Writer;
  struct Piece;

  bool IsLeftOut(const api::Error& error);
  api::Expected<void> Add(int parent, const std::string& name, const std::string& path, int depth);
  api::Expected<void> AddDirectory(int parent, const std::string& name, const std::string& path, int depth);
  api::Expected<void> AddFile(int parent, const std::string& name, const std::string& path);
  api::Expected<void> AddBytes(int file, const std::string& path, const Piece& piece);
  api::Expected<void> AddLink(int parent, const std::string& name, const std::string& path, const struct stat& status);

  std::stop_token stop_;
  std::unique_ptr<Writer> writer_;
  Packed packed_;
};

/// What the files of a tree take on their disk, several names of one file counted as several. No link is followed; what
/// vanishes meanwhile counts nothing, what cannot be read is left to the packer to name. Errors: kUnavailable (stop).
api::Expected<std::uint64_t> AllocatedBytes(int directory, const std::string& name, const std::stop_token& stop);

}  // namespace host::libarchive
