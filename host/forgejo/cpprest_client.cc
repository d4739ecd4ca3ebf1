#include "host/forgejo/cpprest_client.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include "api/codec/text.h"
#include "api/meta/words.h"

namespace host::forgejo {

namespace {

using api::Code;
using api::Error;
using api::Expected;
namespace http = web::http;

constexpr int kExchangesMax = 4;         // At once from one box: what is polite to a forge.
constexpr std::size_t kPoolThreads = 2;  // They run callbacks that never wait. The library's own number is 40.

/// The pool is the library's and of the whole process; only its first user may say how many threads it has.
void StartPool() {
  static std::once_flag started;
  std::call_once(started, [] { crossplat::threadpool::initialize_with_threads(kPoolThreads); });
}

struct AnswerTooLarge : std::runtime_error {
  AnswerTooLarge() : std::runtime_error("the answer is too large") {}
};

/// The error that a task of the library ended with. To be called from a catch.
Error CaughtError() {
  try {
    throw;
  } catch (const AnswerTooLarge& error) {
    return {Code::kUnavailable, "AnswerTooLarge", error.what()};
  } catch (const http::http_exception& error) {
    std::string text = api::codec::Printable(error.what());
    if (text.find("SSL") != std::string::npos)
      text += " (does this machine, or [forge].ca_file, trust the server's certificate?)";
    return {Code::kUnavailable, "ForgeUnreachable", std::move(text)};
  } catch (const std::exception& error) {
    return {Code::kUnavailable, "ForgeUnreachable", api::codec::Printable(error.what())};
  }
}

HttpAnswer AnswerOf(const http::http_response& response, const std::vector<unsigned char>& body) {
  HttpAnswer answer{.status = response.status_code(), .body = std::string(body.begin(), body.end())};
  for (const auto& [name, value] : response.headers()) {
    answer.headers[api::LowerCase(name)] = value;
  }
  return answer;
}

}  // namespace

/// Lets kExchangesMax through.
class CppRestClient::Gate {
 public:
  /// False when the time was over or stop was asked for.
  bool Enter(std::chrono::milliseconds patience, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, stop, patience, [this] { return inside_ < kExchangesMax; })) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    {
      const std::lock_guard lock(mutex_);
      --inside_;
    }
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int inside_ = 0;  // Guarded by mutex_.
};

/// What we and the pool's threads have in common. It outlives us when we give up: the library has no deadline over
/// all, so a request may take its time to end after it was cancelled.
struct CppRestClient::Exchange {
  explicit Exchange(std::shared_ptr<Gate> a_gate) : gate(std::move(a_gate)) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { gate->Leave(); }

  void End(Expected<HttpAnswer> how) {
    {
      const std::lock_guard lock(mutex);
      outcome = std::move(how);
    }
    ended.notify_all();
  }

  const std::shared_ptr<Gate> gate;
  pplx::cancellation_token_source cancel;

  std::mutex mutex;
  std::condition_variable_any ended;
  std::optional<Expected<HttpAnswer>> outcome;  // Guarded by mutex.
};

CppRestClient::CppRestClient(std::string origin, std::string ca_file, const Clock& clock)
    : origin_(std::move(origin)), ca_file_(std::move(ca_file)), clock_(clock), gate_(std::make_shared<Gate>()) {
  StartPool();
}

CppRestClient::~CppRestClient() = default;

Expected<HttpAnswer> CppRestClient::Send(const HttpRequest& request, const HttpLimits& limits, std::stop_token stop) {
  const Error late{Code::kTimeout, "ForgeTimeout", "no whole answer in time"};
  const Error stopped{Code::kUnavailable, "Stopped", "we are stopping"};
  const auto end = clock_.SteadyNow() + limits.deadline;
  if (!gate_->Enter(limits.deadline, stop)) return stop.stop_requested() ? stopped : late;
  const auto exchange = std::make_shared<Exchange>(gate_);
  try {
    http::client::http_client_config config;
    config.set_max_redirects(0);
    config.set_timeout(std::chrono::ceil<std::chrono::seconds>(limits.deadline));  // Of each leg; ours is over all.
    if (!ca_file_.empty())
      config.set_ssl_context_callback([file = ca_file_](auto& context) {
        boost::system::error_code unread;  // Thrown here it would end the process; so nobody is trusted instead.
        context.load_verify_file(file, unread);
      });
    const auto client = std::make_shared<http::client::http_client>(web::uri(origin_), config);
    http::http_request message(request.method);
    message.set_request_uri(web::uri(request.target));
    if (!request.body.empty()) message.set_body(request.body);
    for (const auto& [name, value] : request.headers) {
      message.headers().remove(name);
      message.headers().add(name, value);
    }
    message.set_progress_handler([max = limits.body_bytes_max](auto direction, auto bytes) {
      if (direction == http::message_direction::download && bytes > max) throw AnswerTooLarge();
    });
    const auto response = std::make_shared<http::http_response>();
    client->request(message, exchange->cancel.get_token())
        .then([](const http::http_response& head) { return head.content_ready(); })
        .then([response](const http::http_response& whole) {
          *response = whole;
          return whole.extract_vector();
        })
        .then([exchange, client, response](const pplx::task<std::vector<unsigned char>>& body) {
          try {
            exchange->End(AnswerOf(*response, body.get()));
          } catch (...) {
            exchange->End(CaughtError());
          }
        });
  } catch (...) {
    return CaughtError();
  }
  std::unique_lock lock(exchange->mutex);
  if (exchange->ended.wait_for(lock, stop, end - clock_.SteadyNow(), [&] { return exchange->outcome.has_value(); }))
    return *exchange->outcome;
  lock.unlock();
  exchange->cancel.cancel();
  return stop.stop_requested() ? stopped : late;
}

}  // namespace host::forgejo
