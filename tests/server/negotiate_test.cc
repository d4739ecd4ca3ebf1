#include "server/negotiate.h"

#include <string>

#include <doctest/doctest.h>

using namespace server;

TEST_CASE("[WIRE] the first entry of Accept that can be served wins") {
  struct Row {
    const char* accept;
    const char* form;  ///< `json`, a version of Table, or `406`.
  };
  const Row rows[] = {
      {"", "json"},
      {"application/json", "json"},
      {"*/*", "json"},
      {"application/*", "json"},
      {"application/json;stream=watch", "json"},
      {"application/cbor, application/json", "json"},
      {"application/vnd.kubernetes.protobuf, */*", "json"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
       "v1"},
      {"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io", "v1beta1"},
      {"application/json; as=Table; g=meta.k8s.io; v=v1", "v1"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", "json"},
      {"application/json;as=Table;v=v1;g=other,application/json", "json"},
      {"application/json;as=Something;v=v1;g=meta.k8s.io", "406"},
      {"text/html", "406"},
      {"application/vnd.kubernetes.protobuf", "406"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.accept);
    const auto wanted = Negotiate(row.accept, true);
    const std::string form = !wanted ? "406" : wanted->is_table ? wanted->table_version : "json";
    CHECK(form == row.form);
  }
}

TEST_CASE("[WIRE] what is no object has no table") {
  CHECK_FALSE(Negotiate("application/json;as=Table;v=v1;g=meta.k8s.io", false));
  CHECK(Negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", false));
}
