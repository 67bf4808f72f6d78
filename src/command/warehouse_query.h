// Read-only SQL on the pipeline's warehouse file.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace millrace {

struct QueryResult {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

// Opens the file, or shares the handle of this process.
Result<QueryResult> query_warehouse(const std::string& file, const std::string& sql,
                                    const std::stop_token& stop = {});

std::string to_json(const QueryResult& result);
// Of a text that to_json() made.
Result<QueryResult> query_result_from_json(const std::string& json);

// "table" (aligned, for people), "csv" (RFC 4180) or "json" (an object a line).
std::string format_result(const QueryResult& result, const std::string& format);

}  // namespace millrace
