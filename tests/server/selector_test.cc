#include "server/selector.h"

#include <doctest/doctest.h>

using namespace server;

TEST_CASE("[WIRE] label selectors decide as Kubernetes' do") {
  const std::vector<std::pair<std::string, std::string>> labels{
      {"env", "prod"}, {"hero.dev/tier", "web"}, {"size", "7"}};
  struct Row {
    const char* selector;
    bool matches;
  };
  const Row rows[] = {
      {"", true},
      {"env=prod", true},
      {"env==prod", true},
      {"env = prod", true},
      {"env=test", false},
      {"env!=test", true},
      {"env!=prod", false},
      {"missing!=x", true},
      {"env", true},
      {"missing", false},
      {"!missing", true},
      {"!env", false},
      {"env in (prod,test)", true},
      {"env in (test)", false},
      {"missing in (test)", false},
      {"env notin (test, dev)", true},
      {"env notin (prod)", false},
      {"missing notin (prod)", true},
      {"size>6", true},
      {"size>7", false},
      {"size<8", true},
      {"env>1", false},
      {"missing<1", false},
      {"hero.dev/tier=web,env in (prod),!x", true},
      {"hero.dev/tier=web,env=test", false},
      {"env=", false},
      {"in in (x)", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.selector);
    const auto selector = LabelSelector::Parse(row.selector);
    REQUIRE(selector);
    CHECK(selector->Matches(labels) == row.matches);
  }
}

TEST_CASE("[WIRE] a label selector that is none is a bad request") {
  for (const char* const text :
       {"=x", "a,,b", "a,", "a in", "a in (x", "a in x", "a>b", "a<", "a b", "a=b c", "!", "!a=b", "a=$", "(a)"}) {
    CAPTURE(text);
    const auto selector = LabelSelector::Parse(text);
    REQUIRE_FALSE(selector);
    CHECK(selector.error().reason == "BadRequest");
    CHECK(selector.error().message.starts_with("unable to parse requirement: "));
  }
}

TEST_CASE("[WIRE] a wrong selector is answered with the place and what would be right") {
  const std::pair<const char*, const char*> rows[] = {
      {"a=b c", "expected a comma at position 5"},     {"=x", "expected a label's key at position 1"},
      {"a in x", "expected ( at position 6"},          {"a in (x", "expected ) at position 8"},
      {"a,", "nothing follows a comma at position 3"}, {"a<b", "> and < need an integer at position 4"},
  };
  for (const auto& [text, why] : rows) {
    CAPTURE(text);
    CHECK(LabelSelector::Parse(text).error().message ==
          "unable to parse requirement: " + std::string(why) + " of \"" + text +
              "\"; a selector looks like a=b,c!=d,e,!f,g in (x,y),h notin (z),i>1");
  }
}

TEST_CASE("[WIRE] field selectors know name and namespace") {
  const api::ObjectKey key{"slots.hero.dev", "alice", "a"};
  struct Row {
    const char* selector;
    bool matches;
  };
  const Row rows[] = {{"", true},
                      {"metadata.name=a", true},
                      {"metadata.name==a", true},
                      {"metadata.name!=a", false},
                      {"metadata.namespace=alice,metadata.name=a", true},
                      {"metadata.namespace=bob,metadata.name=a", false},
                      {"metadata.namespace!=bob", true}};
  for (const Row& row : rows) {
    CAPTURE(row.selector);
    const auto selector = FieldSelector::Parse(row.selector);
    REQUIRE(selector);
    CHECK(selector->Matches(key) == row.matches);
  }
  const auto unknown = FieldSelector::Parse("spec.size=3");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message == "field label not supported: spec.size; metadata.name and metadata.namespace are");
  CHECK(FieldSelector::Parse("metadata.name").error().message ==
        "invalid field selector: metadata.name; write metadata.name=NAME or metadata.name!=NAME");
}
