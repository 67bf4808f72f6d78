#include "transform/sql/sql_transform.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>

#include "wire/duckdb/row_statement.h"

namespace millrace {

namespace {

using duckdb::Connection;
using duckdb::Database;
using duckdb::Refusal;
using duckdb::RowStatement;
using duckdb::Storage;
using duckdb::StorageType;

const std::vector<std::string> kIdentity = {"lsn", "seq"};

const std::string* statement_for(const SqlTransformOptions& options, const TableSchema& table) {
  RE2::Options regex;
  regex.set_case_sensitive(false);
  regex.set_log_errors(false);
  for (const auto& [tables, sql] : options.statements) {
    if (tables.empty() || RE2::FullMatch(table.full_name(), RE2(tables, regex))) return &sql;
  }
  return nullptr;
}

Error no_identity() {
  return Error(ErrorKind::kConfig,
               "the sql has no output columns lsn and seq, and the sink tells events apart by them",
               "add lsn and seq to its SELECT");
}

// The nearest PostgreSQL type whose text the output has.
ColumnType column_type(StorageType type) {
  ColumnType out;
  switch (type.kind) {
    case Storage::kBoolean:
      out.type = PgType::kBool, out.name = "bool";
      break;
    case Storage::kSmallint:
      out.type = PgType::kInt2, out.name = "int2";
      break;
    case Storage::kInteger:
      out.type = PgType::kInt4, out.name = "int4";
      break;
    case Storage::kBigint:
    case Storage::kUinteger:
      out.type = PgType::kInt8, out.name = "int8";
      break;
    case Storage::kFloat:
      out.type = PgType::kFloat4, out.name = "float4";
      break;
    case Storage::kDouble:
      out.type = PgType::kFloat8, out.name = "float8";
      break;
    case Storage::kDecimal:
      out.type = PgType::kNumeric, out.name = "numeric";
      out.typmod = (type.width << 16 | type.scale) + 4;
      break;
    case Storage::kJson:
      out.type = PgType::kJson, out.name = "json";
      break;
    case Storage::kBlob:
      out.type = PgType::kBytea, out.name = "bytea";
      break;
    case Storage::kUuid:
      out.type = PgType::kUuid, out.name = "uuid";
      break;
    case Storage::kDate:
      out.type = PgType::kDate, out.name = "date";
      break;
    case Storage::kTime:
      out.type = PgType::kTime, out.name = "time";
      break;
    case Storage::kTimestamp:
      out.type = PgType::kTimestamp, out.name = "timestamp";
      break;
    case Storage::kTimestamptz:
      out.type = PgType::kTimestamptz, out.name = "timestamptz";
      break;
    default:
      out.type = PgType::kText, out.name = "text";
      break;
  }
  return out;
}

SchemaPtr output_schema(const RowStatement& statement, const TableSchema& source) {
  auto out = std::make_shared<TableSchema>();
  out->oid = source.oid;
  out->schema = source.schema;
  out->name = source.name;
  for (size_t i = 0; i < statement.columns().size(); ++i) {
    Column column;
    column.name = statement.columns()[i];
    column.type = column_type(statement.types()[i]);
    out->columns.push_back(std::move(column));
  }
  out->version = next_schema_version();
  return out;
}

// What a view refers to after the transform.
struct Output {
  explicit Output(MemoryBudget* budget) : arena(budget) {}

  Arena arena;
  std::vector<Change> changes;
  std::vector<SchemaPtr> schemas;
};

class SqlTransform final : public Transform {
 public:
  SqlTransform(SqlTransformOptions options, Connection connection)
      : options_(std::move(options)), connection_(std::move(connection)) {}

  Result<void> apply(BatchView& view) override;

 private:
  struct Bound {  // a statement and a version of a table
    RowStatement statement;
    SchemaPtr output;
    duckdb::Statement select;
  };

  Result<Bound*> bound_for(const BatchView& view, const TableSchema& table);
  Result<Bound> bind(const std::string& sql, const SchemaPtr& table);
  Result<void> run(Bound& bound, std::span<const Change> changes, Output& out);
  Result<void> run_once(Bound& bound, std::span<const Change> changes, Output& out);
  Result<void> refuse(const Refusal& refusal);
  static void take_row(Bound& bound, duckdb::Chunk& chunk, uint64_t row, Output& out);

  const SqlTransformOptions options_;
  Connection connection_;
  std::map<uint64_t, std::optional<Bound>>
      bound_;  // by TableSchema::version; nullopt: no statement
};

Result<void> SqlTransform::apply(BatchView& view) {
  auto out = std::make_shared<Output>(options_.budget);
  const auto changes = view.changes;
  size_t from = 0;
  while (from < changes.size()) {
    const TableSchema* table = changes[from].table;
    const bool has_row = is_row(changes[from].op);
    size_t to = from + 1;
    while (to < changes.size() && changes[to].table == table && is_row(changes[to].op) == has_row) {
      ++to;
    }
    if (has_row) {
      auto bound = bound_for(view, *table);
      if (!bound) return Failure(bound.error());
      if (*bound != nullptr) {
        auto done = run(**bound, changes.subspan(from, to - from), *out);
        if (!done) return Failure(done.error().in("sql for " + table->full_name()));
      }
    }
    from = to;
  }
  view.changes = out->changes;
  view.made_bytes += out->arena.bytes();
  view.keep.push_back(std::move(out));
  return {};
}

Result<SqlTransform::Bound*> SqlTransform::bound_for(const BatchView& view,
                                                     const TableSchema& table) {
  const auto known = bound_.find(table.version);
  if (known != bound_.end()) return known->second ? &*known->second : nullptr;
  const std::string* sql = statement_for(options_, table);
  if (sql == nullptr) {
    bound_.emplace(table.version, std::nullopt);
    return nullptr;
  }
  for (const SchemaPtr& schema : view.batch->schemas) {
    if (schema.get() != &table) continue;
    auto bound = bind(*sql, schema);
    if (!bound) return Failure(bound.error());
    return &*bound_.emplace(table.version, std::move(*bound)).first->second;
  }
  return fail(ErrorKind::kInternal, table.full_name() + ": a batch lacks its schema");
}

Result<SqlTransform::Bound> SqlTransform::bind(const std::string& sql, const SchemaPtr& table) {
  auto statement = RowStatement::make(connection_, sql, table);
  if (!statement) return Failure(statement.error());
  for (const std::string& name : kIdentity) {
    const auto& columns = statement->columns();
    const bool is_there = std::any_of(
        columns.begin(), columns.end(),
        [&](const std::string& column) { return duckdb::same_ignoring_case(column, name); });
    if (options_.needs_identity && !is_there) return Failure(no_identity());
  }
  auto select = connection_.prepare(statement->select(RowStatement::Shape::kText));
  if (!select) return Failure(select.error());
  SchemaPtr output = output_schema(*statement, *table);
  return Bound{std::move(*statement), std::move(output), std::move(*select)};
}

// Halves the changes until the one is found that the statement cannot compute.
Result<void> SqlTransform::run(Bound& bound, std::span<const Change> changes, Output& out) {
  const size_t before = out.changes.size();
  auto done = run_once(bound, changes, out);
  if (done || done.error().kind != ErrorKind::kData) return done;
  out.changes.resize(before);
  if (changes.size() == 1) return refuse({&changes.front(), done.error()});
  const size_t half = changes.size() / 2;
  if (auto first = run(bound, changes.first(half), out); !first) return first;
  return run(bound, changes.subspan(half), out);
}

Result<void> SqlTransform::run_once(Bound& bound, std::span<const Change> changes, Output& out) {
  std::vector<const Change*> pointers;
  for (const Change& change : changes)
    pointers.push_back(&change);
  std::vector<Refusal> refused;
  bound.statement.changes().set(std::move(pointers), &refused);
  auto result = bound.select.execute();
  if (!result) return Failure(result.error());
  while (true) {
    auto chunk = bound.select.fetch(*result);
    if (!chunk) return Failure(chunk.error());
    if (!*chunk) break;
    for (uint64_t row = 0; row < (*chunk)->rows(); ++row)
      take_row(bound, **chunk, row, out);
  }
  out.schemas.push_back(bound.output);
  for (const Refusal& refusal : refused) {
    if (auto done = refuse(refusal); !done) return done;
  }
  return {};
}

void SqlTransform::take_row(Bound& bound, duckdb::Chunk& chunk, uint64_t row, Output& out) {
  const size_t width = bound.statement.columns().size();
  const Change& source = bound.statement.changes().change(chunk.bigint(row, width));
  Datum* values = out.arena.allocate_array<Datum>(width);
  for (size_t i = 0; i < width; ++i) {
    values[i] = Datum{};
    if (chunk.is_null(row, i)) continue;
    const std::string_view text = out.arena.copy(chunk.varchar(row, i));
    values[i] = Datum{text.data(), static_cast<uint32_t>(text.size()), DatumKind::kText};
  }
  Change change = source;
  change.op = Op::kCreate;
  change.table = bound.output.get();
  change.before = {};
  change.after = Tuple{values, static_cast<uint16_t>(width), TupleKind::kFull};
  out.changes.push_back(change);
}

Result<void> SqlTransform::refuse(const Refusal& refusal) {
  if (options_.refuse) return options_.refuse(*refusal.change, refusal.error);
  // Another kind than kData: that would be looked for again.
  return fail(ErrorKind::kConfig, refusal.error.message, refusal.error.cure);
}

Result<Connection> open_connection(const SqlTransformOptions& options) {
  auto database = Database::open(options.file, {options.memory_max_bytes, options.threads});
  if (!database) return Failure(database.error());
  return (*database)->connect();
}

void add_problem(Problems& problems, Problem::Severity severity, const Error& error) {
  problems.push_back({severity, "sql", "", error.message, error.cure});
}

void check_form(Connection& connection, const SqlTransformOptions& options, Problems& problems) {
  for (const auto& [tables, sql] : options.statements) {
    auto has_identity = duckdb::gives_columns(connection, sql, kIdentity);
    if (!has_identity) {
      add_problem(problems, Problem::Severity::kError, has_identity.error());
    } else if (options.needs_identity && !*has_identity) {
      add_problem(problems, Problem::Severity::kError, no_identity());
    }
  }
}

}  // namespace

Result<std::unique_ptr<Transform>> make_sql_transform(SqlTransformOptions options) {
  auto connection = open_connection(options);
  if (!connection) return Failure(connection.error());
  for (const auto& [tables, sql] : options.statements) {
    if (auto done = duckdb::check_row_statement(*connection, sql); !done) {
      return Failure(done.error());
    }
  }
  return std::make_unique<SqlTransform>(std::move(options), std::move(*connection));
}

Problems check_sql(const SqlTransformOptions& options, std::span<const SchemaPtr> tables) {
  Problems problems;
  auto connection = open_connection(options);
  if (!connection) {
    add_problem(problems, Problem::Severity::kError, connection.error());
    return problems;
  }
  check_form(*connection, options, problems);
  if (!problems.empty()) return problems;
  for (const SchemaPtr& table : tables) {
    const std::string* sql = statement_for(options, *table);
    if (sql == nullptr) continue;
    auto bound = RowStatement::make(*connection, *sql, table);
    if (bound) continue;
    const bool is_missing_table =
        bound.error().message.find("Table with name") != std::string::npos;
    add_problem(problems,
                is_missing_table ? Problem::Severity::kWarning : Problem::Severity::kError,
                bound.error());
  }
  return problems;
}

}  // namespace millrace
