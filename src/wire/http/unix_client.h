// One HTTP request over a unix socket: how verify, check and query speak to the running process.
#pragma once

#include <string>

#include "base/result.h"
#include "wire/http/http_server.h"

namespace millrace::http {

// kNotFound when nobody listens on the socket (no file, a dead one, a path too long for one);
// kUnauthorized when it is another user's.
Result<Response> request_unix(const std::string& socket_path, const std::string& method,
                              const std::string& target, const std::string& body);

}  // namespace millrace::http
