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
  const reconciler::Snapshot slot{.key = {"slots.hero.dev", "alice", "a"}};
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
    CHECK(selector->Matches(slot) == row.matches);
  }
  const auto unknown = FieldSelector::Parse("spec.size=3");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message ==
        "field label not supported: spec.size; these are: metadata.name, metadata.namespace");
  CHECK(FieldSelector::Parse("metadata.name").error().message ==
        "invalid field selector: metadata.name; write metadata.name=NAME or metadata.name!=NAME");
}

TEST_CASE("[WIRE] events are selected by what they are about") {
  const api::schema::Kind core{.version = "v1", .kind = "Event", .plural = "events"};
  const api::schema::Kind events{.group = "events.k8s.io", .version = "v1", .kind = "Event", .plural = "events"};
  const reconciler::Snapshot event{
      .key = {"events", "default", "a.1"},
      .text =
          R"({"involvedObject":{"apiVersion":"hero.dev/v1","fieldPath":"spec.a","kind":"Slot","name":"a","uid":"u"},)"
          R"("reason":"Made","reportingComponent":"hero.dev/slot","type":"Normal"})"};
  struct Row {
    const api::schema::Kind& kind;
    const char* selector;
    bool matches;
  };
  const Row rows[] = {
      {core, "involvedObject.name=a,involvedObject.namespace=,involvedObject.kind=Slot,involvedObject.uid=u", true},
      {core, "involvedObject.kind=Slot,involvedObject.apiVersion=hero.dev/v1,involvedObject.name=a", true},
      {core, "involvedObject.namespace=default", false},
      {core, "involvedObject.namespace!=default", true},
      {core, "involvedObject.resourceVersion=", true},
      {core, "involvedObject.fieldPath=spec.a", true},
      {core, "reason=Made,type=Normal,reportingComponent=hero.dev/slot,source=hero.dev/slot", true},
      {core, "type!=Normal", false},
      {core, "metadata.name=a.1,metadata.namespace=default,involvedObject.name=a", true},
      {core, "metadata.name=b,involvedObject.name=a", false},
      {core, "involvedObject.name=a\\,b", false},
      {events, "regarding.name=a,regarding.kind=Slot,reportingController=hero.dev/slot,reason=Made", true},
      {events, "regarding.name=b", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.selector);
    const auto selector = FieldSelector::Parse(row.selector, &row.kind);
    REQUIRE(selector);
    CHECK(selector->Matches(event) == row.matches);
  }
}

TEST_CASE("[WIRE] a field that the kind is not selected by is a bad request that names those it is") {
  const api::schema::Kind core{.version = "v1", .kind = "Event", .plural = "events"};
  const api::schema::Kind events{.group = "events.k8s.io", .version = "v1", .kind = "Event", .plural = "events"};
  const api::schema::Kind other{.group = "hero.dev", .version = "v1", .kind = "Event", .plural = "events"};
  CHECK(FieldSelector::Parse("spec.a=b", &core)
            .error()
            .message.starts_with("field label not supported: spec.a; these are: metadata.name, metadata.namespace, "
                                 "involvedObject.kind, "));
  CHECK_FALSE(FieldSelector::Parse("regarding.name=a", &core));
  CHECK_FALSE(FieldSelector::Parse("involvedObject.name=a", &events));
  CHECK_FALSE(FieldSelector::Parse("=a", &events));
  CHECK_FALSE(FieldSelector::Parse("reason=a", &other));
  for (const char* const text : {"reason=a\\", "reason=\\a"}) {
    CAPTURE(text);
    const auto selector = FieldSelector::Parse(text, &core);
    REQUIRE_FALSE(selector);
    CHECK(selector.error().reason == "BadRequest");
  }
  const auto escaped = FieldSelector::Parse("reason=a\\,b\\=c\\\\", &core);
  REQUIRE(escaped);
  CHECK(escaped->Matches({.text = R"({"reason":"a,b=c\\"})"}));
}
