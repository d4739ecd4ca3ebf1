#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/meta/object.h"
#include "reconciler/client.h"
#include "server/http.h"
#include "server/route.h"
#include "server/status.h"

/// What comes in with a write: its options and its body.
namespace server {

/// `dryRun`, `fieldValidation`, `fieldManager`. `kind` names the options in errors: `CreateOptions`. Errors:
/// InvalidOption.
api::Expected<reconciler::WriteOptions> ReadWriteOptions(const Request& request, std::string_view kind);

/// One document, in either notation: clients send JSON as YAML, which it is. Errors: kInvalid.
api::Expected<api::Json> ReadYamlOrJson(std::string_view text);

/// What came in, before anybody looks what it is.
struct Body {
  api::Json json{};
  std::vector<std::string> repeated{};  ///< Paths of keys that stand twice in one object; their last values count.
};

/// The body as JSON, also one in protobuf or YAML. Errors: UnsupportedMediaType, BadRequest when it is no JSON object.
api::Expected<Body> ReadJsonBody(const Request& request, const Route& route);

/// A warning for each field that stands twice, and for each of the body's metadata that there is not. Those outside the
/// metadata are the schema's matter. Errors: BadRequest when such fields are refused.
api::Expected<std::vector<std::string>> CheckBodyFields(const Body& body, const api::schema::Kind& kind,
                                                        reconciler::FieldValidation validation);

struct ReceivedObject {
  api::Object object{};
  std::vector<std::string> warnings{};  ///< From CheckBodyFields.
};

/// The object of a create or an update, with the path's namespace. `subject` becomes what errors are about: the body
/// may name another kind than the path, and its name. Errors: BadRequest for what cannot be understood, kInvalid for a
/// wrong kind.
api::Expected<ReceivedObject> ReadObject(Body body, const Route& route, reconciler::FieldValidation validation,
                                         Subject& subject);

}  // namespace server
