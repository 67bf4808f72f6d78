// What the running process answers about its warehouse over the control socket.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "assembly.h"
#include "event/position.h"
#include "wire/http/http_server.h"

namespace millrace {

// POST /query, the SQL as the body: {"columns":["a",…],"rows":[["1",null],…]}, every value as
// DuckDB's text. 400 {"error":…} when the statement is refused, or ended by `stop`.
http::Response answer_query(const Assembly& assembly, const http::Request& request,
                            const std::stop_token& stop);

// POST /verify?branch=NAME (none: all): a VerifyReport as JSON; 503 {"error":…,"cure":…} when it
// could not be made. Takes as long as reading the tables does.
http::Response answer_verify(const Pipeline& pipeline, const Assembly& assembly,
                             const http::Request& request);

}  // namespace millrace
