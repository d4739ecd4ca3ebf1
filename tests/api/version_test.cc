#include "api/meta/version.h"

#include <algorithm>

#include <doctest/doctest.h>

TEST_CASE("version: three numbers, so that a release manifest can name it") {
  CHECK(std::ranges::count(api::kVersion, '.') == 2);
  CHECK(api::kVersion.find_first_not_of("0123456789.") == std::string_view::npos);
}
