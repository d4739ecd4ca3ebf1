#include "server/negotiate.h"

#include <string>

#include <doctest/doctest.h>

using namespace server;

namespace {

/// `json`, `yaml`, `Table v1`, `metadata v1beta1`, or `406`.
std::string FormOf(const char* accept, Asking asking) {
  const auto wanted = Negotiate(accept, asking);
  if (!wanted) return "406";
  if (wanted->form == Form::kWhole) return wanted->is_yaml ? "yaml" : "json";
  return (wanted->form == Form::kTable ? "Table " : "metadata ") + wanted->meta_version;
}

}  // namespace

TEST_CASE("[WIRE] the first entry of Accept that can be served wins") {
  struct Row {
    const char* accept;
    const char* form;
  };
  const Row rows[] = {
      {"", "json"},
      {"application/json", "json"},
      {"*/*", "json"},
      {"application/*", "json"},
      {"application/json;stream=watch", "json"},
      {"application/cbor, application/json", "json"},
      {"application/cbor;q=1,application/json;q=0.9", "json"},
      {"application/vnd.kubernetes.protobuf, */*", "json"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
       "Table v1"},
      {"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io",
       "Table v1beta1"},
      {"application/json; as=Table; g=meta.k8s.io; v=v1", "Table v1"},
      {"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", "json"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", "json"},
      {"application/json;as=Table;v=v1;g=other,application/json", "json"},
      {"application/yaml", "yaml"},
      {"application/yaml,application/json", "yaml"},
      {"application/json;as=Something;v=v1;g=meta.k8s.io", "406"},
      {"text/html", "406"},
      {"application/cbor", "406"},
      {"application/vnd.kubernetes.protobuf", "406"},
      {"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", "406"},
      {",", "406"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.accept);
    CHECK(FormOf(row.accept, Asking::kList) == row.form);
  }
}

TEST_CASE("[WIRE] a form that does not fit what is asked for is passed over") {
  constexpr const char* kTable = "application/json;as=Table;v=v1;g=meta.k8s.io";
  constexpr const char* kOne = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  constexpr const char* kList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1";
  // As client-go's metadata client sends it.
  constexpr const char* kOneOrJson =
      "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
      "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
  struct Row {
    const char* accept;
    const char* document;
    const char* object;
    const char* list;
    const char* watch;
  };
  const Row rows[] = {
      {kTable, "406", "Table v1", "Table v1", "Table v1"}, {kOne, "406", "metadata v1", "406", "metadata v1"},
      {kList, "406", "406", "metadata v1beta1", "406"},    {kOneOrJson, "json", "metadata v1", "json", "metadata v1"},
      {"application/yaml", "yaml", "yaml", "yaml", "406"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.accept);
    CHECK(FormOf(row.accept, Asking::kDocument) == row.document);
    CHECK(FormOf(row.accept, Asking::kObject) == row.object);
    CHECK(FormOf(row.accept, Asking::kList) == row.list);
    CHECK(FormOf(row.accept, Asking::kWatch) == row.watch);
  }
}
