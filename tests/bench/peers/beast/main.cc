// The least that Boost.Beast takes to tell many: GET holds a connection with a chunked answer, what a POST brings is
// sent to all of them as one chunk. No checks, no limits, no deadlines; one thread.
//   beast_peer SOCKET
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>  // Before Asio, which needs it.
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;

class Connection;
using Held = std::vector<std::shared_ptr<Connection>>;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Protocol::socket socket, Held& held) : socket_(std::move(socket)), held_(held) {}

  void Read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_, [self = shared_from_this()](error_code failure, std::size_t) {
      if (failure) return;
      self->request_.method() == http::verb::get ? self->Hold() : self->TellAll();
    });
  }

 private:
  void Hold() {
    head_.chunked(true);
    serializer_ = std::make_unique<http::response_serializer<http::empty_body>>(head_);
    http::async_write_header(socket_, *serializer_, [self = shared_from_this()](error_code failure, std::size_t) {
      if (!failure) self->held_.push_back(self);
    });
  }

  void TellAll() {
    const auto event = std::make_shared<const std::string>(std::move(request_.body()));
    for (const auto& one : held_) one->Tell(event);
    asio::async_write(socket_, asio::buffer(kDone), [self = shared_from_this()](error_code failure, std::size_t) {
      if (!failure) self->Read();
    });
  }

  void Tell(const std::shared_ptr<const std::string>& event) {
    asio::async_write(socket_, http::make_chunk(asio::buffer(*event)),
                      [self = shared_from_this(), event](error_code, std::size_t) {});
  }

  static constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

  Protocol::socket socket_;
  Held& held_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::empty_body> head_;
  std::unique_ptr<http::response_serializer<http::empty_body>> serializer_;
};

void Accept(Protocol::acceptor& acceptor, Held& held) {
  acceptor.async_accept([&](error_code failure, Protocol::socket socket) {
    if (failure) return;
    std::make_shared<Connection>(std::move(socket), held)->Read();
    Accept(acceptor, held);
  });
}

void Serve(const std::string& path) {
  Held held;
  asio::io_context io(1);
  Protocol::acceptor acceptor(io, Protocol::endpoint(path));
  Accept(acceptor, held);
  io.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    Serve(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "beast_peer: %s\n", error.what());
    return 1;
  }
  return 0;
}
