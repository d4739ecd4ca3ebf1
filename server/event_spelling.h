#pragma once

#include <string>

#include "api/meta/json.h"
#include "api/meta/object.h"
#include "api/schema/schema.h"
#include "reconciler/client.h"

/// Events of the core group and of events.k8s.io are one store with two spellings: what is stored is the core's, and
/// the other group's objects are read and written in it. Pure functions.
namespace server {

/// Event of either group.
bool IsEvent(const api::schema::Kind& kind);
/// Event of events.k8s.io.
bool IsRespelled(const api::schema::Kind& kind);

/// Where the objects of a kind are stored: `users.hero.dev`, and `events` for both spellings.
std::string StoredResource(const api::schema::Kind& kind);

/// Renames what one spelling calls otherwise, `note` to `message`, in an event or a merge patch for one. What is no
/// object stays as it is.
void SpellAsCore(api::Json& event);
void SpellAsEventsGroup(api::Json& event);

/// An object or a patch that a client wrote as `kind`, in the spelling that is stored.
void SpellAsStored(const api::schema::Kind& kind, api::Object& object);
void SpellAsStored(const api::schema::Kind& kind, reconciler::PatchDocument& patch);

/// The compact text of an object of that kind, from what is stored.
std::string ServedText(const api::schema::Kind& kind, const std::string& stored);

}  // namespace server
