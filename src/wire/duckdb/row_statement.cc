#include "wire/duckdb/row_statement.h"

#include <simdjson.h>

#include <algorithm>

#include "wire/duckdb/postgres_text.h"
#include "wire/duckdb/row_syntax.h"

namespace millrace::duckdb {

namespace {

std::string view_name(int64_t id) {
  return "millrace_changes_" + std::to_string(id);
}

// Names of the output: what the order column is called inside and a star brought along are left
// out.
Result<std::vector<std::string>> output_columns(Connection& connection, const std::string& inner) {
  auto prepared = connection.prepare(inner);
  if (!prepared) return Failure(prepared.error());
  std::vector<std::string> out;
  for (const std::string& name : prepared->column_names()) {
    if (name == kOrderColumn || name == kOrderAlias) continue;
    for (const std::string& other : out) {
      if (!same_ignoring_case(name, other)) continue;
      return fail(ErrorKind::kConfig, "two output columns of the sql are called " + name,
                  "give one of them another name with AS");
    }
    out.push_back(name);
  }
  if (out.empty()) return fail(ErrorKind::kConfig, "the sql has no output columns");
  return out;
}

// Whether each operator of the plan reads from one other at most, so that rows stay in their order.
// Asked of the plan, for a macro or a long IN list are joins too.
Result<bool> is_chain(Connection& connection, const std::string& sql) {
  auto explained = connection.query("EXPLAIN (FORMAT JSON) " + sql);
  if (!explained) return Failure(explained.error());
  const std::string plan = explained->text(0, 1).value_or("");
  simdjson::dom::parser parser;
  simdjson::dom::array operators;
  if (parser.parse(plan).get(operators) != simdjson::SUCCESS) return false;
  while (operators.size() == 1) {
    if (operators.at(0)["children"].get(operators) != simdjson::SUCCESS) return false;
  }
  return operators.size() == 0;
}

}  // namespace

Result<void> check_row_statement(Connection& connection, const std::string& sql) {
  auto rewritten = rewrite_row_statement(connection, sql, "changes");
  if (!rewritten) return Failure(rewritten.error());
  return {};
}

Result<bool> gives_columns(Connection& connection, const std::string& sql,
                           const std::vector<std::string>& names) {
  auto outputs = output_names(connection, sql);
  if (!outputs) return Failure(outputs.error());
  auto is_given = [&](const std::string& name) {
    return std::any_of(outputs->begin(), outputs->end(), [&](const std::string& output) {
      return output == "*" || same_ignoring_case(output, name);
    });
  };
  return std::all_of(names.begin(), names.end(), is_given);
}

Result<RowStatement> RowStatement::make(Connection& connection, const std::string& sql,
                                        SchemaPtr table) {
  RowStatement out;
  out.database_ = connection.shared_database();
  out.relation_ = std::make_shared<ChangesRelation>(std::move(table));
  out.id_ = out.database_->rows().add(out.relation_);
  auto inner = rewrite_row_statement(connection, sql, view_name(out.id_));
  if (!inner) return Failure(inner.error());
  out.inner_ = std::move(*inner);
  auto view = connection.execute("CREATE OR REPLACE TEMP VIEW " + view_name(out.id_) +
                                 " AS SELECT * FROM " + kAskedRowsFunction + "(" +
                                 std::to_string(out.id_) + ")");
  if (!view) return Failure(view.error());
  auto keeps_order = is_chain(connection, out.inner_);
  if (!keeps_order) return Failure(keeps_order.error());
  out.keeps_order_ = *keeps_order;
  auto columns = output_columns(connection, out.inner_);
  if (!columns) return Failure(columns.error().in("sql for " + out.relation_->table().full_name()));
  out.columns_ = std::move(*columns);
  auto none = connection.query(out.select(Shape::kPlain) + " LIMIT 0");
  if (!none) return Failure(none.error());
  for (size_t i = 0; i < out.columns_.size(); ++i)
    out.types_.push_back(none->column_type(i));
  return out;
}

RowStatement::RowStatement(RowStatement&& other) noexcept
    : database_(std::move(other.database_)),
      relation_(std::move(other.relation_)),
      id_(other.id_),
      inner_(std::move(other.inner_)),
      keeps_order_(other.keeps_order_),
      columns_(std::move(other.columns_)),
      types_(std::move(other.types_)) {}

RowStatement::~RowStatement() {
  if (database_ != nullptr) database_->rows().remove(id_);
}

std::string RowStatement::select(Shape shape) const {
  std::string list;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) list += ", ";
    const std::string name = quote_name(columns_[i]);
    list += shape == Shape::kPlain ? name : postgres_text(name, types_[i]) + " AS " + name;
  }
  if (shape == Shape::kText) list += std::string(", ") + kOrderAlias;
  const std::string order = keeps_order_ ? "" : std::string(" ORDER BY ") + kOrderAlias;
  return "SELECT " + list + " FROM (" + inner_ + ")" + order;
}

}  // namespace millrace::duckdb
