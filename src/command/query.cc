#include <fmt/format.h>
#include <simdjson.h>

#include "assembly.h"
#include "base/json_text.h"
#include "command/command.h"
#include "command/findings.h"
#include "command/warehouse_answers.h"
#include "command/warehouse_query.h"
#include "wire/http/unix_client.h"

namespace millrace {

namespace {

// The sentence of {"error":…}.
std::string error_of(const std::string& body) {
  simdjson::dom::parser parser;
  std::string_view text;
  return parser.parse(body)["error"].get_string().get(text) == simdjson::SUCCESS ? std::string(text)
                                                                                 : body;
}

// Asks the running process; opens the file only when nobody runs.
Result<QueryResult> query_anyhow(const Assembly& assembly, const std::string& sql) {
  auto answer = http::request_unix(control_socket(assembly), "POST", "/query", sql);
  if (answer && answer->status == 200) return query_result_from_json(answer->body);
  if (answer) return fail(ErrorKind::kConfig, error_of(answer->body));
  if (answer.error().kind != ErrorKind::kNotFound) return std::unexpected(answer.error());
  return query_warehouse(warehouse_file(assembly.config), sql);
}

}  // namespace

http::Response answer_query(const Assembly& assembly, const http::Request& request,
                            const std::stop_token& stop) {
  auto result = query_warehouse(warehouse_file(assembly.config), request.body, stop);
  if (result) return {200, "application/json", to_json(*result)};
  return {400, "application/json",
          fmt::format(R"({{"error":{}}})", json_quoted(result.error().text()))};
}

int query_command(const RunOptions& options, const std::string& sql, const std::string& format) {
  Problems problems;
  const Assembly assembly = read_assembly(options, problems);
  print_problems(problems, stderr);
  if (has_errors(problems)) return kExitFound;
  if (warehouse_file(assembly.config).empty()) {
    fmt::print(stderr,
               "error: {} has no branch that ends in duckdb: there is no warehouse to query\n",
               options.file);
    return kExitFound;
  }
  const auto result = query_anyhow(assembly, sql);
  if (!result) {
    fmt::print(stderr, "error: {}\n", result.error().text());
    return kExitFailed;
  }
  fmt::print("{}", format_result(*result, format));
  return kExitOk;
}

}  // namespace millrace
