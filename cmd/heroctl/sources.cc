#include "cmd/heroctl/sources.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "api/codec/text.h"

namespace heroctl {
namespace {

using api::Expected;
using client::Document;

constexpr std::size_t kReadMax = (3u << 20) + 1;  // One more than ReadDocuments takes: it says that it is too long.

Document Unreadable(const std::string& path, const std::string& why) {
  const std::string place = api::codec::Printable(path, 256);
  return {.place = place, .object = api::Error{api::Code::kNotFound, "NoFile", "cannot read " + place + ": " + why}};
}

void Read(std::istream& stream, const std::string& name, std::vector<Document>& documents) {
  std::string text(kReadMax, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (stream.bad()) return documents.push_back(Unreadable(name, "reading it failed"));
  auto read = client::ReadDocuments(text, name);
  std::move(read.begin(), read.end(), std::back_inserter(documents));
}

void ReadFile(const std::string& path, std::vector<Document>& documents) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return documents.push_back(Unreadable(path, std::error_code(errno, std::generic_category()).message()));
  Read(file, path, documents);
}

bool IsManifest(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

template <class Iterator>
std::vector<std::string> FilesBelow(const std::string& folder, std::error_code& error) {
  std::vector<std::string> files;
  for (Iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (IsManifest(it->path()) && !it->is_directory(error)) files.push_back(it->path().string());
  std::sort(files.begin(), files.end());
  return files;
}

void ReadFolder(const std::string& folder, bool is_recursive, std::vector<Document>& documents) {
  std::error_code error;
  const auto files = is_recursive ? FilesBelow<std::filesystem::recursive_directory_iterator>(folder, error)
                                  : FilesBelow<std::filesystem::directory_iterator>(folder, error);
  if (error) return documents.push_back(Unreadable(folder, error.message()));
  if (files.empty())
    return documents.push_back(Unreadable(folder, std::string("it has no .yaml, .yml or .json file") +
                                                      (is_recursive ? "" : "; -R looks into its folders too")));
  for (const std::string& file : files) ReadFile(file, documents);
}

}  // namespace

Expected<std::vector<Document>> ReadSources(const Session& session, const Flags& flags) {
  std::vector<Document> documents;
  for (const std::string& path : flags.files) {
    std::error_code error;
    if (path == "-")
      Read(session.in, "standard input", documents);
    else if (std::filesystem::is_directory(path, error))
      ReadFolder(path, flags.is_recursive, documents);
    else
      ReadFile(path, documents);
  }
  if (documents.empty()) return UsageError("no objects passed: what -f names is empty");
  return documents;
}

}  // namespace heroctl
