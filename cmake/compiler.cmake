# How every file of ours is compiled. What differs between dev, release and the sanitizers is in CMakePresets.json.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)  # clang-tidy reads it.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Headers of libraries are SYSTEM (imported targets), so these judge our own code alone.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wsuggest-override)

# Out-of-range operator[] and empty optional stop the program instead of corrupting it; costs about nothing here.
add_compile_definitions(_GLIBCXX_ASSERTIONS)

# A daemon that reads the network gets what Debian's own packages get. _FORTIFY_SOURCE needs optimisation.
add_compile_options(-fstack-protector-strong -fstack-clash-protection
                    "$<$<CONFIG:RelWithDebInfo>:-D_FORTIFY_SOURCE=2>")
add_link_options(-Wl,-z,relro,-z,now)

# Reading the headers of std is a third of the time of a file. The presets that repeat what dev has built already read them
# once for all; dev does not, so a file that forgets an #include fails there.
set(HERO_PRECOMPILE OFF CACHE BOOL "Read the headers of std once instead of in every file")
if(HERO_PRECOMPILE)
  # The same flags for every file that shares them.
  add_compile_options(-pthread "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  file(CONFIGURE OUTPUT std_headers.cc CONTENT "// CMake needs a file to compile the headers with.\n")
  add_library(std_headers OBJECT ${PROJECT_BINARY_DIR}/std_headers.cc)
  target_precompile_headers(std_headers PRIVATE
    <algorithm> <array> <chrono> <condition_variable> <cstdint> <filesystem> <fstream> <functional> <map> <memory> <mutex>
    <optional> <set> <sstream> <stop_token> <string> <string_view> <thread> <utility> <vector>)
  if(CCACHE AND CMAKE_CXX_COMPILER_LAUNCHER STREQUAL CCACHE)
    # Else ccache keeps nothing of such files.
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
endif()

# use_std_headers(TARGET): the target reads them, where they are read once. Every target of ours says it.
function(use_std_headers target)
  if(HERO_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM std_headers)
  endif()
endfunction()
