#include "api/meta/version.h"

namespace api {

constinit const std::string_view kVersion = HERO_VERSION;

}  // namespace api
