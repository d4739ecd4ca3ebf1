#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/expected.h"
#include "reconciler/client.h"

/// Lists in pages that all show one moment. Nothing is kept between them: the token says how far the client is, and the
/// store's history leads back to the moment of the first page.
namespace server {

/// What `continue` says: the revision of the first page and the last object that was sent.
struct PageToken {
  api::ResourceVersion revision{};
  std::string namespace_{};
  std::string name{};
};

/// Opaque to clients. Needs no escaping in a URL.
std::string WritePageToken(const PageToken& token);
/// Errors: BadRequest.
api::Expected<PageToken> ReadPageToken(std::string_view text);

/// The objects as they were at `revision`. Errors: kExpired when the store's history does not reach back so far.
api::Expected<reconciler::ObjectList> ListAt(reconciler::Client& client, std::string_view resource,
                                             std::string_view namespace_, api::ResourceVersion revision);

/// What a list's metadata says.
struct ListMeta {
  api::ResourceVersion revision{};
  std::string continue_token{};             ///< Empty: this is all.
  std::optional<std::int64_t> remaining{};  ///< How many objects come after this page.
};

/// Cuts `list` to its first `limit` objects; 0 leaves all of them.
ListMeta CutPage(reconciler::ObjectList& list, std::int64_t limit);

}  // namespace server
