#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/meta/expected.h"

namespace host {

/// Hints that files changed. A hint may come twice, late or, when the machine drops some, for everything watched: it
/// says "look", never "what". Thread-safe.
class FileWatch {
 public:
  virtual ~FileWatch() = default;

  using Changed = std::function<void(std::string_view path)>;

  /// Calls `changed` from Run's thread whenever an entry of `directory` (which must exist) was written, made, renamed
  /// or removed or got another mode or owner; `path` is the entry's, or `directory` itself when that got one, when
  /// anything in it may have changed or when it is gone: then add it again once it is back. With `recursive`
  /// directories below are followed, new ones too, links are not. A second Add of one directory replaces the first.
  /// Errors: kNotFound, kUnavailable (limits of inotify; the message names the sysctl).
  virtual api::Expected<void> Add(const std::string& directory, bool recursive, Changed changed) = 0;

  /// Waits for a call of its `changed` that is going on, unless this is called from one: hold no lock that `changed`
  /// takes. No call begins after this returns.
  virtual void Remove(const std::string& directory) = 0;

  /// Delivers until stop is asked for. Called by exactly one thread.
  virtual void Run(std::stop_token stop) = 0;
};

}  // namespace host
