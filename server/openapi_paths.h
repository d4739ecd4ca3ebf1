#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/schema/schema.h"

/// Which paths and operations a kind has, for the documents of OpenAPI. Pure functions.
namespace server {

/// A parameter behind `?`.
struct OperationParameter {
  const char* name = "";
  const char* type = "string";
};

struct Operation {
  const char* method = "";  ///< `patch`
  const char* action = "";  ///< Kubernetes' word for it: `list`.
  std::span<const OperationParameter> parameters{};
  std::span<const char* const> media_types{};  ///< Of the body; empty: there is none.
};

struct OperationPath {
  std::string path{};     ///< `/apis/hero.dev/v1/namespaces/{namespace}/slots/{name}`
  std::string id_tail{};  ///< With the action before it an operation's id: `HeroDevV1Slot`.
  bool is_namespaced = false;
  bool is_named = false;
  std::vector<Operation> operations{};
};

/// Of the collection, the object and its status.
std::vector<OperationPath> PathsOf(const api::schema::Kind& kind);

}  // namespace server
