#include "wire/http/http_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <thread>

namespace millrace::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;

namespace {

constexpr size_t kBodyBytesMax = 1 << 20;
constexpr auto kReadTimeout = std::chrono::seconds(30);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

std::string decode_url(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Request to_request(const beast::http::request<beast::http::string_body>& in) {
  Request request{std::string(in.method_string()), {}, {}, in.body()};
  const std::string_view target(in.target().data(), in.target().size());
  const size_t question = target.find('?');
  request.path = decode_url(target.substr(0, question));
  if (question == std::string_view::npos) return request;
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    request.query[decode_url(pair.substr(0, equals))] = decode_url(value);
  }
  return request;
}

// One connection: read a request, answer, read the next. Lives as long as its own callbacks.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, const Handler& handler)
      : stream_(std::move(socket)), handler_(handler) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(kReadTimeout);
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = shared_from_this()](beast::error_code error, size_t) {
                              if (!error) self->answer();
                            });
  }

 private:
  void answer() {
    const auto& in = parser_->get();  // NOLINT(bugprone-unchecked-optional-access): read() made it
    const Response made = handler_(to_request(in));
    out_ = {static_cast<beast::http::status>(made.status), in.version()};
    out_.set(beast::http::field::content_type, made.content_type);
    out_.keep_alive(in.keep_alive());
    out_.body() = in.method() == beast::http::verb::head ? "" : made.body;
    out_.prepare_payload();
    stream_.expires_after(kReadTimeout);  // anew, after a slow handler
    beast::http::async_write(stream_, out_,
                             [self = shared_from_this()](beast::error_code error, size_t) {
                               if (!error && self->out_.keep_alive()) self->read();
                             });
  }

  Stream stream_;
  const Handler& handler_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  beast::http::response<beast::http::string_body> out_;
};

struct Endpoint {
  Protocol::endpoint endpoint;
  std::string host;       // of TCP
  std::string unix_path;  // else
};

Result<Endpoint> parse_address(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) {
    const std::string path = address.substr(kUnix.size());
    constexpr size_t kPathMax = 107;  // sun_path, less the closing zero
    if (path.empty() || path.size() > kPathMax) {
      return fail(ErrorKind::kConfig, "'" + address + "' is not a socket path of 1 to 107 bytes");
    }
    return Endpoint{asio::local::stream_protocol::endpoint(path), {}, path};
  }
  const size_t colon = address.rfind(':');
  unsigned short port = 0;
  const char* end = address.data() + address.size();
  const char* digits = colon == std::string::npos ? end : address.data() + colon + 1;
  const auto read = std::from_chars(digits, end, port);
  if (read.ec != std::errc() || read.ptr != end) {
    return fail(ErrorKind::kConfig, "'" + address + "' is not HOST:PORT",
                "for example 127.0.0.1:8080");
  }
  std::string host = address.substr(0, colon);
  std::string literal = host;
  if (literal.starts_with('[') && literal.ends_with(']'))
    literal = literal.substr(1, literal.size() - 2);
  if (literal.empty()) literal = "0.0.0.0";
  if (literal == "localhost") literal = "127.0.0.1";
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(literal, error);
  if (error) {
    return fail(ErrorKind::kConfig, "'" + host + "' is not an IP address to listen on",
                "for example 127.0.0.1:8080");
  }
  return Endpoint{asio::ip::tcp::endpoint(ip, port), host, {}};
}

}  // namespace

struct Server::Loop {
  explicit Loop(Handler h) : handler(std::move(h)) {}

  void accept() {
    acceptor.async_accept([this](beast::error_code error, Protocol::socket socket) {
      if (error) return accept_later();
      std::make_shared<Session>(std::move(socket), handler)->read();
      accept();
    });
  }

  // No descriptor is left, mostly: asked again at once it would fail again, and keep a core busy.
  void accept_later() {
    pause.expires_after(kAcceptPause);
    pause.async_wait([this](beast::error_code error) {
      if (!error) accept();
    });
  }

  Handler handler;
  asio::io_context context{1};
  asio::basic_socket_acceptor<Protocol> acceptor{context};
  asio::steady_timer pause{context};
  std::string address;
  std::string unix_path;
  std::thread thread;
};

Server::Server(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

Result<std::unique_ptr<Server>> Server::start(const std::string& address, Handler handler) {
  auto parsed = parse_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  auto loop = std::make_unique<Loop>(std::move(handler));
  loop->unix_path = parsed->unix_path;
  if (!parsed->unix_path.empty()) ::unlink(parsed->unix_path.c_str());
  boost::system::error_code error;
  auto& acceptor = loop->acceptor;
  acceptor.open(parsed->endpoint.protocol(), error);
  if (!error && parsed->unix_path.empty())
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  const mode_t old_mask = ::umask(0177);  // the socket is its owner's alone
  if (!error) acceptor.bind(parsed->endpoint, error);
  ::umask(old_mask);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(ErrorKind::kIo, "cannot listen on " + address + ": " + error.message(),
                "choose another http.listen, or stop what uses it");
  }
  loop->address = address;
  if (parsed->unix_path.empty()) {
    asio::ip::tcp::endpoint bound;
    const auto local = acceptor.local_endpoint();
    bound.resize(local.size());
    std::memcpy(bound.data(), local.data(), local.size());
    loop->address = parsed->host + ":" + std::to_string(bound.port());
  }
  loop->accept();
  Loop* running = loop.get();
  loop->thread = std::thread([running] { running->context.run(); });
  return std::unique_ptr<Server>(new Server(std::move(loop)));
}

Server::~Server() {
  loop_->context.stop();
  loop_->thread.join();
  if (!loop_->unix_path.empty()) ::unlink(loop_->unix_path.c_str());
}

const std::string& Server::address() const {
  return loop_->address;
}

}  // namespace millrace::http
