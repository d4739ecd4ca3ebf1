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
