#include "cmd/herod/forge.h"

#include <string>
#include <utility>

#include "host/file_url.h"
#include "host/forgejo/forgejo_forge.h"
#include "host/linux/processes.h"
#include "host/localforge/local_forge.h"

namespace herod {

namespace {

constexpr const char* kAskpass = "herod-askpass";  // Installed beside this program.

}  // namespace

host::libgit2::ForgeAccess ForgeAccessOf(const ForgeSection& section) {
  if (section.kind != "forgejo") return {};
  return {.url = section.url.value_or(""),
          .token_file = section.token_file,
          .ca_file = section.ca_file,
          .askpass = host::linux::ProgramBesideUs(kAskpass)};
}

api::Expected<std::unique_ptr<host::Forge>> OpenForge(const ForgeSection& section, const host::BoxPaths& paths,
                                                      host::Git& git, const host::Clock& clock) {
  if (section.kind == "forgejo") {
    auto forge = host::forgejo::ForgejoForge::Create(
        {.url = section.url.value_or(""), .token_file = section.token_file, .ca_file = section.ca_file}, clock);
    if (!forge) return forge.error().Within("forge.url");
    return std::unique_ptr<host::Forge>(*std::move(forge));
  }
  const auto folder = section.url ? host::PathOfFileUrl(*section.url) : std::optional(paths.forge);
  if (folder) return std::unique_ptr<host::Forge>(new host::localforge::LocalForge(*folder, git, clock));
  return api::Error{api::Code::kInvalid, "InvalidConfig", "forge.url of a local forge has to begin with file:///"};
}

}  // namespace herod
