#include "sink/duckdb/history_writer.h"

#include <algorithm>

#include "wire/duckdb/postgres_text.h"

namespace millrace::duckdb {

namespace {

// Of such a row: in which key chunk it came.
constexpr std::string_view kChunk = "_millrace_chunk";

// Where the rows of the unfinished snapshot of a table wait for its target (in SQL). A target can
// be several tables'.
std::string waiting_table(const TableSchema& table, const std::string& target) {
  return "_millrace." + quote_name("snapshot " + std::to_string(table.oid) + " " + target);
}

// All columns of the row, then what the change was.
std::string all_columns(const TableSchema& table) {
  constexpr const char* kOwn[] = {"op", "lsn", "seq", "ts", "deleted", "unavailable"};
  std::vector<std::string> taken;
  std::string list;
  for (const StoredColumn& column : stored_columns(table)) {
    list += "changes.row." + quote_name(column.name) + " AS " + quote_name(column.name) + ", ";
    taken.push_back(column.name);
  }
  for (const std::string name : kOwn) {
    if (!list.ends_with(", ") && !list.empty()) list += ", ";
    list += (name == "deleted" ? "changes.op = 'd'" : "changes." + name) + " AS " +
            quote_name(free_name(name, taken));
  }
  return "SELECT " + list + " FROM changes";
}

std::string name_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    out += (out.empty() ? "" : ", ") + quote_name(name);
  return out;
}

}  // namespace

Result<void> HistoryWriter::open() {
  for (auto& [number, version] : versions_) {
    version.changes.clear();
    version.snapshot.clear();
  }
  refused_.clear();
  auto unfinished = bookkeeping_.unfinished();
  if (!unfinished) return Failure(unfinished.error());
  waiting_ = std::move(*unfinished);
  return {};
}

// A truncate is no row, so a statement has none to make of it.
bool HistoryWriter::must_prepare(const Change& change) const {
  if (!is_row(change.op) && change.op != Op::kTruncate) return false;
  if (versions_.contains(change.table->version)) return false;
  return is_row(change.op) || !statement_of_(*change.table);
}

bool HistoryWriter::is_prepared(const BatchView& view) const {
  for (const Change& change : view.changes) {
    if (must_prepare(change)) return false;
  }
  return true;
}

Result<void> HistoryWriter::prepare(const BatchView& view) {
  for (const Change& change : view.changes) {
    if (!must_prepare(change)) continue;
    const auto& schemas = view.batch->schemas;
    const auto shared = std::find_if(schemas.begin(), schemas.end(), [&](const SchemaPtr& schema) {
      return schema.get() == change.table;
    });
    if (shared == schemas.end()) {
      return fail(ErrorKind::kInternal, change.table->full_name() + ": a batch lacks its schema");
    }
    if (auto done = prepare(*shared); !done) return done;
  }
  return {};
}

Result<void> HistoryWriter::prepare(const SchemaPtr& schema) {
  const auto sql = statement_of_(*schema);
  auto statement = RowStatement::make(connection_, sql ? *sql : all_columns(*schema), schema);
  if (!statement) return Failure(statement.error());
  Version version{std::move(*statement), target_name(rule_, *schema), !sql, {}, {}, {}};
  const std::lock_guard lock(connection_.database().ddl());
  if (auto done = connection_.begin(); !done) return done;
  auto done = make_target(version);
  if (done) done = connection_.commit();
  if (!done) {
    connection_.roll_back();
    return Failure(done.error().in("table " + version.target.text()));
  }
  const std::string names = name_list(version.statement.columns());
  auto insert = connection_.prepare("INSERT INTO " + version.target.sql() + " (" + names + ") " +
                                    version.statement.select(RowStatement::Shape::kPlain));
  if (!insert) return Failure(insert.error().in("table " + version.target.text()));
  version.insert.emplace(std::move(*insert));
  versions_.emplace(schema->version, std::move(version));
  return {};
}

Result<void> HistoryWriter::make_target(Version& version) {
  auto exists = table_exists(connection_, version.target);
  if (!exists) return Failure(exists.error());
  auto is_made = bookkeeping_.claim(version.target.sql(), *exists);
  if (!is_made) return Failure(is_made.error());
  version.statement.changes().set({}, &refused_);
  auto made =
      connection_.execute("CREATE SCHEMA IF NOT EXISTS " + quote_name(version.target.schema) +
                          "; CREATE TABLE IF NOT EXISTS " + version.target.sql() + " AS " +
                          version.statement.select(RowStatement::Shape::kPlain) + " WITH NO DATA");
  if (!made) return Failure(made.error());
  return fit_columns(version, *is_made);
}

Result<void> HistoryWriter::fit_columns(Version& version, bool is_made) {
  auto stored = connection_.query("SELECT * FROM " + version.target.sql() + " LIMIT 0");
  if (!stored) return Failure(stored.error());
  const auto& names = version.statement.columns();
  for (size_t i = 0; i < names.size(); ++i) {
    const StorageType given = version.statement.types()[i];
    uint64_t at = 0;
    while (at < stored->column_count() && !same_ignoring_case(stored->column_name(at), names[i]))
      ++at;
    const bool is_there = at < stored->column_count();
    const StorageType now = is_there ? stored->column_type(at) : given;
    const StorageType wanted = widest(now, given);
    if (is_there && (!is_made || wanted == now || now.kind == Storage::kOther)) continue;
    if (given.kind == Storage::kOther) {
      return fail(
          ErrorKind::kConfig,
          "column " + names[i] + " of the sql has a list or struct type that the target lacks",
          "add the column to the target, or give the branch another duckdb.table");
    }
    auto done = connection_.execute(
        "ALTER TABLE " + version.target.sql() + (is_there ? " ALTER COLUMN " : " ADD COLUMN ") +
        quote_name(names[i]) + (is_there ? " TYPE " : " ") + sql_name(wanted) +
        (is_there ? " USING " + widened(quote_name(names[i]), now, wanted) : ""));
    if (!done) return Failure(done.error());
  }
  return {};
}

Result<void> HistoryWriter::forget_snapshots() {
  for (const std::string& waiting : waiting_) {
    auto done = connection_.execute("DROP TABLE IF EXISTS " + waiting);
    if (!done) return Failure(done.error());
  }
  waiting_.clear();
  return bookkeeping_.clear_unfinished();
}

Result<void> HistoryWriter::begin_snapshot(const BatchView& view) {
  for (const SchemaPtr& schema : view.batch->schemas) {
    if (auto done = drop_waiting(waiting_table(*schema, target_name(rule_, *schema).sql())); !done)
      return done;
  }
  return {};
}

Result<void> HistoryWriter::drop_waiting(const std::string& waiting) {
  if (waiting_.erase(waiting) == 0) return {};
  auto done = connection_.execute("DROP TABLE IF EXISTS " + waiting);
  if (!done) return Failure(done.error());
  return bookkeeping_.clear_unfinished(waiting);
}

Result<void> HistoryWriter::resume_snapshot(const BatchView& view, const UnreadKeys& unread) {
  std::string again = "false";
  for (const KeyRange& range : unread.ranges) {
    again += " OR (" + std::string(kChunk) + " > " + std::to_string(range.after.number) + " AND " +
             std::string(kChunk) + " <= " + std::to_string(range.through.number) + ")";
  }
  for (const SchemaPtr& schema : view.batch->schemas) {
    const std::string waiting = waiting_table(*schema, target_name(rule_, *schema).sql());
    if (!waiting_.contains(waiting)) continue;
    auto done = connection_.execute("DELETE FROM " + waiting + " WHERE " + again);
    // The numbers of what is kept mean nothing any more.
    if (done) {
      done = connection_.execute("UPDATE " + waiting + " SET " + std::string(kChunk) + " = NULL");
    }
    if (!done) return Failure(done.error());
  }
  return {};
}

Result<void> HistoryWriter::add(std::span<const Change> changes, const Batch& batch) {
  const bool in_snapshot = batch.stream != kSlotStream;
  if (in_snapshot && batch.chunk != chunk_) {
    if (auto done = execute(); !done) return done;
    chunk_ = batch.chunk;
  }
  for (const Change& change : changes) {
    const bool is_truncate = change.op == Op::kTruncate;
    if (!is_row(change.op) && !is_truncate) continue;
    const auto found = versions_.find(change.table->version);
    if (found == versions_.end()) continue;  // a truncate that a statement makes nothing of
    Version& version = found->second;
    if (is_truncate && !version.takes_truncates) continue;
    const bool waits = in_snapshot && change.op == Op::kRead;
    (waits ? version.snapshot : version.changes).push_back(&change);
  }
  return {};
}

Result<void> HistoryWriter::execute() {
  for (auto& [number, version] : versions_) {
    if (!version.snapshot.empty()) {
      if (auto done = insert_waiting(version); !done) return done;
    }
    if (!version.changes.empty()) {
      if (auto done = insert(version); !done) return done;
    }
  }
  return {};
}

Result<void> HistoryWriter::insert(Version& version) {
  version.statement.changes().set(std::exchange(version.changes, {}), &refused_);
  auto done = version.insert->execute();
  version.statement.changes().set({}, nullptr);
  if (!done) {
    return Failure(done.error().in("sql for " + version.statement.changes().table().full_name()));
  }
  return {};
}

Result<void> HistoryWriter::insert_waiting(Version& version) {
  const std::string waiting =
      waiting_table(version.statement.changes().table(), version.target.sql());
  if (!waiting_.contains(waiting)) {
    auto made = connection_.execute(
        "CREATE TABLE IF NOT EXISTS " + waiting + " AS SELECT *, CAST(NULL AS UBIGINT) AS " +
        std::string(kChunk) + " FROM " + version.target.sql() + " LIMIT 0");
    if (!made) return Failure(made.error());
    waiting_.insert(waiting);
    if (auto done = bookkeeping_.add_unfinished(waiting); !done) return done;
  }
  version.statement.changes().set(std::exchange(version.snapshot, {}), &refused_);
  std::string names = name_list(version.statement.columns());
  std::string rows = version.statement.select(RowStatement::Shape::kPlain);
  if (chunk_ != 0) {
    names += ", " + std::string(kChunk);
    rows = "SELECT *, CAST(" + std::to_string(chunk_) + " AS UBIGINT) FROM (" + rows + ") AS rows";
  }
  auto done = connection_.execute("INSERT INTO " + waiting + " (" + names + ") " + rows);
  version.statement.changes().set({}, nullptr);
  if (!done) {
    return Failure(done.error().in("sql for " + version.statement.changes().table().full_name()));
  }
  return {};
}

Result<void> HistoryWriter::finish_snapshot(const BatchView& view) {
  for (const SchemaPtr& schema : view.batch->schemas) {
    const std::string target = target_name(rule_, *schema).sql();
    const std::string waiting = waiting_table(*schema, target);
    if (!waiting_.contains(waiting)) continue;
    auto done =
        connection_.execute("INSERT INTO " + target + " BY NAME SELECT COLUMNS(c -> c <> '" +
                            std::string(kChunk) + "') FROM " + waiting);
    if (!done) return Failure(done.error());
    if (auto dropped = drop_waiting(waiting); !dropped) return dropped;
  }
  return {};
}

}  // namespace millrace::duckdb
