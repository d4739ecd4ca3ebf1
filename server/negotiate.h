#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/expected.h"
#include "server/http.h"

namespace server {

/// One entry of `Accept`: a media type and what Kubernetes' clients say beside it.
struct MediaRange {
  std::string_view type{};     ///< `application/json`
  std::string_view as{};       ///< `Table`: the kind that the answer is to be turned into.
  std::string_view group{};    ///< Of that kind.
  std::string_view version{};  ///< Of that kind.

  bool TakesJson() const { return type == "application/json" || type == "application/*" || type == "*/*"; }
};

/// The entries in the order of the text, which they point into. No text: anything is taken.
std::vector<MediaRange> ReadAccept(std::string_view accept);

/// What is asked for, by which forms it can have.
enum class Asking { kDocument, kObject, kList, kWatch };

enum class Form {
  kWhole,
  kTable,
  kMetadata,  ///< PartialObjectMetadata, and its list.
};

/// What a table's row carries of its object beside the cells (`includeObject`).
enum class Include { kMetadata, kObject, kNone };

/// In which form a client wants objects.
struct Wanted {
  Form form = Form::kWhole;
  std::string meta_version = "v1";  ///< Of meta.k8s.io, for tables and metadata: `v1`, or `v1beta1` for old clients.
  Include include = Include::kMetadata;
  bool is_yaml = false;
};

/// The first entry of `Accept` that can be served; none: 406. One that asks for a form that does not fit is passed
/// over.
std::optional<Wanted> Negotiate(std::string_view accept, Asking asking);

/// The form of the objects that a request asks for. Errors: NotAcceptable, or BadRequest for an unknown
/// `includeObject`.
api::Expected<Wanted> ReadForm(const Request& request, Asking asking);

/// Nothing in `Accept` can be served.
api::Error NotAcceptable(Asking asking);

/// An answer of 200, as JSON or YAML. `json` is compact JSON of ours.
Response FormedResponse(const Wanted& wanted, std::string json);

}  // namespace server
