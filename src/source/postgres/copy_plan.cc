#include "source/postgres/copy_plan.h"

#include <algorithm>
#include <span>

#include "source/postgres/row_values.h"

namespace millrace {

namespace {

// The column is in the row, or in the key of the records.
bool is_read(const TableSchema& table, size_t column) {
  return table.columns[column].captured ||
         std::ranges::find(table.key, static_cast<uint16_t>(column)) != table.key.end();
}

// The names of a header line in CSV, where those with special characters are quoted.
std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      out.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (quoted || (c != ',' && c != '\n')) {
      out.back() += c;
    } else if (c == ',') {
      out.emplace_back();
    }
  }
  return out;
}

std::string without_semicolon(std::string_view statement) {
  const size_t last = statement.find_last_not_of(" \t\r\n;");
  return std::string(statement.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

Result<CopyPlan> plan_override(postgres::Connection& connection, const TableSchema& table,
                               std::string_view statement) {
  const std::string select = without_semicolon(statement);
  auto begun = connection.copy_begin("COPY (SELECT * FROM (\n" + select +
                                     "\n) AS o LIMIT 0) TO STDOUT (FORMAT csv, HEADER)");
  if (!begun) return Failure(begun.error());
  CopyPlan plan;
  plan.statement = "COPY (\n" + select + "\n) TO STDOUT";
  while (true) {
    auto header = connection.copy_read();
    if (!header) return Failure(header.error());
    if (!*header) return plan;
    for (const std::string& name : csv_fields(**header)) {
      const auto at = std::ranges::find(table.columns, name, &Column::name);
      if (at == table.columns.end()) {
        return fail(ErrorKind::kConfig,
                    "its snapshot.select.statement.overrides gives a column '" + name +
                        "' that the table does not have",
                    "select the table's own columns, by their names");
      }
      const auto column = static_cast<size_t>(at - table.columns.begin());
      plan.columns.push_back(is_read(table, column) ? static_cast<int>(column) : CopyPlan::kSkip);
    }
  }
}

// Empty where one of them is not known, and rows come in text.
std::vector<binary::Render> renders_of(const TableSchema& table, std::span<const int> columns,
                                       const PostgresConfig& config,
                                       const postgres::Connection& connection) {
  std::vector<binary::Render> out;
  if (!reads_binary(config, connection)) return out;
  for (const int column : columns) {
    out.push_back(binary::renderer_of(table.columns[static_cast<size_t>(column)].type,
                                      connection.server_version()));
    if (out.back() == nullptr) return {};
  }
  return out;
}

}  // namespace

Result<CopyPlan> plan_copy(postgres::Connection& connection, const TableSchema& table,
                           const PostgresConfig& config, const std::string& condition) {
  const auto statement = config.select_overrides.find(table.full_name());
  if (statement != config.select_overrides.end())
    return plan_override(connection, table, statement->second);
  CopyPlan plan;
  std::string columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (!is_read(table, i)) continue;
    if (!columns.empty()) columns += ", ";
    columns += connection.quote_identifier(table.columns[i].name);
    plan.columns.push_back(static_cast<int>(i));
  }
  plan.renders = renders_of(table, plan.columns, config, connection);
  plan.statement = "COPY (SELECT " + columns + " FROM " +
                   quoted_name(connection, table.schema, table.name) +
                   (condition.empty() ? "" : " WHERE " + condition) + ") TO STDOUT" +
                   (plan.renders.empty() ? "" : " (FORMAT binary)");
  return plan;
}

}  // namespace millrace
