#include "wire/http/unix_client.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace millrace::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr size_t kAnswerBytesMax = size_t{1} << 30;
constexpr size_t kPathBytesMax = 107;  // sun_path, less the closing zero

}  // namespace

Result<Response> request_unix(const std::string& socket_path, const std::string& method,
                              const std::string& target, const std::string& body) {
  asio::io_context context;
  asio::local::stream_protocol::socket socket(context);
  boost::system::error_code error;
  if (socket_path.size() > kPathBytesMax)
    return fail(ErrorKind::kNotFound, "nobody listens on " + socket_path + ": too long for a path");
  socket.connect(asio::local::stream_protocol::endpoint(socket_path), error);
  if (error == asio::error::access_denied) {
    return fail(ErrorKind::kUnauthorized, "cannot connect to " + socket_path + ": another user's",
                "run this command as the user that runs the pipeline");
  }
  if (error)
    return fail(ErrorKind::kNotFound, "nobody listens on " + socket_path + ": " + error.message());
  beast::http::request<beast::http::string_body> request{beast::http::string_to_verb(method),
                                                         target, 11, body};
  request.set(beast::http::field::host, "localhost");
  request.prepare_payload();
  beast::http::write(socket, request, error);
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  if (!error) beast::http::read(socket, buffer, parser, error);
  if (error) return fail(ErrorKind::kUnreachable, socket_path + ": " + error.message());
  auto& got = parser.get();
  return Response{static_cast<int>(got.result_int()),
                  std::string(got[beast::http::field::content_type]), std::move(got.body())};
}

}  // namespace millrace::http
