// A small HTTP/1.1 server on loopback TCP or a unix socket: one thread, blocking handlers that
// answer at once. Boost.Beast stays in the .cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::http {

struct Request {
  std::string method;
  std::string path;  // without the query
  std::map<std::string, std::string> query;
  std::string body;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Runs on the server's thread.
using Handler = std::function<Response(const Request&)>;

class Server {
 public:
  // address: "127.0.0.1:8080", "[::1]:0", ":8080" (all interfaces) or "unix:/path/of/socket" (made
  // anew, mode 0600). kConfig when it cannot be understood, kIo when it cannot be bound.
  static Result<std::unique_ptr<Server>> start(const std::string& address, Handler handler);
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens: with the port that the system chose for port 0.
  const std::string& address() const;

 private:
  struct Loop;
  explicit Server(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace millrace::http
