#pragma once

#include <memory>
#include <string>

#include "api/meta/expected.h"

namespace host::libgit2 {

template <auto Free>
struct Deleter {
  void operator()(auto* p) const noexcept { Free(p); }
};
/// Owns what one of libgit2's makers made.
template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

/// Calls one of libgit2's makers, `int make(T** out)`, and owns what it made. Its result is libgit2's code.
template <class Owner>
int Own(Owner& owner, auto make) {
  typename Owner::pointer made = nullptr;
  const int code = make(&made);
  owner.reset(made);
  return code;
}

/// The error of a failed call. Call at once: the text is the thread's last one.
api::Error GitError(const std::string& what, int code);

}  // namespace host::libgit2
