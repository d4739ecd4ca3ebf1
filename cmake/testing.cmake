# Tests mirror the tree: tests/reconciler/ is bin/reconciler_test is the ctest test `reconciler`.

set(HERO_TEST_TIMEOUT 180 CACHE STRING "Seconds a test binary may take; sanitizers are slower and set more")
set(threaded_rooms reconciler server client host)  # Their binaries also run under the thread sanitizer.

add_custom_target(tests)
add_custom_target(threaded_tests)

# doctest's implementation and main take 2 s to compile: once for all test binaries.
add_library(test_main OBJECT main.cc)
target_link_libraries(test_main PUBLIC doctest::doctest)

# add_room_test(NAME SOURCES <.cc and .h> [DEPENDS <rooms>] [USES <libraries>])
# Runs from the top of the source tree, so tests open "tests/golden/…" and "examples/…".
function(add_room_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;USES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "add_room_test(${name}): SOURCES is needed; not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  add_executable(${name}_test ${arg_SOURCES})
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name}_test PRIVATE test_main ${arg_DEPENDS} ${arg_USES} Threads::Threads)
  use_std_headers(${name}_test)
  add_dependencies(tests ${name}_test)
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${HERO_TEST_TIMEOUT} LABELS unit)
  if(name IN_LIST threaded_rooms)
    add_dependencies(threaded_tests ${name}_test)
    set_property(TEST ${name} APPEND PROPERTY LABELS threaded)
  endif()
endfunction()

# add_script_test(NAME <script>): a shell test, run from the top of the source tree; the exit code is the result.
function(add_script_test name script)
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${script} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${HERO_TEST_TIMEOUT} LABELS script)
endfunction()
