// Temporary tables: `once` and `again` hold the output of the same rows as two kinds of change, as
// text: o0, o1, …, and i, the number of the row.
#include "command/verify_history.h"

#include <algorithm>
#include <charconv>

#include "wire/duckdb/postgres_text.h"
#include "wire/duckdb/row_statement.h"

namespace millrace {

namespace {

using duckdb::quote_name;
using duckdb::RowStatement;

constexpr const char* kOnce = "millrace_verify_once";
constexpr const char* kAgain = "millrace_verify_again";
constexpr int kExamples = 10;
// A row below this size has no value that an update leaves unsent (TOAST).
constexpr size_t kToastBytes = 2000;

std::string output(size_t i) {
  return "o" + std::to_string(i);
}

std::string comma(const std::string& list) {
  return list.empty() ? "" : ", ";
}

// All columns, as a history without sql names them.
std::string all_columns(const TableSchema& table) {
  std::string out;
  for (const duckdb::StoredColumn& column : duckdb::stored_columns(table)) {
    const std::string name = quote_name(column.name);
    out.append(comma(out)).append("changes.row.").append(name).append(" AS ").append(name);
  }
  return "SELECT " + out + " FROM changes";
}

Result<bool> reads_other_tables(duckdb::Connection& warehouse, const std::string& sql) {
  auto tree = warehouse.query("SELECT json_serialize_sql(" + duckdb::quote_text(sql) + ")");
  if (!tree) return Failure(tree.error());
  const std::string text = tree->text(0, 0).value_or("");
  constexpr std::string_view kTable = "\"BASE_TABLE\"";
  const size_t first = text.find(kTable);
  return first != std::string::npos &&
         text.find(kTable, first + kTable.size()) != std::string::npos;
}

size_t bytes_of(const Change& change) {
  size_t out = 0;
  for (const Datum& value : change.after.span())
    out += value.length;
  return out;
}

uint64_t number_of(const std::optional<std::string>& text) {
  uint64_t out = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), out);
  return out;
}

class HistoryChecker {
 public:
  HistoryChecker(duckdb::Connection& warehouse, const HistoryCheck& check, RowStatement statement)
      : warehouse_(warehouse), check_(check), statement_(std::move(statement)) {
    report_.source = check.table->full_name();
    report_.target = check.target.text();
    report_.is_history = true;
  }

  Result<void> read(SnapshotReader& reader, const GoOn& go_on);
  Result<VerifiedTable> compare();

 private:
  Result<void> read_batch(const Batch& batch);
  Result<void> insert(const char* into, std::vector<const Change*> changes);
  Result<void> choose_columns();
  Result<std::string> stored_text(size_t column);
  Result<void> find_missing();

  duckdb::Connection& warehouse_;
  const HistoryCheck& check_;
  RowStatement statement_;
  uint64_t large_ = 0;            // rows left out
  std::vector<size_t> compared_;  // of the statement's columns
  VerifiedTable report_;
};

Result<void> HistoryChecker::read(SnapshotReader& reader, const GoOn& go_on) {
  std::string columns;
  for (size_t i = 0; i < statement_.columns().size(); ++i)
    columns += output(i) + " VARCHAR, ";
  for (const char* table : {kOnce, kAgain}) {
    auto made = warehouse_.execute("CREATE OR REPLACE TEMP TABLE " + std::string(table) + " (" +
                                   columns + "i BIGINT)");
    if (!made) return Failure(made.error());
  }
  while (true) {
    auto batch = next_batch(reader, go_on);
    if (!batch) return Failure(batch.error());
    if (!*batch) return {};
    if (auto done = read_batch(**batch); !done) return done;
  }
}

Result<void> HistoryChecker::read_batch(const Batch& batch) {
  constexpr int64_t kOtherTime = 34'567'890'123'456;
  constexpr Lsn kOtherLsn = 123'456'789;
  std::vector<const Change*> once;
  std::vector<Change> others;
  const bool sends_all = check_.table->identity == ReplicaIdentity::kFull;
  for (const Change& change : batch.changes) {
    if (!sends_all && bytes_of(change) >= kToastBytes) {
      ++large_;
      continue;
    }
    once.push_back(&change);
    Change& other = others.emplace_back(change);
    other.op = Op::kUpdate;
    other.before = change.after;
    other.commit_us += kOtherTime;
    other.lsn += kOtherLsn;
    other.position.ordinal += kOtherLsn;
  }
  std::vector<const Change*> again;
  again.reserve(others.size());
  for (const Change& other : others)
    again.push_back(&other);
  if (auto done = insert(kOnce, std::move(once)); !done) return done;
  if (auto done = insert(kAgain, std::move(again)); !done) return done;
  report_.rows += batch.changes.size();
  return {};
}

Result<void> HistoryChecker::insert(const char* into, std::vector<const Change*> changes) {
  if (changes.empty()) return {};
  std::vector<duckdb::Refusal> refused;
  statement_.changes().set(std::move(changes), &refused);
  std::string names;
  for (size_t i = 0; i < statement_.columns().size(); ++i)
    names += output(i) + ", ";
  auto done = warehouse_.execute(
      "INSERT INTO " + std::string(into) + " SELECT " + names + std::to_string(report_.rows) +
      " + i FROM (" + statement_.select(RowStatement::Shape::kText) + ") AS q(" + names + "i)");
  statement_.changes().set({}, nullptr);
  if (!done) return Failure(done.error());
  if (into == kOnce) report_.refused += refused.size();
  return {};
}

// Those that are the same whatever kind of change a row came with.
Result<void> HistoryChecker::choose_columns() {
  std::string varies;
  for (size_t i = 0; i < statement_.columns().size(); ++i) {
    varies += comma(varies) + "coalesce(bool_or(a." + output(i) + " IS DISTINCT FROM b." +
              output(i) + "), false)";
  }
  auto rows = warehouse_.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (SELECT " + varies +
                               " FROM " + kOnce + " AS a JOIN " + kAgain + " AS b USING (i))");
  if (!rows) return Failure(rows.error());
  std::string left_out;
  for (size_t i = 0; i < statement_.columns().size(); ++i) {
    if (rows->text(0, i) == "false") {
      compared_.push_back(i);
    } else {
      left_out += comma(left_out) + statement_.columns()[i];
    }
  }
  if (!left_out.empty())
    report_.notes.push_back("left out, for they tell of the change and not of the row: " +
                            left_out);
  return {};
}

// SQL of an output column where it is stored, as the text that the statement gives.
Result<std::string> HistoryChecker::stored_text(size_t column) {
  const std::string name = quote_name(statement_.columns()[column]);
  const duckdb::StorageType wanted = statement_.types()[column];
  auto none = warehouse_.query("SELECT " + name + " FROM " + check_.target.sql() + " LIMIT 0");
  if (!none) return Failure(none.error());
  const bool is_same = none->column_type(0) == wanted || wanted.kind == duckdb::Storage::kOther;
  return duckdb::postgres_text(
      is_same ? name : "TRY_CAST(" + name + " AS " + sql_name(wanted) + ")", wanted);
}

Result<VerifiedTable> HistoryChecker::compare() {
  if (large_ > 0) {
    report_.notes.push_back(
        std::to_string(large_) +
        " rows with large values left out: an update that does not touch such a "
        "value is kept without it, unless the table has REPLICA IDENTITY FULL");
  }
  auto exists = warehouse_.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = " +
                                 duckdb::quote_text(check_.target.schema) +
                                 " AND table_name = " + duckdb::quote_text(check_.target.table));
  if (!exists) return Failure(exists.error());
  if (exists->text(0, 0) == "0") {
    // Its first change makes it.
    report_.missing = report_.rows - report_.refused - large_;
    if (report_.missing > 0)
      report_.notes.push_back("the warehouse has no table " + report_.target);
    return std::move(report_);
  }
  Result<void> done = choose_columns();
  if (done && compared_.empty()) {
    return fail(ErrorKind::kNotFound, "no column of its output tells of the row alone");
  }
  if (done) done = find_missing();
  if (!done) return Failure(done.error());
  return std::move(report_);
}

Result<void> HistoryChecker::find_missing() {
  std::string outputs;
  std::string stored;
  std::string equal;
  for (const size_t i : compared_) {
    auto text = stored_text(i);
    if (!text) return Failure(text.error());
    outputs += comma(outputs) + output(i);
    stored += comma(stored) + *text + " AS " + output(i);
    equal += (equal.empty() ? "" : " AND ") + ("w." + output(i)) + " IS NOT DISTINCT FROM h." +
             output(i);
  }
  const std::string wanted = "SELECT " + outputs + ", 1 AS n FROM " + std::string(kOnce) +
                             " WHERE i IN (SELECT i FROM " + kAgain + ")";
  const std::string held = "SELECT h.*, -1 FROM (SELECT " + stored + " FROM " +
                           check_.target.sql() + ") AS h WHERE EXISTS (SELECT 1 FROM " + kOnce +
                           " AS w WHERE " + equal + ")";
  auto made = warehouse_.execute("CREATE OR REPLACE TEMP TABLE millrace_verify_missing AS SELECT " +
                                 outputs + ", sum(n) AS n FROM (" + wanted + " UNION ALL " + held +
                                 ") GROUP BY " + outputs + " HAVING sum(n) > 0");
  if (!made) return Failure(made.error());
  auto total =
      warehouse_.query("SELECT CAST(coalesce(sum(n), 0) AS VARCHAR) FROM millrace_verify_missing");
  if (!total) return Failure(total.error());
  report_.missing = number_of(total->text(0, 0));
  auto rows = warehouse_.query(
      "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (FROM millrace_verify_missing ORDER BY ALL LIMIT " +
      std::to_string(kExamples) + ")");
  if (!rows) return Failure(rows.error());
  for (uint64_t row = 0; row < rows->row_count(); ++row) {
    DifferentRow& example = report_.examples.emplace_back();
    for (size_t i = 0; i < compared_.size(); ++i)
      example.row.emplace_back(statement_.columns()[compared_[i]], rows->text(row, i));
    example.count = number_of(rows->text(row, compared_.size()));
  }
  return {};
}

}  // namespace

Result<VerifiedTable> check_history(duckdb::Connection& warehouse, const HistoryCheck& check,
                                    const PostgresConfig& config, const SourceSnapshot& snapshot,
                                    const GoOn& go_on) {
  if (check.sql) {
    auto reads = reads_other_tables(warehouse, *check.sql);
    if (!reads) return Failure(reads.error());
    if (*reads) {
      return fail(ErrorKind::kNotFound,
                  "its sql reads other tables, and their rows may have been others at the time");
    }
  }
  auto statement = RowStatement::make(warehouse, check.sql ? *check.sql : all_columns(*check.table),
                                      check.table);
  if (!statement) return Failure(statement.error());
  auto reader = snapshot.read(config, check.table, std::nullopt);
  if (!reader) return Failure(reader.error());
  HistoryChecker checker(warehouse, check, std::move(*statement));
  Result<VerifiedTable> report = fail(ErrorKind::kInternal, "not compared");
  auto done = checker.read(**reader, go_on);
  if (done) {
    report = checker.compare();
  } else {
    report = Failure(done.error());
  }
  if (report || report.error().kind == ErrorKind::kNotFound) return report;
  return Failure(report.error().in("comparing " + check.table->full_name()));
}

}  // namespace millrace
