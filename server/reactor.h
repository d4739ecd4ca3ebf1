#pragma once

#include <chrono>
#include <utility>  // Before Asio, which does not compile without.

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

/// What the socket code takes from Asio. For its `.cc` files alone: it is a heavy header.
namespace server {

namespace asio = boost::asio;
using boost::system::error_code;

using Strand = asio::strand<asio::io_context::executor_type>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Strand>;
using Protocol = asio::generic::stream_protocol;

}  // namespace server
