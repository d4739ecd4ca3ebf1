#include "host/passwd/member_work.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "host/passwd/home_files.h"
#include "host/passwd/member_process.h"
#include "host/passwd/text_table.h"

namespace host::passwd {

namespace {

using api::Code;

constexpr std::chrono::milliseconds kPatience = std::chrono::hours(1);  // 100 GB at the 30 MB/s of gzip on one core.

}  // namespace

api::Expected<bool> MemberWork::IsThere(std::string_view home) const {
  const auto owner = OwnerOf(accounts_, home);
  if (!owner) return owner.error();
  const auto directory = OpenHome(root_, home);
  if (!directory && directory.error().code == Code::kNotFound) return false;
  if (!directory) return directory.error();
  const auto status = linux::StatBeneath(directory->get(), "hero", std::string(home) + "/hero");
  if (!status && status.error().code == Code::kNotFound) return false;
  if (!status) return status.error();
  return S_ISDIR(status->st_mode);
}

api::Expected<Packed> MemberWork::Pack(std::string_view home, int descriptor, std::stop_token stop) {
  const auto owner = OwnerOf(accounts_, home);
  if (!owner) return owner.error();
  const auto directory = OpenHome(root_, home);
  if (!directory) return directory.error();
  if (!*owner) return ForeignHome(home, "there is no account of that name");
  const auto said = RunAsMember(processes_,
                                {.program = packer_,
                                 .task = "pack",
                                 .owner = **owner,
                                 .home = std::string(home),
                                 .directory = directory->get(),
                                 .output = descriptor,
                                 .deadline = kPatience},
                                stop);
  if (!said) return said.error();
  return PackedOf(*said);
}

std::string TextOf(const Packed& packed) {
  return std::to_string(packed.files) + " " + std::to_string(packed.credentials_left_out) + " " +
         std::to_string(packed.mounts_left_out) + " " + std::to_string(packed.holed_left_out);
}

api::Expected<Packed> PackedOf(std::string_view text) {
  Packed packed;
  bool is_right = true;
  for (std::int64_t* count :
       {&packed.files, &packed.credentials_left_out, &packed.mounts_left_out, &packed.holed_left_out}) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const auto number = NumberOf(text.substr(0, blank));
    is_right = is_right && number;
    *count = number.value_or(0);
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  if (is_right && text.empty()) return packed;
  return api::Error{Code::kUnavailable, "HelperFailed",
                    "pack: herod-pack said what is no answer; is it of this build?"};
}

}  // namespace host::passwd
