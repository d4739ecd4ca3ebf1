#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/fuzz/targets.h"

/// libFuzzer's way in. The environment's FUZZ_TARGET says which target gets its inputs.
namespace {

const fuzz::Target* g_target = nullptr;  // libFuzzer calls plain functions; set once before the first input.

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* wanted = std::getenv("FUZZ_TARGET");
  const auto targets = fuzz::Targets();
  const auto found = std::find_if(targets.begin(), targets.end(),
                                  [&](const fuzz::Target& target) { return wanted && target.name == wanted; });
  if (found == targets.end()) {
    std::fputs("FUZZ_TARGET must be one of:", stderr);
    for (const fuzz::Target& target : targets) std::fprintf(stderr, " %s", std::string(target.name).c_str());
    std::fputs("\n", stderr);
    std::exit(2);
  }
  g_target = &*found;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  g_target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
