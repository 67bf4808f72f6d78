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

}  // namespace millrace::duckdb
