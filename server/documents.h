#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/schema/schema.h"
#include "server/http.h"

namespace server {

/// The documents that depend on the kinds alone: /version, discovery, OpenAPI. Each has an `ETag`, and who has it
/// already is told so with 304. One is made when it is asked for first, and anew when the kinds have changed.
/// Thread-safe.
class Documents {
 public:
  /// `catalog` outlives this.
  explicit Documents(const api::schema::Catalog& catalog) : catalog_(catalog) {}

  /// No value: the path is none of these.
  std::optional<Response> Serve(const Request& request);

  /// For tests: how many were made so far, and what is kept of them.
  std::size_t made() const;
  std::size_t bytes() const;

 private:
  struct Document;

  std::shared_ptr<const Document> Find(const std::string& key);
  void Keep(std::string key, std::vector<api::schema::KindPtr> kinds, std::shared_ptr<const Document> document);

  const api::schema::Catalog& catalog_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<api::schema::KindPtr> kinds_;  // Of which the documents are.
  std::map<std::string, std::shared_ptr<const Document>> documents_;
  std::size_t bytes_ = 0;
  std::size_t made_ = 0;
};

/// True when it takes milliseconds to make: OpenAPI, of all kinds.
bool IsLongDocument(const Request& request);

}  // namespace server
