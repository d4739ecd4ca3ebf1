# Every library the project uses, found once. Rooms name them under USES; hack/check-layers knows which room may.
# RapidJSON and Boost.Beast are headers only: RapidJSON needs no target, Beast is Boost::headers.

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)        # USES spdlog::spdlog; the _header_only target costs 5 s per file.
find_package(tomlplusplus REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)       # USES SQLite::SQLite3.
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)  # USES prometheus-cpp::core.
find_package(LibArchive REQUIRED)    # USES LibArchive::LibArchive.
find_package(doctest REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(git2 REQUIRED IMPORTED_TARGET libgit2)  # USES PkgConfig::git2.
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)       # USES PkgConfig::re2.

# yaml-cpp 0.7 has no namespace. A name without :: that is mistyped silently becomes -l<name>, so we use the 0.8 name.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# cpprest defines a macro U(x) that breaks fmt and spdlog after it. Whoever uses cpprest gets the cure with it.
target_compile_definitions(cpprestsdk::cpprest INTERFACE _TURN_OFF_PLATFORM_STRING)
