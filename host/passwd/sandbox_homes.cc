#include "host/passwd/sandbox_homes.h"

#include <fcntl.h>
#include <optional>

#include "host/passwd/home_files.h"

namespace host::passwd {

namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPublicDirectory = 0755;
constexpr int kDirectory = O_PATH | O_DIRECTORY;

}  // namespace

api::Expected<HomeState> SandboxHomes::Look(std::string_view home) const {
  const auto directory = OpenHome(root_, home);
  if (!directory && directory.error().code == api::Code::kNotFound) return HomeState{};
  if (!directory) return directory.error();
  return LookAt(*directory, std::string(home), std::nullopt);
}

api::Expected<void> SandboxHomes::EnsureHome(std::string_view home, std::int64_t, std::int64_t) {
  const auto parts = PartsOf(home);
  if (!parts) return parts.error();
  auto directory = linux::Open(root_, kDirectory);
  if (!directory) return api::Error{api::Code::kUnavailable, "BoxRootUnavailable", directory.error().message};
  std::string shown;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const bool is_home = i + 1 == parts->size();
    shown += "/" + (*parts)[i];
    directory =
        MakeDirectory(*directory, (*parts)[i], is_home ? kPrivateDirectory : kPublicDirectory, kDirectory, shown);
    if (!directory) return directory.error();
  }
  return SetMode(*directory, kPrivateDirectory, shown);
}

api::Expected<void> SandboxHomes::WriteAuthorizedKeys(std::string_view home, std::string_view content) {
  const auto directory = OpenHome(root_, home);
  if (!directory) return directory.error();
  return WriteKeys(*directory, std::string(home), content);
}

}  // namespace host::passwd
