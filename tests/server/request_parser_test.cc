#include "server/request_parser.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace server;

namespace {

constexpr RequestLimits kLimits{.header_bytes_max = 256, .body_bytes_max = 64};

/// `METHOD target body` of each request, or the reason that ended it; bytes come in pieces of `piece`.
std::vector<std::string> Hear(const std::string& input, std::size_t piece) {
  std::vector<std::string> heard;
  RequestParser parser(kLimits);
  std::string waiting;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    waiting += input.substr(at, piece);
    const auto taken = parser.Take(waiting);
    if (!taken) return {taken.error().reason};
    waiting.erase(0, *taken);
    if (parser.AsksToContinue()) heard.emplace_back("continue");
    if (!parser.is_done()) continue;
    const ParsedRequest parsed = parser.Release();
    heard.push_back(parsed.request.method + " " + parsed.target + " " + parsed.request.body);
    return heard;
  }
  return heard;
}

const std::string kChunked = "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("[WIRE] a request is the same in however many pieces it comes") {
  struct Row {
    const char* what;
    std::string bytes;
    std::vector<std::string> heard;
  };
  const Row rows[] = {
      {"no body", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", {"GET /a "}},
      {"a length", "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", {"PUT /a abc"}},
      {"chunks", kChunked + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", {"POST /p abcde"}},
      {"data that looks like a last chunk", kChunked + "3\r\n0\r\n\r\n0\r\n\r\n", {"POST /p 0\r\n"}},
      {"a trailer", kChunked + "0\r\nA: b\r\n\r\n", {"POST /p "}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    for (std::size_t piece = 1; piece <= row.bytes.size(); ++piece) CHECK(Hear(row.bytes, piece) == row.heard);
  }
}

TEST_CASE("[SEC-30][WIRE] a sender who pauses in the last chunk ends no daemon") {
  // Found by `make fuzz`: an assertion of the library, in debug builds.
  for (std::size_t piece = 1; piece < 5; ++piece) CHECK(Hear(kChunked + "0\r\n\r\n", piece).size() == 1);
}

TEST_CASE("[WIRE] what breaks a limit or a rule is refused by what it is, in pieces too") {
  struct Row {
    std::string bytes;
    const char* reason;
  };
  const Row rows[] = {
      {"GET /" + std::string(300, 'x') + " HTTP/1.1\r\n\r\n", "RequestHeaderFieldsTooLarge"},
      {"PUT /a HTTP/1.1\r\nContent-Length: 65\r\n\r\n", "RequestEntityTooLarge"},
      {kChunked + "41\r\n" + std::string(65, 'x'), "RequestEntityTooLarge"},
      {kChunked + "zz\r\n", "BadRequest"},
      {"PUT /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "BadRequest"},
      {"hello there\r\n\r\n", "BadRequest"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, row.bytes.size()})
      CHECK(Hear(row.bytes, piece) == std::vector<std::string>{row.reason});
  }
}

TEST_CASE("[WIRE] who asks to continue is asked once, before the body") {
  const std::string head = "PUT /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, head.size()})
    CHECK(Hear(head + "abc", piece) == std::vector<std::string>{"continue", "PUT /a abc"});
  CHECK(Hear("GET /a HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", 1) == std::vector<std::string>{"GET /a "});
}
