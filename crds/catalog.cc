#include "crds/catalog.h"

#include <string>
#include <utility>

#include "api/codec/yaml.h"

namespace crds {

api::Expected<api::schema::Catalog> LoadCatalog(std::span<const EmbeddedFile> files) {
  api::schema::Catalog catalog;
  for (const EmbeddedFile& file : files) {
    auto documents = api::codec::ParseYaml(file.text, file.name);
    if (!documents) return documents.error();
    if (documents->empty())
      return api::Error{.code = api::Code::kInvalid,
                        .reason = "InvalidCrd",
                        .message = std::string(file.name) + ": declares nothing; write a CustomResourceDefinition"};
    for (const api::Json& document : *documents) {
      auto kind = api::schema::KindFromCrd(document);
      if (!kind) return kind.error().Within(file.name);
      if (auto added = catalog.Add(*std::move(kind)); !added) return added.error().Within(file.name);
    }
  }
  return catalog;
}

}  // namespace crds
