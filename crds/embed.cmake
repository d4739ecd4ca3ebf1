# Writes OUTPUT, the .cc file behind embedded.h, from FILES (a list). Run by cmake -P when one of them changes.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND rows "    {\"${name}\", R\"yaml(${text})yaml\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"crds/embedded.h\"

#include <array>

namespace crds {

std::span<const EmbeddedFile> Files() {
  static constexpr auto kFiles = std::to_array<EmbeddedFile>({
${rows}  });
  return kFiles;
}

}  // namespace crds
")
