#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "server/protobuf_reader.h"
#include "tests/support/api_box.h"
#include "tests/support/protobuf_bytes.h"

using namespace server;
using namespace tests;

namespace {

/// What was read, as JSON; of a refusal its reason and message.
std::string Read(const std::string& body) {
  const auto object = ReadProtobuf(body);
  return object ? api::codec::WriteJson(*object) : object.error().reason + ": " + object.error().message;
}

/// How long the first field of a message is, of those with a length below 128: all that recorded envelopes have.
std::size_t FieldSize(std::string_view message) {
  REQUIRE((message.at(0) & 7) == 2);
  REQUIRE(static_cast<unsigned char>(message.at(1)) < 128);
  return 2 + static_cast<std::size_t>(message[1]);
}

std::string EventWith(const std::string& fields) { return Envelope("v1", "Event", fields); }

const std::vector<Header> kSaysProtobuf{{"content-type", "application/vnd.kubernetes.protobuf"}};

}  // namespace

TEST_CASE("[D-01] protobuf: the bodies of kubectl and client-go are read as what they say") {
  CHECK(Read(FromHex(kNamespaceFooHex)) == R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"foo"}})");
  CHECK(
      Read(FromHex(kAccessReviewHex)) ==
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview",)"
      R"("spec":{"resourceAttributes":{"group":"hero.dev","namespace":"default","resource":"slots","verb":"create"}}})");
  CHECK(Read(FromHex(kLeaseHex)) ==
        R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"gotest","namespace":"default"},)"
        R"("spec":{"acquireTime":"2026-11-20T21:25:11.278878Z","holderIdentity":"vm","leaseDurationSeconds":5,)"
        R"("leaseTransitions":0,"renewTime":"2026-11-20T21:25:11.278878Z"}})");
  CHECK(Read(FromHex(kDeleteOptionsHex)) == R"({"apiVersion":"v1","kind":"DeleteOptions"})");
}

TEST_CASE("[D-01] protobuf: every field of the metadata has its place") {
  const std::string owner = BytesField(1, "User") + BytesField(3, "alice") + BytesField(4, "u-1") +
                            BytesField(5, "hero.dev/v1") + NumberField(6, 1) + NumberField(7, 0);
  const std::string managed = BytesField(1, "me") + BytesField(2, "Update") + BytesField(3, "v1") +
                              BytesField(4, NumberField(1, 0)) + BytesField(6, "FieldsV1") +
                              BytesField(7, BytesField(1, R"({"f:reason":{}})"));
  const std::string metadata =
      BytesField(1, "a") + BytesField(2, "a-") + BytesField(3, "default") + BytesField(5, "u-2") + BytesField(6, "7") +
      NumberField(7, 3) + BytesField(8, NumberField(1, 1) + NumberField(2, 999'999'999)) + NumberField(10, 0) +
      BytesField(11, BytesField(1, "k") + BytesField(2, "v")) + BytesField(12, BytesField(1, "note")) +
      BytesField(13, owner) + BytesField(14, "x/y") + BytesField(14, "x/z") + BytesField(17, managed);
  CHECK(Read(EventWith(BytesField(1, metadata))) ==
        R"({"apiVersion":"v1","kind":"Event","metadata":{"annotations":{"note":""},)"
        R"("creationTimestamp":"1970-01-01T00:00:01Z","deletionGracePeriodSeconds":0,"finalizers":["x/y","x/z"],)"
        R"("generateName":"a-","generation":3,"labels":{"k":"v"},)"
        R"("managedFields":[{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:reason":{}},"manager":"me",)"
        R"("operation":"Update","time":"1970-01-01T00:00:00Z"}],"name":"a","namespace":"default",)"
        R"("ownerReferences":[{"apiVersion":"hero.dev/v1","blockOwnerDeletion":false,"controller":true,"kind":"User",)"
        R"("name":"alice","uid":"u-1"}],"resourceVersion":"7","uid":"u-2"}})");
}

TEST_CASE(
    "[D-01] protobuf: unknown fields are passed over, messages that stand twice are merged, the last value counts") {
  const std::string unknown =
      NumberField(99, 1) + BytesField(100, "later") + Varint(101 << 3 | 1) + "12345678" + Varint(102 << 3 | 5) + "1234";
  CHECK(Read(EventWith(unknown + BytesField(1, BytesField(1, "a")) + BytesField(1, BytesField(3, "default")) +
                       BytesField(3, "Old") + BytesField(3, "New") + NumberField(8, 2))) ==
        R"({"apiVersion":"v1","count":2,"kind":"Event","metadata":{"name":"a","namespace":"default"},"reason":"New"})");
}

TEST_CASE("[D-01] protobuf: what is none is refused, and the field is named") {
  const std::string lead = "BadRequest: the protobuf body cannot be read: ";
  const std::string cut = "the bytes are cut off or no protobuf";
  struct Row {
    const char* what;
    std::string body;
    std::string expected;
  };
  const Row rows[] = {
      {"nothing", "", lead + "it does not begin with k8s and a zero byte"},
      {"JSON", "{}", lead + "it does not begin with k8s and a zero byte"},
      {"a length beyond the end", EventWith(std::string("\x1a\x05", 2) + "ab"), lead + cut},
      {"a varint without end", EventWith(std::string(11, '\xff')), lead + cut},
      {"a number of 65 bits", EventWith("\x40" + std::string(9, '\xff') + "\x02"), lead + cut},
      {"field 0", EventWith(std::string("\x02\x00", 2)), lead + cut},
      {"a group", EventWith("\x1b"), lead + cut},
      {"a number as text", EventWith(BytesField(8, "2")), lead + "count: the type of the bytes is another one"},
      {"a text as number", EventWith(NumberField(3, 2)), lead + "reason: the type of the bytes is another one"},
      {"no UTF-8", EventWith(BytesField(3, "\xff")), lead + "reason: a text must be UTF-8"},
      {"below", EventWith(BytesField(1, NumberField(1, 1))),
       lead + "metadata: name: the type of the bytes is another one"},
      {"year 10000", EventWith(BytesField(6, NumberField(1, 253'402'300'800))),
       lead + "firstTimestamp: the time is outside the years 1 to 9999"},
      {"no nanoseconds", EventWith(BytesField(6, NumberField(2, 1'000'000'000))),
       lead + "firstTimestamp: the time is outside the years 1 to 9999"},
      {"compressed", std::string("k8s\0", 4) + BytesField(3, "gzip"), lead + "compressed objects are not read"},
      {"more fields than anybody sends", EventWith([] {
         std::string fields;
         for (int i = 0; i <= 10'000; ++i) fields += BytesField(99, "");
         return fields;
       }()),
       lead + "more than 10000 fields"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(Read(row.body) == row.expected);
  }
  CHECK(Read(Envelope("hero.dev/v1", "Slot", "")).starts_with("UnsupportedMediaType: "));
}

TEST_CASE("[D-01] protobuf: a recorded body that ends early is refused, unless it ends between two of its fields") {
  for (const std::string_view hex : {kNamespaceFooHex, kAccessReviewHex, kLeaseHex, kDeleteOptionsHex}) {
    const std::string body = FromHex(hex);
    std::set<std::size_t> whole;  // Sizes at which a field of the envelope ends: what is there then says less.
    std::size_t at = 4;
    for (whole.insert(at); at < body.size(); whole.insert(at)) at += FieldSize(std::string_view(body).substr(at));
    REQUIRE(at == body.size());
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(size);
      const auto object = ReadProtobuf(body.substr(0, size));
      if (whole.contains(size)) {
        CHECK((object || object.error().code == api::Code::kInvalid));
        continue;
      }
      const std::string why =
          size < 4 ? "it does not begin with k8s and a zero byte" : "the bytes are cut off or no protobuf";
      CHECK(Read(body.substr(0, size)) == "BadRequest: the protobuf body cannot be read: " + why);
    }
  }
}

TEST_CASE("[D-01] protobuf: a create and a delete in it work, with and without its Content-Type; answers are JSON") {
  ApiBox box;
  const std::string events = "/api/v1/namespaces/default/events";
  const std::string slots = "/apis/hero.dev/v1/namespaces/default/slots";
  const std::string event = EventWith(BytesField(1, BytesField(1, "a")) + BytesField(3, "Seen"));
  const auto created = box.Ask("POST", events, event, kSaysProtobuf);
  CHECK(created.status == 201);
  CHECK(HeaderOf(created, "Content-Type") == "application/json");
  CHECK(TextAt(JsonOf(created), {"reason"}) == "Seen");
  CHECK(box.Ask("POST", events, event).status == 409);
  CHECK(box.Ask("POST", events, "{}", kSaysProtobuf).status == 400);
  CHECK(box.Ask("POST", slots, Envelope("hero.dev/v1", "Slot", "")).status == 415);
  CHECK(box.Ask("POST", slots, event).status == 400);

  const std::string other_uid = BytesField(2, BytesField(1, "other"));
  CHECK(box.Ask("DELETE", events + "/a", Envelope("v1", "DeleteOptions", other_uid)).status == 409);
  CHECK(box.Ask("DELETE", events + "/a", event).status == 400);
  CHECK(box.Ask("DELETE", events + "/a", FromHex(kDeleteOptionsHex), kSaysProtobuf).status == 200);
  CHECK(box.Ask("GET", events + "/a").status == 404);
  REQUIRE(box.Ask("POST", events, event).status == 201);
  // client-go says the version of the kind that is deleted.
  CHECK(box.Ask("DELETE", events + "/a", Envelope("events.k8s.io/v1", "DeleteOptions", ""), kSaysProtobuf).status ==
        200);
}
