#include "command/control.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "command/dead_letters.h"
#include "command/warehouse_answers.h"
#include "pipeline/status_text.h"

namespace millrace {

namespace {

http::Response not_found(const std::string& path) {
  return {404, "application/json",
          fmt::format(R"({{"error":{}}})", json_quoted("no such path: " + path))};
}

http::Response health(const Pipeline& pipeline) {
  const PipelineStatus status = pipeline.status();
  if (status.healthy()) return {200, "application/json", R"({"status":"healthy"})"};
  std::string reason = status.source_error;
  for (const BranchStatus& branch : status.branches) {
    if (branch.state == BranchState::kRunning) continue;
    if (!reason.empty()) reason += "; ";
    reason += fmt::format("branch {} is {}", branch.name, name(branch.state));
    if (!branch.error.empty()) reason += ": " + branch.error;
  }
  return {503, "application/json",
          fmt::format(R"({{"status":"unhealthy","message":{}}})", json_quoted(reason))};
}

http::Response answer_public(const Pipeline& pipeline, const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    return {405, "application/json", R"({"error":"only GET"})"};
  }
  if (request.path == "/status") return {200, "application/json", status_json(pipeline.status())};
  if (request.path == "/health") return health(pipeline);
  if (request.path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(pipeline.status())};
  }
  return not_found(request.path);
}

}  // namespace

http::Handler public_handler(const Pipeline& pipeline) {
  return [&pipeline](const http::Request& request) { return answer_public(pipeline, request); };
}

http::Handler control_handler(Pipeline& pipeline, const Assembly& assembly, std::stop_token stop) {
  return [&pipeline, &assembly, stop = std::move(stop)](const http::Request& request) {
    if (request.method == "POST" && request.path == "/query")
      return answer_query(assembly, request, stop);
    if (request.method == "POST" && request.path == "/verify")
      return answer_verify(pipeline, assembly, request);
    if (request.method == "POST" && request.path.starts_with("/dead-letters/"))
      return answer_dead_letters(pipeline, request);
    return answer_public(pipeline, request);
  };
}

}  // namespace millrace
