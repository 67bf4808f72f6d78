#include "command/warehouse_query.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/json_text.h"
#include "wire/duckdb/query.h"

namespace millrace {

namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string as_csv(const QueryResult& result) {
  std::string out;
  const auto line = [&](size_t count, auto&& field) {
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out += ',';
      out += csv_field(field(i));
    }
    out += "\r\n";
  };
  line(result.columns.size(), [&](size_t i) { return result.columns[i]; });
  for (const auto& row : result.rows) {
    line(row.size(), [&](size_t i) { return row[i].value_or(""); });
  }
  return out;
}

std::string as_json_lines(const QueryResult& result) {
  std::string out;
  for (const auto& row : result.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += i == 0 ? '{' : ',';
      append_json_string(out, result.columns[i]);
      out += ':';
      out += row[i] ? json_quoted(*row[i]) : "null";
    }
    out += "}\n";
  }
  return out;
}

// Code points, which is near enough to the width on a terminal.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string as_table(const QueryResult& result) {
  std::vector<size_t> widths;
  widths.reserve(result.columns.size());
  for (const auto& name : result.columns)
    widths.push_back(width_of(name));
  for (const auto& row : result.rows) {
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i].value_or("NULL")));
  }
  std::string out;
  const auto line = [&](auto&& field) {
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string text = field(i);
      out += text;
      out += i + 1 == widths.size() ? "\n" : std::string(widths[i] - width_of(text) + 2, ' ');
    }
  };
  line([&](size_t i) { return result.columns[i]; });
  line([&](size_t i) { return std::string(widths[i], '-'); });
  for (const auto& row : result.rows)
    line([&](size_t i) { return row[i].value_or("NULL"); });
  out += fmt::format("({} row{})\n", result.rows.size(), result.rows.size() == 1 ? "" : "s");
  return out;
}

}  // namespace

Result<QueryResult> query_warehouse(const std::string& file, const std::string& sql,
                                    const std::stop_token& stop) {
  auto database = duckdb::Database::open(file, {});
  if (!database) return std::unexpected(database.error());
  QueryResult out;
  const auto take_row = [&](duckdb::TextRow row) {
    auto& made = out.rows.emplace_back();
    for (const auto& value : row)
      made.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
    return true;
  };
  const auto done = duckdb::query_rows(
      **database, sql,
      {.columns = [&](const auto& names) { out.columns = names; }, .row = take_row}, stop);
  if (!done) return std::unexpected(done.error());
  return out;
}

std::string to_json(const QueryResult& result) {
  std::string out = R"({"columns":[)";
  for (size_t i = 0; i < result.columns.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, result.columns[i]);
  }
  out += R"(],"rows":[)";
  for (size_t r = 0; r < result.rows.size(); ++r) {
    if (r > 0) out += ',';
    for (size_t i = 0; i < result.rows[r].size(); ++i) {
      out += i == 0 ? '[' : ',';
      out += result.rows[r][i] ? json_quoted(*result.rows[r][i]) : "null";
    }
    out += ']';
  }
  return out + "]}";
}

Result<QueryResult> query_result_from_json(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  QueryResult out;
  simdjson::dom::array columns;
  simdjson::dom::array rows;
  if (parser.parse(json).get(root) != simdjson::SUCCESS ||
      root["columns"].get_array().get(columns) != simdjson::SUCCESS ||
      root["rows"].get_array().get(rows) != simdjson::SUCCESS) {
    return fail(ErrorKind::kProtocol, "the running process gave an answer that is no query result");
  }
  std::string_view text;
  for (const auto name : columns)
    out.columns.emplace_back(name.get_string().get(text) == simdjson::SUCCESS ? text : "");
  for (const auto row : rows) {
    auto& made = out.rows.emplace_back();
    for (const auto value : row) {
      made.push_back(value.get_string().get(text) == simdjson::SUCCESS
                         ? std::optional<std::string>(text)
                         : std::nullopt);
    }
  }
  return out;
}

std::string format_result(const QueryResult& result, const std::string& format) {
  if (format == "csv") return as_csv(result);
  if (format == "json") return as_json_lines(result);
  return as_table(result);
}

}  // namespace millrace
