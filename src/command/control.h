// What the running process answers: /status, /health and /metrics for everyone on http.listen; on
// its own socket also what verify and query ask of the warehouse file that only this process can
// open, and what dead-letters asks of the branches.
#pragma once

#include <stop_token>
#include <string>

#include "assembly.h"
#include "wire/http/http_server.h"

namespace millrace {

// `pipeline` and `assembly` outlive the handler. `stop` ends a query that is being answered.
http::Handler public_handler(const Pipeline& pipeline);
http::Handler control_handler(Pipeline& pipeline, const Assembly& assembly, std::stop_token stop);

}  // namespace millrace
