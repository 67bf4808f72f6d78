#include <fmt/format.h>
#include <simdjson.h>

#include "base/json_text.h"
#include "command/command.h"
#include "command/findings.h"
#include "command/verify_warehouse.h"
#include "command/warehouse_answers.h"
#include "event/progress.h"
#include "wire/http/unix_client.h"

namespace millrace {

namespace {

std::string error_json(const Error& error) {
  return fmt::format(R"({{"error":{},"cure":{}}})", json_quoted(error.message),
                     json_quoted(error.cure));
}

Error error_of(const http::Response& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(answer.body).get(root) != simdjson::SUCCESS)
    return {ErrorKind::kProtocol, answer.body};
  const auto member = [&](const char* key) {
    std::string_view text;
    return root[key].get_string().get(text) == simdjson::SUCCESS ? std::string(text)
                                                                 : std::string();
  };
  return {ErrorKind::kUnreachable, member("error"), member("cure")};
}

// A branch's name in a URL's query.
std::string url_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    out += is_plain ? std::string(1, c)
                    : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

StandingOf standing_in(const Pipeline& pipeline) {
  return [&pipeline](std::string_view name) -> Result<Standing> {
    const PipelineStatus status = pipeline.status();
    for (const BranchStatus& branch : status.branches) {
      if (branch.name != name) continue;
      if (branch.state == BranchState::kFailed) {
        return fail(ErrorKind::kUnreachable,
                    "branch " + branch.name + " has failed: " + branch.error,
                    "put that right, start the pipeline again, then verify");
      }
      if (branch.state == BranchState::kDone)
        return fail(ErrorKind::kStopped, "the pipeline is stopping");
      return Standing{confirmable(branch.durable), branch.events, branch.batches_held > 0};
    }
    return fail(ErrorKind::kConfig, "the running pipeline has no branch " + std::string(name),
                "start the pipeline again with this configuration");
  };
}

// Asks the running process; opens the file only when nobody runs.
Result<VerifyReport> verify_anyhow(const Assembly& assembly, const std::string& branch) {
  auto answer = http::request_unix(control_socket(assembly), "POST",
                                   "/verify?branch=" + url_encoded(branch), "");
  if (answer && answer->status == 200) return verify_report_from_json(answer->body);
  if (answer) return Failure(error_of(*answer));
  if (answer.error().kind != ErrorKind::kNotFound) return Failure(answer.error());
  return verify_warehouse(assembly, branch, {});
}

}  // namespace

http::Response answer_verify(const Pipeline& pipeline, const Assembly& assembly,
                             const http::Request& request) {
  const auto branch = request.query.find("branch");
  auto report = verify_warehouse(assembly, branch == request.query.end() ? "" : branch->second,
                                 standing_in(pipeline));
  if (report) return {200, "application/json", to_json(*report)};
  return {503, "application/json", error_json(report.error())};
}

int verify_command(const RunOptions& options, const std::string& branch, bool as_json) {
  Problems problems;
  const Assembly assembly = read_assembly(options, problems);
  print_problems(problems, stderr);
  if (has_errors(problems)) return kExitFound;
  log::configure(log::Level::kWarn, assembly.options.log_format);
  const auto report = verify_anyhow(assembly, branch);
  if (!report) {
    fmt::print(stderr, "error: {}\n", report.error().message);
    if (!report.error().cure.empty()) fmt::print(stderr, "  cure: {}\n", report.error().cure);
    return kExitFailed;
  }
  fmt::print("{}{}", as_json ? to_json(*report) : to_text(*report), as_json ? "\n" : "");
  return report->equal() ? kExitOk : kExitFound;
}

}  // namespace millrace
