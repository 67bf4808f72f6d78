#include "sink/duckdb/bookkeeping.h"
#include "sink/duckdb/change_writer.h"

namespace millrace::duckdb {

namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::string TargetName::sql() const {
  return quote_name(schema) + "." + quote_name(table);
}

TargetName target_name(const TargetRule& rule, const TableSchema& table) {
  TargetName out;
  out.schema = rule.is_one_schema || table.schema == "public" ? rule.schema : table.schema;
  out.table = rule.table;
  // The source's schema first: a table may be called "${schema}", a schema can't hurt.
  replace_all(out.table, "${schema}", table.schema);
  replace_all(out.table, "${table}", table.name);
  return out;
}

Result<bool> table_exists(Connection& connection, const TargetName& name) {
  auto tables = connection.query(
      "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = "
      "current_database() AND lower(table_name) = lower(" +
      quote_text(name.table) + ")");
  if (!tables) return Failure(tables.error());
  for (uint64_t row = 0; row < tables->row_count(); ++row) {
    const TargetName other{tables->text(row, 0).value_or(""), tables->text(row, 1).value_or("")};
    if (!same_ignoring_case(other.schema, name.schema)) continue;
    if (other.table == name.table) return true;
    if (!same_ignoring_case(other.table, name.table)) continue;
    return Failure(case_error(other.text(), name.text()).in(other.text() + " is there already"));
  }
  return false;
}

}  // namespace millrace::duckdb
