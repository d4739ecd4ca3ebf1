#include "api/codec/json_at.h"

#include <doctest/doctest.h>

using api::Json;
using namespace api::codec;

namespace {

/// One value of each type, two members deep.
Json Answer() {
  return Json::Of({{"a", Json::Of({{"text", "one\x1b[2J"},
                                   {"number", 3},
                                   {"fraction", 3.5},
                                   {"yes", true},
                                   {"no", false},
                                   {"list", Json::Array{1, 2}},
                                   {"null", nullptr}})}});
}

}  // namespace

TEST_CASE("[API] json_at: a value of the asked type is given as it is") {
  const Json json = Answer();
  CHECK(TextAt(json, {"a", "text"}) == "one\x1b[2J");
  CHECK(IntegerAt(json, {"a", "number"}) == 3);
  CHECK(IsTrueAt(json, {"a", "yes"}));
  CHECK(ArrayAt(json, {"a", "list"}) == Json::Array{1, 2});
  CHECK(&ArrayAt(*json.At({"a", "list"}), {}) == json.At({"a", "list"})->array());
}

TEST_CASE("[SEC-57] json_at: what is for people cannot move the cursor, what is for programs keeps its bytes") {
  CHECK(PrintableAt(Answer(), {"a", "text"}) == "one?[2J");
  CHECK(TextAt(Answer(), {"a", "text"}) == "one\x1b[2J");
}

TEST_CASE("[API] json_at: what is missing or of another type is nothing") {
  const Json json = Answer();
  for (const char* key : {"number", "fraction", "yes", "list", "null", "absent"}) {
    CAPTURE(key);
    CHECK(TextAt(json, {"a", key}).empty());
    CHECK(PrintableAt(json, {"a", key}).empty());
  }
  for (const char* key : {"text", "fraction", "yes", "list", "null", "absent"}) {
    CAPTURE(key);
    CHECK_FALSE(IntegerAt(json, {"a", key}).has_value());
  }
  for (const char* key : {"text", "number", "no", "list", "null", "absent"}) {
    CAPTURE(key);
    CHECK_FALSE(IsTrueAt(json, {"a", key}));
  }
  for (const char* key : {"text", "number", "yes", "null", "absent"}) {
    CAPTURE(key);
    CHECK(ArrayAt(json, {"a", key}).empty());
  }
  CHECK(TextAt(json, {"a", "text", "deeper"}).empty());
  CHECK(ArrayAt(Json("no object"), {"a"}).empty());
}
