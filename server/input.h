#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace server {

/// What has come over a connection and is not read yet, up to a limit. Takes memory from the first Space to Release.
class Input {
 public:
  explicit Input(std::size_t bytes_max) : capacity_(bytes_max) {}

  std::string_view text() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool is_full() const { return end_ - begin_ == capacity_; }

  /// Room for what comes next, behind the text; none when that is full.
  std::span<char> Space() {
    if (!bytes_) bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
    if (begin_ > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void Commit(std::size_t size) { end_ += size; }
  void Consume(std::size_t size) { begin_ += size; }
  void Release() {
    bytes_.reset();
    begin_ = end_ = 0;
  }

 private:
  const std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace server
