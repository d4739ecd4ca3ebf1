#include "server/http.h"

#include <algorithm>
#include <array>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace server {
namespace {

using api::Code;
using api::Error;
using api::Expected;

constexpr std::size_t kSegmentsMax = 16;       // The longest path of the wire has eight.
constexpr std::size_t kParametersMax = 64;     // kubectl sends at most seven.
constexpr std::size_t kHeaderBytesMax = 4096;  // A warning that names a long path; Go's client takes 1 MiB of headers.

Error Malformed(std::string_view what) {
  return {Code::kInvalid, "BadRequest", "malformed request target: " + std::string(what)};
}

Expected<std::string> PercentDecode(std::string_view text, bool is_query) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && is_query) {
      c = ' ';
    } else if (c == '%') {
      const int high = i + 2 < text.size() ? api::HexDigitOf(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? api::HexDigitOf(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Malformed("a % without two hex digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (!is_query && (c == '/' || c == '\\')) return Malformed("an encoded slash");
    if ((c >= 0 && c < ' ') || c == 0x7f) return Malformed("a control character");
    decoded += c;
  }
  if (!api::codec::IsValidUtf8(decoded)) return Malformed("invalid UTF-8");
  return decoded;
}

Expected<Query> ParseQuery(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (parameters.size() == kParametersMax) return Malformed("too many parameters");
    const std::size_t equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    if (!name) return name.error();
    auto value = PercentDecode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!value) return value.error();
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return Query(std::move(parameters));
}

struct StatusName {
  int status;
  std::string_view name;
};

/// The ones that this server sends.
constexpr std::array kStatusNames{
    StatusName{200, "OK"},
    StatusName{201, "Created"},
    StatusName{304, "Not Modified"},
    StatusName{400, "Bad Request"},
    StatusName{401, "Unauthorized"},
    StatusName{403, "Forbidden"},
    StatusName{404, "Not Found"},
    StatusName{405, "Method Not Allowed"},
    StatusName{406, "Not Acceptable"},
    StatusName{408, "Request Timeout"},
    StatusName{409, "Conflict"},
    StatusName{410, "Gone"},
    StatusName{413, "Payload Too Large"},
    StatusName{415, "Unsupported Media Type"},
    StatusName{422, "Unprocessable Entity"},
    StatusName{429, "Too Many Requests"},
    StatusName{431, "Request Header Fields Too Large"},
    StatusName{500, "Internal Server Error"},
    StatusName{503, "Service Unavailable"},
    StatusName{504, "Gateway Timeout"},
};

std::string_view NameOf(int status) {
  const auto found = std::find_if(kStatusNames.begin(), kStatusNames.end(),
                                  [&](const StatusName& row) { return row.status == status; });
  return found == kStatusNames.end() ? "Unknown" : found->name;
}

}  // namespace

const std::string* Query::Find(std::string_view name) const {
  const auto found =
      std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& pair) { return pair.first == name; });
  return found == parameters_.end() ? nullptr : &found->second;
}

std::string_view Query::Get(std::string_view name) const {
  const std::string* value = Find(name);
  return value ? std::string_view(*value) : std::string_view();
}

std::vector<std::string_view> Query::GetAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : parameters_)
    if (key == name) values.emplace_back(value);
  return values;
}

bool Query::IsTrue(std::string_view name) const {
  const std::string* value = Find(name);
  return value && *value != "0" && api::LowerCase(*value) != "false";
}

Expected<Target> ParseTarget(std::string_view text) {
  if (text.empty() || text.front() != '/') return Malformed("it must start with a slash");
  const std::size_t question = text.find('?');
  std::string_view path = text.substr(1, question == std::string_view::npos ? question : question - 1);
  if (path == "/") return Malformed("an empty or dot segment");
  if (path.ends_with('/')) path.remove_suffix(1);
  Target target;
  while (!path.empty()) {
    const std::string_view raw = path.substr(0, path.find('/'));
    const bool is_followed = raw.size() < path.size();
    path.remove_prefix(raw.size() + (is_followed ? 1 : 0));
    auto segment = PercentDecode(raw, false);
    if (!segment) return segment.error();
    if (segment->empty() || *segment == "." || *segment == "..") return Malformed("an empty or dot segment");
    if (is_followed && path.empty()) return Malformed("an empty or dot segment");
    if (target.segments.size() == kSegmentsMax) return Malformed("too many segments");
    target.segments.push_back(*std::move(segment));
  }
  if (question != std::string_view::npos) {
    auto query = ParseQuery(text.substr(question + 1));
    if (!query) return query.error();
    target.query = *std::move(query);
  }
  return target;
}

std::string_view Request::Find(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const Header& header) { return header.name == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

std::string Request::MediaType() const {
  const std::string_view value = Find("content-type");
  return api::LowerCase(api::Trimmed(value.substr(0, value.find(';'))));
}

Response& Response::With(std::string name, std::string value) {
  headers.push_back({std::move(name), std::move(value)});
  return *this;
}

std::string FormatHead(const Response& response, Framing framing, bool is_kept_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(NameOf(response.status)).append("\r\n");
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  for (const Header& header : response.headers) add(header.name, api::codec::Printable(header.value, kHeaderBytesMax));
  // Who has the document already takes a length for that of the document.
  if (framing == Framing::kLength && response.status != 304)
    add("Content-Length", std::to_string(response.body_bytes()));
  if (framing == Framing::kChunked) add("Transfer-Encoding", "chunked");
  if (!is_kept_alive) add("Connection", "close");
  return head + "\r\n";
}

}  // namespace server
