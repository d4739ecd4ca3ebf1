#include "server/request_parser.h"

#include <cstdint>
#include <iterator>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/meta/words.h"
#include "server/status.h"

namespace server {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

api::Error TooLong(std::string reason, const std::string& what, std::size_t limit) {
  return {api::Code::kInvalid, std::move(reason), what + " too large: limit is " + std::to_string(limit)};
}

/// Whether `bytes` are less than a whole last chunk and may be the beginning of one. Beast asserts that of a last chunk
/// whose first line it has seen five bytes are there when it looks again (1.74, parse_chunk_header), so a sender who
/// paused behind `0 CR LF CR` ended a debug build. Whatever they are, more has to follow in a body that is whole.
bool MayBeginLastChunk(std::string_view bytes) {
  constexpr std::size_t kLastChunk = 5;  // `0 CR LF CR LF`
  return bytes.size() < kLastChunk && bytes.front() == '0';
}

}  // namespace

struct RequestParser::Impl {
  RequestLimits limits;
  http::request_parser<http::string_body> parser{};
  bool asks_to_continue = false;

  api::Error ErrorOf(const error_code& failure) const {
    if (failure == http::error::header_limit)
      return TooLong("RequestHeaderFieldsTooLarge", "Request header fields", limits.header_bytes_max);
    if (failure == http::error::body_limit)
      return TooLong("RequestEntityTooLarge", "Request entity", limits.body_bytes_max);
    return BadRequest("malformed HTTP request: " + failure.message());
  }
};

RequestParser::RequestParser(const RequestLimits& limits) : impl_(new Impl{.limits = limits}) {
  impl_->parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
  impl_->parser.body_limit(limits.body_bytes_max);
}
RequestParser::~RequestParser() = default;

api::Expected<std::size_t> RequestParser::Take(std::string_view bytes) {
  auto& parser = impl_->parser;
  std::size_t used = 0;
  while (used < bytes.size() && !parser.is_done()) {
    const bool had_head = parser.is_header_done();
    if (had_head && parser.chunked() && MayBeginLastChunk(bytes.substr(used))) return used;
    error_code failure;
    used += parser.put(boost::asio::buffer(bytes.substr(used)), failure);
    if (failure == http::error::need_more) return used;
    if (failure) return impl_->ErrorOf(failure);
    if (had_head || !parser.is_header_done()) continue;
    parser.eager(true);  // Not before, or it would go on into a body that nobody has asked for yet.
    impl_->asks_to_continue =
        !parser.is_done() && boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
    if (impl_->asks_to_continue) return used;
  }
  return used;
}

bool RequestParser::has_begun() const { return impl_->parser.got_some(); }
bool RequestParser::is_done() const { return impl_->parser.is_done(); }
bool RequestParser::has_head() const { return impl_->parser.is_header_done(); }

std::string_view RequestParser::OnlyHeader(std::string_view name) const {
  const auto& head = impl_->parser.get();
  const auto [first, end] = head.equal_range({name.data(), name.size()});
  if (first == end || std::next(first) != end) return {};
  return {first->value().data(), first->value().size()};
}

bool RequestParser::AsksToContinue() { return std::exchange(impl_->asks_to_continue, false); }

ParsedRequest RequestParser::Release() {
  auto message = impl_->parser.release();
  ParsedRequest parsed{.request = {.method = std::string(message.method_string())},
                       .target = std::string(message.target()),
                       .is_kept_alive = message.keep_alive(),
                       .is_http10 = message.version() < 11};
  for (const auto& field : message) {
    if (field.name() == http::field::authorization) continue;
    const std::string_view name(field.name_string().data(), field.name_string().size());
    parsed.request.headers.push_back({.name = api::LowerCase(name), .value = std::string(field.value())});
  }
  parsed.request.body = std::move(message.body());
  return parsed;
}

}  // namespace server
